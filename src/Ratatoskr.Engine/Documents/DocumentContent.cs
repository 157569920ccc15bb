using System.Buffers;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Operations;
using Automerge.Sync;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// A document in memory, as a relay holds it: the graph of its changes, an opaque snapshot chunk, and the change chunks since. Reading needs nothing else;
/// while it is being written there is an op set as well, which says what changes fit.
/// Rows 0 to <see cref="SnapshotRows"/> - 1 of the graph are in the snapshot, the others in the tail, in this order, behind the last of those.
/// </summary>
/// <remarks>Built on any thread, then owned by the document's shard, which lends it to a worker. See <see cref="DocumentActor.IsLent"/>.</remarks>
internal sealed class DocumentContent : IChangeSource
{
    private readonly ulong _hashKey;
    private readonly EngineLimits _limits;
    private readonly List<QueuedChange> _ready = [];
    private Dictionary<int, byte[]>? _recreated;
    private bool _hasStoredOrphans;
    private Tail _tail = new();
    private int _tailStart;                                      // the row of the tail's first change
    private long _foldedBytes;                                   // of those in the tail that are in the snapshot too

    public DocumentContent(ulong hashKey, EngineLimits limits)
    {
        _hashKey = hashKey;
        _limits = limits;
        Graph = new ChangeGraph(hashKey);
    }

    public ChangeGraph Graph { get; private set; }

    /// <summary>Changes whose dependencies have not come yet; null until there is one.</summary>
    public ChangeQueue? Queue { get; private set; }

    /// <summary>The operations of exactly the changes of the graph; null when they are not in memory: nobody writes.</summary>
    /// <remarks>Where validation only observes, the changes that do not fit are left out.</remarks>
    public OpSet? Operations { get; set; }

    /// <summary>Why the op set cannot be had; null when it can, as far as is known.</summary>
    public OperationsFault? Fault { get; set; }

    /// <summary>Stored changes that do not fit the document; left out of the content, and nothing that depends on them is taken.</summary>
    public IReadOnlySet<ChangeHash>? Quarantine { get; private init; }

    public ReadOnlyMemory<byte> Snapshot { get; private set; }

    public int SnapshotRows { get; private set; }

    public SnapshotVersion Version { get; set; }

    /// <summary>The store's number of the last append that is in the tail.</summary>
    public ulong LastSequence { get; set; }

    /// <summary>Changes that are not in the snapshot.</summary>
    public int TailCount => Graph.Count - SnapshotRows;

    /// <summary>Bytes of the changes that are not in the snapshot.</summary>
    public long TailBytes => _tail.Bytes - _foldedBytes;

    /// <summary>What counts of it against a quota: the snapshot, and what is not in it.</summary>
    public long StoredBytes => Snapshot.Length + TailBytes;

    /// <summary>The first row whose bytes are at hand, with those of all after it.</summary>
    public int FirstRowWithBytes => _tailStart;

    /// <summary>A compaction is being stored: the snapshot must not be replaced by another.</summary>
    public bool IsBeingReplaced { get; set; }

    /// <summary>What of the stored bytes could not be used, for the log; null when all is well.</summary>
    public string? Damage { get; private set; }

    /// <summary>Holds changes that do not fit it, because validation only observes.</summary>
    public bool HasUnsound { get; set; }

    /// <summary>All that is stored of it is in it, and is sound: its snapshot may be replaced.</summary>
    public bool IsWhole => Damage is null && Quarantine is null && !HasUnsound && !IsBeingReplaced && !(_hasStoredOrphans && Queue!.Count > 0);

    /// <summary>Changes came out of the queue that are yet to be judged: <see cref="TakeReady()"/>.</summary>
    public bool HasReady => Queue is { HasReady: true };

    public long MemoryBytes => Graph.MemoryBytes + Snapshot.Length + _tail.MemoryBytes + (Queue?.MemoryBytes ?? 0) + (Operations?.MemoryBytes ?? 0);

    /// <summary>Builds a document from what the store holds. Everything stored was verified when it came in; it is checked again as far as that is cheap.</summary>
    /// <param name="quarantine">Changes known not to fit the document.</param>
    /// <exception cref="AutomergeFormatException">The snapshot is damaged.</exception>
    public static DocumentContent FromStore(StoredDocument stored, IReadOnlySet<ChangeHash>? quarantine, ulong hashKey, EngineLimits limits)
    {
        DocumentContent content = new(hashKey, limits) { Version = stored.Version, Quarantine = quarantine };
        if (!stored.Snapshot.Chunk.IsEmpty)
        {
            ChangeGraph graph = ChangeGraph.TryRead(stored.Snapshot.Index.Span, hashKey, out ChangeGraph? indexed)
                ? indexed!
                : SnapshotVerifier.Verify(stored.Snapshot.Chunk.Span, hashKey, limits.Document);
            content.ReplaceSnapshot(graph, stored.Snapshot.Chunk);
        }

        foreach (TailEntry entry in stored.Tail)
        {
            content.LoadTail(entry.Chunks.Span);
            content.LastSequence = entry.Sequence;
        }

        content._hasStoredOrphans = content.Queue is { Count: > 0 };
        return content;
    }

