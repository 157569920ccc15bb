using Automerge.Changes;

namespace Automerge.Documents;

public sealed partial class Document
{
    private readonly ChangeBytes _bytes = new();

    // A document chunk of the first rows: those whose own bytes are not kept, at least.
    private byte[] _snapshot = [];
    private int _snapshotRows;

    // Rows that Save or SaveIncremental has given out.
    private int _savedRows;

    internal ChangeBytes KeptBytes => _bytes;

    internal ReadOnlySpan<byte> Snapshot => _snapshot;

    /// <summary>The whole document, compact: what <see cref="Load"/> reads. Changes that wait for others are in it too.</summary>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public byte[] Save()
    {
        DemandNoTransaction();
        byte[] whole = WriteWhole();
        _savedRows = Graph.Count;
        if (_bytes.Length > _options.KeptChangeBytes) _bytes.Restart(Graph.Count);
        return whole;
    }

    /// <summary>The changes since the last call of this or of <see cref="Save"/>, one after the other: to be appended to what those gave. What was loaded counts as new.</summary>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public byte[] SaveIncremental()
    {
        DemandNoTransaction();
        byte[] news = Concatenate(Enumerable.Range(_savedRows, Graph.Count - _savedRows));
        _savedRows = Graph.Count;
        return news;
    }

    /// <summary>All changes that some heads do not cover, one after the other. Hashes that the document does not have cover nothing.</summary>
    public byte[] SaveSince(ReadOnlySpan<ChangeHash> heads)
    {
        List<int> rows = [];
        Graph.CollectNotCoveredBy(heads, rows);
        return Concatenate(rows);
    }

    /// <summary>The changes that some heads do not cover, in the order in which they came here. Hashes that the document does not have cover nothing.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Changes(params ReadOnlySpan<ChangeHash> since)
    {
        List<int> rows = [];
        Graph.CollectNotCoveredBy(since, rows);
        ChangeSource source = new(this);
        source.Prepare(rows);
        return rows.ConvertAll(source.BytesOf);
    }

    /// <summary>The bytes of a change; empty when the document does not have it.</summary>
    public ReadOnlyMemory<byte> ChangeByHash(in ChangeHash hash)
    {
        int row = Graph.Find(hash);
        return row < 0 ? default : new ChangeSource(this).BytesOf(row);
    }

    /// <summary>The hashes that are missing: those that changes in the queue wait for, and of some heads those that have not arrived.</summary>
    public IReadOnlyList<ChangeHash> MissingDeps(params ReadOnlySpan<ChangeHash> heads)
    {
        List<QueuedChange> queued = [];
        Queue.CollectQueued(queued);
        ChangeHash[] wanted = new ChangeHash[heads.Length + queued.Count];
        heads.CopyTo(wanted);
        for (int i = 0; i < queued.Count; i++) wanted[heads.Length + i] = queued[i].Hash;
        List<ChangeHash> missing = [];
        Queue.CollectMissing(Graph, wanted, missing);
        return missing;
    }

    /// <summary>A document of its own with the same content, queue included.</summary>
    /// <param name="actor">Who makes the changes there: never one that makes some here at the same time.</param>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public Document Fork(ActorId actor)
    {
        DemandNoTransaction();
        return Load(WriteWhole(), actor, _options);
    }

    /// <summary>A document of its own as this one was at some heads.</summary>
    /// <param name="actor">Who makes the changes there: never one that has made some here since, or makes some at the same time.</param>
    /// <param name="heads">Changes of the document.</param>
    /// <exception cref="DocumentException">A change is not in the document.</exception>
    public Document ForkAt(ActorId actor, ReadOnlySpan<ChangeHash> heads)
    {
        DemandKnown(heads);
        List<int> rows = RowsTowards(heads, known: null);
        ChangeSource source = new(this);
        source.Prepare(rows);
        Document fork = new(actor, _options);
        fork.ApplyChanges(rows.ConvertAll(source.BytesOf));
        return fork;
    }

    /// <summary>What <see cref="Save"/> gives, without counting as saved.</summary>
    internal byte[] WriteWhole()
    {
        if (_snapshotRows != Graph.Count || Graph.Count == 0) KeepSnapshot(DocumentWriter.Write(Graph, Log, Ops), keepBytes: true);
        if (Queue.Count == 0) return [.. _snapshot];
        List<QueuedChange> queued = [];
        Queue.CollectQueued(queued);
        using Columns.PooledBuffer whole = new();
        whole.WriteBytes(_snapshot);
        foreach (QueuedChange change in queued) whole.WriteBytes(change.Chunk);
        return whole.Written.ToArray();
    }

    private void KeepSnapshot(byte[] chunk, bool keepBytes = false)
    {
        (_snapshot, _snapshotRows) = (chunk, Graph.Count);
        if (!keepBytes) _bytes.Restart(Graph.Count);
    }

    private byte[] Concatenate(IEnumerable<int> rows)
    {
        ChangeSource source = new(this);
        source.Prepare(rows);
        using Columns.PooledBuffer changes = new();
        foreach (int row in rows) changes.WriteBytes(source.BytesOf(row).Span);
        return changes.Written.ToArray();
    }
}
