using System.Diagnostics.CodeAnalysis;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Access;

/// <summary>
/// Records of documents lately asked for, those that are not registered among them: any number of principals are decided about from one record, and it is read once
/// however many ask at the same time. A record is forgotten when its document's access changes; a read that was under way then is given to those who wait for it and to nobody after them.
/// </summary>
/// <remarks>Safe on any thread. Bounded by the entries of access lists it holds; used least recently is forgotten first.</remarks>
internal sealed class DocumentRecords(IAccountStore store, int entriesMax)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<DocumentId, LinkedListNode<Entry>> _entries = new(DocumentId.Comparer.Instance);
    private readonly LinkedList<Entry> _byUse = [];              // used least recently first
    private readonly Dictionary<string, DocumentId> _names = new(StringComparer.Ordinal);
    private readonly HashSet<string> _freeNames = new(StringComparer.Ordinal);
    private int _weight;
    private int _registrations;

    public int Count
    {
        get
        {
            lock (_gate) return _entries.Count;
        }
    }

    /// <returns>false: not in memory. True with null: there is no such document.</returns>
    public bool TryGet(DocumentId id, out DocumentRecord? record)
    {
        lock (_gate)
        {
            if (_entries.TryGetValue(id, out LinkedListNode<Entry>? node) && node.Value.Loading is null)
            {
                Use(node);
                record = node.Value.Record;
                return true;
            }
        }

        record = null;
        return false;
    }

    /// <summary>By any of its names.</summary>
    public bool TryGet(string name, out DocumentRecord? record)
    {
        record = null;
        DocumentId id;
        lock (_gate)
        {
            if (_freeNames.Contains(name)) return true;
            if (!_names.TryGetValue(name, out id)) return false;
        }

        return TryGet(id, out record) && record is not null && IsNameOf(name, record);
    }

    public async ValueTask<DocumentRecord?> GetAsync(DocumentId id, CancellationToken stop)
    {
        Entry entry;
        TaskCompletionSource<DocumentRecord?>? mine = null;
        Task<DocumentRecord?> loading;
        lock (_gate)
        {
            if (_entries.TryGetValue(id, out LinkedListNode<Entry>? node))
            {
                Use(node);
                entry = node.Value;
                if (entry.Loading is null) return entry.Record;
            }
            else
            {
                mine = new TaskCompletionSource<DocumentRecord?>(TaskCreationOptions.RunContinuationsAsynchronously);
                entry = new Entry(id) { Loading = mine.Task };
                _entries.Add(id, _byUse.AddLast(entry));
                _weight += entry.Weight;
                Trim();
            }

            loading = entry.Loading;
        }

        return mine is null ? await loading.WaitAsync(stop) : await LoadAsync(entry, mine);
    }

    /// <summary>By a name of an access list: also that it is nobody's is remembered.</summary>
    public ValueTask<DocumentRecord?> GetAsync(string name, CancellationToken stop) =>
        TryGet(name, out DocumentRecord? known) ? ValueTask.FromResult(known) : ReadAsync(name, keepsFree: true, stop);

    /// <summary>By a name that anybody may come up with: names of nothing are not remembered, so that nobody fills the table with them.</summary>
    public ValueTask<DocumentRecord?> FindAsync(string name, CancellationToken stop) =>
        TryGet(name, out DocumentRecord? known) ? ValueTask.FromResult(known) : ReadAsync(name, keepsFree: false, stop);

    public void Forget(DocumentId id)
    {
        lock (_gate)
        {
            if (_entries.Remove(id, out LinkedListNode<Entry>? node)) Drop(node);
        }
    }

    /// <summary>A name that was free may be taken now.</summary>
    public void Registered(DocumentId id)
    {
        lock (_gate)
        {
            _registrations++;
            _freeNames.Clear();
        }

        Forget(id);
    }

    public void Clear()
    {
        lock (_gate)
        {
            _registrations++;
            _freeNames.Clear();
            _names.Clear();
            _entries.Clear();
            _byUse.Clear();
            _weight = 0;
        }
    }

    /// <summary>The store has another size of a document by now; nothing that access rests upon.</summary>
    public void SizeRecorded(in StoredSize size)
    {
        lock (_gate)
        {
            if (!_entries.TryGetValue(size.Id, out LinkedListNode<Entry>? node)) return;
            if (node.Value.Loading is not null)
            {
                _entries.Remove(size.Id);
                Drop(node);
            }
            else if (node.Value.Record is { } record)
            {
                node.Value.Record = record with { Size = size.Bytes, UpdatedAt = size.WrittenAt > record.UpdatedAt ? size.WrittenAt : record.UpdatedAt };
            }
        }
    }

    private static bool IsNameOf(string name, DocumentRecord record) =>
        record.Id == name || (name.Length == record.AutomergeId.Text.Length && record.AutomergeId.ToString() == name);

    private async ValueTask<DocumentRecord?> ReadAsync(string name, bool keepsFree, CancellationToken stop)
    {
        int registrations;
        lock (_gate) registrations = _registrations;
        DocumentRecord? record = await store.FindDocumentAsync(name, stop);
        lock (_gate)
        {
            if (_names.Count + _freeNames.Count >= entriesMax)
            {
                _names.Clear();
                _freeNames.Clear();
            }

            if (record is not null) _names[name] = record.AutomergeId;
            else if (keepsFree && registrations == _registrations) _freeNames.Add(name);
        }

        // Read once more by its id: what was found by its name may be older than what is known by now.
        return record is null ? null : await GetAsync(record.AutomergeId, stop) is { } current && IsNameOf(name, current) ? current : null;
    }

    [SuppressMessage("Design", "CA1031:Do not catch general exception types", Justification = "everybody who waits is told")]
    private async ValueTask<DocumentRecord?> LoadAsync(Entry entry, TaskCompletionSource<DocumentRecord?> loading)
    {
        try
        {
            DocumentRecord? record = await store.FindDocumentAsync(entry.Id, CancellationToken.None);
            lock (_gate)
            {
                entry.Loading = null;
                entry.Record = record;
                if (_entries.TryGetValue(entry.Id, out LinkedListNode<Entry>? node) && node.Value == entry)
                {
                    _weight += entry.Weight - 1;
                    Trim();
                }
            }

            loading.SetResult(record);
            return record;
        }
        catch (Exception e)
        {
            lock (_gate)
            {
                if (_entries.TryGetValue(entry.Id, out LinkedListNode<Entry>? node) && node.Value == entry)
                {
                    _entries.Remove(entry.Id);
                    Drop(node);
                }
            }

            loading.SetException(e);
            _ = loading.Task.Exception;                           // observed, also if nobody else waits
            throw;
        }
    }

    private void Use(LinkedListNode<Entry> node)
    {
        if (node.Next is null) return;
        _byUse.Remove(node);
        _byUse.AddLast(node);
    }

    private void Drop(LinkedListNode<Entry> node)
    {
        _byUse.Remove(node);
        _weight -= node.Value.Weight;
    }

    private void Trim()
    {
        while (_weight > entriesMax && _byUse.First is { } oldest && oldest.Next is not null)
        {
            _entries.Remove(oldest.Value.Id);
            Drop(oldest);
        }
    }

    private sealed class Entry(DocumentId id)
    {
        public DocumentId Id => id;

        public DocumentRecord? Record { get; set; }

        public Task<DocumentRecord?>? Loading { get; set; }

        public int Weight => 1 + (Record?.Acl.Count ?? 0);
    }
}