    /// <summary>Takes a change whose bytes were verified (format §10, rules 1 and 2) if it fits graph and op set (rules 3 and 4), or queues it until its dependencies come.</summary>
    /// <param name="header">The change.</param>
    /// <param name="mayQueue">Its sender has room in the queue.</param>
    public Acceptance Accept(in ChangeHeader header, bool mayQueue = true)
    {
        Acceptance judged = Judge(header);
        if (judged.Outcome == AcceptOutcome.Taken)
        {
            Add(header);
            Queue?.Release(header.Hash);
            if (HasReady) return judged with { Freed = TakeReady() };
        }
        else if (judged.Outcome == AcceptOutcome.Queued)
        {
            return !mayQueue || Enqueue(header) == QueueVerdict.Full ? new Acceptance(AcceptOutcome.QueueFull) : judged;
        }
        else if (judged.Outcome is AcceptOutcome.Refused or AcceptOutcome.TooLarge)
        {
            Queue?.Discard(header.Hash);
        }

        return judged;
    }

    /// <summary>Takes what came out of the queue, all of it; whatever does not fit is dropped, and is refused when a peer sends it again. Needs the op set.</summary>
    /// <returns>Whether anything was taken.</returns>
    public bool TakeReady() => TakeReady(trusted: false);

    /// <summary>A document chunk becomes the snapshot. It must cover every change held so far; row numbers change, and the op set goes. See <see cref="HasReady"/>.</summary>
    public void ReplaceSnapshot(ChangeGraph graph, ReadOnlyMemory<byte> chunk)
    {
        Graph = graph;
        Snapshot = chunk;
        SnapshotRows = graph.Count;
        _tail = new Tail();
        _tailStart = SnapshotRows;
        _foldedBytes = 0;
        Operations = null;
        Fault = null;
        _recreated = null;
        if (Queue is not { Count: > 0 }) return;
        for (int row = 0; row < graph.Count; row++) Queue.Release(graph.HashAt(row));
    }

    /// <summary>
    /// A new snapshot holds the first <paramref name="rows"/> rows, in this order: nothing else changes. The last of those that it has taken in stay at hand, for peers that lack only them.
    /// </summary>
    public void Fold(ReadOnlyMemory<byte> chunk, int rows)
    {
        int keep = rows - _tailStart;
        for (long bytes = 0; keep > 0 && (bytes += _tail[keep - 1].Length) <= _limits.RecentBytesMax;) keep--;
        _tail = _tail.From(keep);
        _tailStart += keep;
        Snapshot = chunk;
        SnapshotRows = rows;
        _foldedBytes = _tail.Bytes - _tail.BytesFrom(rows - _tailStart);
        _recreated = null;
        Version = new SnapshotVersion(Version.Value + 1);
    }

    /// <summary>The chunks from a row on that lie together; the row must not be in the snapshot alone. Call again with <paramref name="next"/> until it is the graph's count.</summary>
    public ReadOnlyMemory<byte> ChangesFrom(int row, out int next) => ChangesFrom(row, Graph.Count, out next);

    /// <summary>The same, up to but without row <paramref name="end"/>.</summary>
    public ReadOnlyMemory<byte> ChangesFrom(int row, int end, out int next)
    {
        ReadOnlyMemory<byte> chunks = _tail.Contiguous(row - _tailStart, end - _tailStart, out next);
        next += _tailStart;
        return chunks;
    }

    /// <summary>Whether a row's bytes are at hand: always in the tail, in the snapshot only when a worker has re-created them.</summary>
    public bool HasBytes(int row) => row >= _tailStart || (_recreated?.ContainsKey(row) ?? false);

    public void KeepRecreated(Dictionary<int, byte[]> changes) => _recreated = changes;

    public void DropRecreated() => _recreated = null;

    public long DocumentLength => Snapshot.Length + TailBytes;

    public int ChangeLength(int row) => ChangeAt(row).Length;

    public void WriteChange(int row, IBufferWriter<byte> output) => output.Write(ChangeAt(row));

    public void WriteDocument(IBufferWriter<byte> output)
    {
        output.Write(Snapshot.Span);
        for (int next = SnapshotRows; next < Graph.Count;) output.Write(ChangesFrom(next, out next).Span);
    }

