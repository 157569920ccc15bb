using System.Runtime.CompilerServices;
using Automerge.Changes;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.InMemory;

/// <summary>
/// The chunk store without a disk, for tests and seeded simulations: no clock, no thread, no randomness. Every call completes before it returns
/// (continuations run on the caller), unless it is held by <see cref="OnAppend"/> or waits for <see cref="Commit"/> in manual mode.
/// Readers see what was committed, and nothing else.
/// </summary>
/// <remarks>Safe on any thread. Grows without bound: it forgets nothing that a cursor could ask for.</remarks>
public sealed class InMemoryChunkStore : IChunkStore
{
    /// <summary>Sync states kept per document; as the store on disk does.</summary>
    public const int SyncStatesPerDocumentMax = 64;

    private readonly Lock _gate = new();
    private readonly Dictionary<DocumentId, Document> _documents = [];
    private readonly List<StoreDelta> _history = [];
    private readonly List<Call> _waiting = [];
    private readonly bool _manualCommit;
    private Fence _lowest = new(1, 0);

    /// <param name="manualCommit">Whether appends, compactions and deletions wait for <see cref="Commit"/>, so that <see cref="Crash"/> can lose them.</param>
    public InMemoryChunkStore(bool manualCommit = false) => _manualCommit = manualCommit;

    /// <summary>Asked for every append, in call order, under the store's lock: it must not call back.</summary>
    public Func<AppendBatch, AppendVerdict>? OnAppend { get; set; }

    /// <summary>Calls that have not been answered.</summary>
    public int WaitingCount
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    public StoreCursor Now
    {
        get
        {
            lock (_gate) return new StoreCursor((ulong)_history.Count);
        }
    }

    /// <summary>From now on only what was authorised under this epoch, and no earlier control number, is stored.</summary>
    public void RaiseFence(Fence lowest)
    {
        lock (_gate) _lowest = lowest;
    }

    /// <summary>Manual mode: makes durable and answers everything that is not held.</summary>
    public void Commit() => Drain(_ => true);

    /// <summary>Lets the held appends of a document go on, and what waits behind them; in manual mode they then wait for <see cref="Commit"/>.</summary>
    public void Release(DocumentId id)
    {
        lock (_gate)
        {
            foreach (Call call in _waiting)
            {
                if (call.Id == id) call.Held = false;
            }
        }

        if (!_manualCommit) Drain(call => call.Id == id);
    }

    /// <summary>
    /// The process dies: what was not committed is gone and its calls are never answered. The store may be used on, as after a restart.
    /// </summary>
    public void Crash()
    {
        lock (_gate) _waiting.Clear();
    }

    public ValueTask<StoredDocument> LoadAsync(DocumentId id, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled<StoredDocument>(stop);
        lock (_gate) return ValueTask.FromResult(_documents.TryGetValue(id, out Document? document) ? document.ToStored() : StoredDocument.Unknown);
    }

    public ValueTask PeekAsync(ReadOnlyMemory<DocumentId> ids, Memory<DocumentPeek> into, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled(stop);
        if (into.Length < ids.Length) throw new ArgumentException("shorter than the ids", nameof(into));
        lock (_gate)
        {
            for (int i = 0; i < ids.Length; i++)
            {
                into.Span[i] = _documents.TryGetValue(ids.Span[i], out Document? document)
                    ? new DocumentPeek(document.Presence, document.Heads)
                    : new DocumentPeek(StoredPresence.Unknown, default);
            }
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask<AppendOutcome> AppendAsync(AppendBatch batch, Fence authorisedUnder, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled<AppendOutcome>(stop);
        AppendVerdict verdict;
        lock (_gate) verdict = OnAppend?.Invoke(batch) ?? AppendVerdict.Store;
        return Submit(batch.Id, verdict == AppendVerdict.Hold, () =>
        {
            if (verdict == AppendVerdict.Fence || !InForce(authorisedUnder)) return AppendOutcome.Fenced;
            if (verdict == AppendVerdict.UnknownLost) return AppendOutcome.Unknown;
            Document document = GetOrAdd(batch.Id);
            byte[] chunks = batch.Chunks.ToArray();
            document.Append(chunks, batch.Heads.ToArray());
            Record(batch.Id, StoreDeltaKind.Appended, document.LastSequence, chunks);
            return verdict == AppendVerdict.UnknownStored ? AppendOutcome.Unknown : AppendOutcome.Stored;
        });
    }

    public ValueTask<bool> CompactAsync(DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled<bool>(stop);
        return Submit(id, hold: false, () =>
        {
            ulong current = _documents.TryGetValue(id, out Document? known) ? known.Version : 0;
            if (!InForce(fence) || current != read.Value) return false;
            Document document = GetOrAdd(id);
            document.Compact(new SnapshotBody(body.Chunk.ToArray(), body.Index.ToArray(), body.Heads.ToArray()), folded.LastSequence);
            Record(id, StoreDeltaKind.Compacted, document.LastSequence, default);
            return true;
        });
    }

    public ValueTask<bool> DeleteAsync(DocumentId id, Fence fence, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled<bool>(stop);
        return Submit(id, hold: false, () =>
        {
            if (!InForce(fence)) return false;
            Document document = GetOrAdd(id);
            document.Delete();
            Record(id, StoreDeltaKind.Deleted, document.LastSequence, default);
            return true;
        });
    }

    public async IAsyncEnumerable<StoreDelta> ReadSinceAsync(StoreCursor since, [EnumeratorCancellation] CancellationToken stop)
    {
        ulong end = Now.Position;
        for (ulong at = since.Position; at < end; at++)
        {
            stop.ThrowIfCancellationRequested();
            StoreDelta delta;
            lock (_gate) delta = _history[(int)at];
            yield return delta;
        }

        await ValueTask.CompletedTask;
    }

    public ValueTask<ReadOnlyMemory<byte>> LoadSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled<ReadOnlyMemory<byte>>(stop);
        lock (_gate)
        {
            if (_documents.TryGetValue(id, out Document? document))
            {
                foreach ((byte[] key, byte[] state) in document.SyncStates)
                {
                    if (storageId.Span.SequenceEqual(key)) return ValueTask.FromResult<ReadOnlyMemory<byte>>(state);
                }
            }
        }

        return ValueTask.FromResult(ReadOnlyMemory<byte>.Empty);
    }

    public ValueTask SaveSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled(stop);
        lock (_gate)
        {
            if (!_documents.TryGetValue(id, out Document? document) || document.Presence != StoredPresence.Present) return ValueTask.CompletedTask;
            document.SyncStates.RemoveAll(known => storageId.Span.SequenceEqual(known.Key));
            document.SyncStates.Add((storageId.ToArray(), state.ToArray()));
            if (document.SyncStates.Count > SyncStatesPerDocumentMax) document.SyncStates.RemoveAt(0);
        }

        return ValueTask.CompletedTask;
    }