    /// <summary>The chunk of a row whose bytes are at hand.</summary>
    public ReadOnlySpan<byte> ChangeAt(int row) => row >= _tailStart ? _tail[row - _tailStart].Span : _recreated![row];

    private bool TakeReady(bool trusted)
    {
        int before = Graph.Count;
        _ready.Clear();
        Queue!.TakeReady(_ready);
        foreach (QueuedChange change in _ready)
        {
            if (ChangeHeader.TryRead(change.Chunk, change.Hash, out ChangeHeader header).IsOk && Judge(header, trusted).Outcome == AcceptOutcome.Taken) Add(header);
        }

        _ready.Clear();
        return Graph.Count > before;
    }

    // The op set comes last: what it has taken is the only thing that could be taken back, and need not be.
    private Acceptance Judge(in ChangeHeader header, bool trusted = false)
    {
        if (Quarantine is not null && IsQuarantined(header)) return new Acceptance(AcceptOutcome.Refused, $"change {header.Hash} does not fit the document, or one before it");
        GraphVerdict verdict = Graph.Check(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        return verdict switch
        {
            GraphVerdict.Added => trusted ? new Acceptance(AcceptOutcome.Taken) : JudgeOperations(header),
            GraphVerdict.Duplicate => new Acceptance(AcceptOutcome.Duplicate),
            GraphVerdict.MissingDeps => new Acceptance(AcceptOutcome.Queued),
            _ => new Acceptance(AcceptOutcome.Refused, $"change {header.Hash}: {verdict}"),
        };
    }

    private Acceptance JudgeOperations(in ChangeHeader header)
    {
        if (Fault is not null) return new Acceptance(Fault.Outcome, Fault.Why);
        if (Operations is null && Graph.Count == 0) Operations = new OpSet { RowsMax = _limits.Document.MaxRows, BytesMax = _limits.OperationsBytesMax };
        if (Operations is null) return new Acceptance(AcceptOutcome.NeedsOperations);
        ChangeVerdict verdict = Operations.TryApply(header, Graph);
        if (verdict.IsOk) return new Acceptance(AcceptOutcome.Taken);
        string why = $"change {header.Hash}: {verdict.What}";
        if (verdict.Fault == ChangeFault.Limit) return new Acceptance(AcceptOutcome.TooLarge, why);
        if (_limits.Validation == ValidationMode.Enforce) return new Acceptance(AcceptOutcome.Refused, why);
        HasUnsound = true;
        return new Acceptance(AcceptOutcome.Taken, why);
    }

    private bool IsQuarantined(in ChangeHeader header)
    {
        if (Quarantine!.Contains(header.Hash)) return true;
        foreach (ref readonly ChangeHash dep in header.Deps)
        {
            if (Quarantine.Contains(dep)) return true;
        }

        return false;
    }

    private void Add(in ChangeHeader header)
    {
        GraphVerdict added = Graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        if (added != GraphVerdict.Added) throw new InvalidOperationException($"change {header.Hash} was judged good, and then: {added}");
        _tail.Append(header.Bytes);
    }

    private void LoadTail(ReadOnlySpan<byte> chunks)
    {
        while (!chunks.IsEmpty)
        {
            if (!ChunkReader.TryRead(chunks, out Chunk chunk, out ChunkError error))
            {
                Damage ??= $"the tail entry after {LastSequence}: {error.Describe()}";
                return;
            }

            Load(chunk);
            chunks = chunks[chunk.Length..];
        }
    }

    // What was damaged on the disk, and what depends on it, stays there: a peer that has it sound may bring it again.
    private void Load(in Chunk chunk)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(chunk.Bytes, _limits.Change, out ChangeHeader header);
        if (!verdict.IsOk)
        {
            Damage ??= $"the tail entry after {LastSequence}: {verdict.What}";
            return;
        }

        if (Quarantine is not null && IsQuarantined(header)) return;
        GraphVerdict known = Graph.Check(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        switch (known)
        {
            case GraphVerdict.Added:
                Add(header);
                Queue?.Release(header.Hash);
                if (HasReady) TakeReady(trusted: true);
                break;
            case GraphVerdict.Duplicate:
                break;
            case GraphVerdict.MissingDeps:
                Enqueue(header);                              // an append that was repeated stands behind what came after it
                break;
            default:
                Damage ??= $"change {header.Hash}: {known}";
                break;
        }
    }

    private QueueVerdict Enqueue(in ChangeHeader header)
    {
        Queue ??= new ChangeQueue(_hashKey, _limits.QueueChangesMax, _limits.QueueBytesMax);
        return Queue.TryEnqueue(Graph, header.Hash, header.Deps, header.Bytes.ToArray());
    }
}