    private bool InForce(Fence fence) => fence.Epoch == _lowest.Epoch && fence.Control >= _lowest.Control;

    private Document GetOrAdd(DocumentId id)
    {
        if (!_documents.TryGetValue(id, out Document? document)) _documents.Add(id, document = new Document());
        return document;
    }

    private void Record(DocumentId id, StoreDeltaKind kind, ulong sequence, ReadOnlyMemory<byte> chunks) =>
        _history.Add(new StoreDelta(id, kind, sequence, chunks, new StoreCursor((ulong)_history.Count + 1)));

    private ValueTask<T> Submit<T>(DocumentId id, bool hold, Func<T> apply)
    {
        lock (_gate)
        {
            if (!_manualCommit && !hold && !IsBlocked(id)) return ValueTask.FromResult(apply());
            Call<T> call = new(id, hold, apply);
            _waiting.Add(call);
            return new ValueTask<T>(call.Answer.Task);
        }
    }

    private bool IsBlocked(DocumentId id)
    {
        foreach (Call call in _waiting)
        {
            if (call.Id == id) return true;
        }

        return false;
    }

    // In call order; a held call blocks its document. Answers are given outside the lock: their continuations may call the store.
    private void Drain(Func<Call, bool> wanted)
    {
        List<Call> done = [];
        lock (_gate)
        {
            HashSet<DocumentId> blocked = [];
            for (int i = 0; i < _waiting.Count;)
            {
                Call call = _waiting[i];
                if (call.Held || !wanted(call) || blocked.Contains(call.Id))
                {
                    blocked.Add(call.Id);
                    i++;
                    continue;
                }

                call.Apply();
                done.Add(call);
                _waiting.RemoveAt(i);
            }
        }

        foreach (Call call in done) call.Complete();
    }

    private abstract class Call(DocumentId id, bool held)
    {
        public DocumentId Id { get; } = id;

        public bool Held { get; set; } = held;

        public abstract void Apply();

        public abstract void Complete();
    }

    private sealed class Call<T>(DocumentId id, bool held, Func<T> apply) : Call(id, held)
    {
        private T _outcome = default!;

        public TaskCompletionSource<T> Answer { get; } = new();

        public override void Apply() => _outcome = apply();

        public override void Complete() => Answer.SetResult(_outcome);
    }

    // Version and sequence survive a deletion: neither is ever used again.
    private sealed class Document
    {
        private readonly List<TailEntry> _tail = [];
        private SnapshotBody _snapshot = SnapshotBody.Empty;

        public StoredPresence Presence { get; private set; } = StoredPresence.Present;

        public ulong Version { get; private set; }

        public ulong LastSequence { get; private set; }

        public ReadOnlyMemory<ChangeHash> Heads { get; private set; }

        public List<(byte[] Key, byte[] State)> SyncStates { get; } = [];

        public void Append(byte[] chunks, ChangeHash[] heads)
        {
            Presence = StoredPresence.Present;
            _tail.Add(new TailEntry(++LastSequence, chunks));
            Heads = heads;
        }

        public void Compact(SnapshotBody body, ulong folded)
        {
            Presence = StoredPresence.Present;
            Version++;
            _snapshot = body;
            _tail.RemoveAll(entry => entry.Sequence <= folded);
            Heads = body.Heads;
        }

        public void Delete()
        {
            Presence = StoredPresence.Tombstoned;
            Version++;
            _snapshot = SnapshotBody.Empty;
            _tail.Clear();
            SyncStates.Clear();
            Heads = default;
        }

        public StoredDocument ToStored() => new(Presence, new SnapshotVersion(Version), _snapshot, [.. _tail]);
    }
}
