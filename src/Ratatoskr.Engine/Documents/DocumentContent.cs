using System.Buffers;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// A document in memory, as a relay holds it: the graph of its changes, an opaque snapshot chunk, and the change chunks since (no operation is ever looked at).
/// Rows 0 to <see cref="SnapshotRows"/> - 1 of the graph are in the snapshot, the others in the tail, in this order.
/// </summary>
/// <remarks>Built on any thread, then owned by the document's shard. Workers may read the graph while the document waits for them.</remarks>
internal sealed class DocumentContent : IChangeSource
{
    private readonly ulong _hashKey;
    private Dictionary<int, byte[]>? _recreated;

    public DocumentContent(ulong hashKey)
    {
        _hashKey = hashKey;
        Graph = new ChangeGraph(hashKey);
    }

    public ChangeGraph Graph { get; private set; }

    /// <summary>Changes whose dependencies have not come yet; null until there is one.</summary>
    public ChangeQueue? Queue { get; private set; }

    public ReadOnlyMemory<byte> Snapshot { get; private set; }

    public int SnapshotRows { get; private set; }

    public SnapshotVersion Version { get; set; }

    /// <summary>The store's number of the last append that is in the tail.</summary>
    public ulong LastSequence { get; set; }

    public Tail Tail { get; private set; } = new();

    /// <summary>What of the stored bytes could not be used, for the log; null when all is well.</summary>
    public string? Damage { get; private set; }

    public long MemoryBytes => Graph.MemoryBytes + Snapshot.Length + Tail.MemoryBytes + (Queue?.MemoryBytes ?? 0);

    /// <summary>Builds a document from what the store holds. Everything stored was verified when it came in; it is checked again as far as that is cheap.</summary>
    /// <exception cref="AutomergeFormatException">The snapshot is damaged.</exception>
    public static DocumentContent FromStore(StoredDocument stored, ulong hashKey, EngineLimits limits)
    {
        DocumentContent content = new(hashKey) { Version = stored.Version };
        if (!stored.Snapshot.Chunk.IsEmpty)
        {
            ChangeGraph graph = ChangeGraph.TryRead(stored.Snapshot.Index.Span, hashKey, out ChangeGraph? indexed)
                ? indexed!
                : SnapshotVerifier.Verify(stored.Snapshot.Chunk.Span, hashKey, limits);
            content.ReplaceSnapshot(graph, stored.Snapshot.Chunk);
        }

        foreach (TailEntry entry in stored.Tail)
        {
            content.LoadTail(entry.Chunks.Span, limits);
            content.LastSequence = entry.Sequence;
        }

        return content;
    }

    /// <summary>Adds a verified change, or queues it until its dependencies come.</summary>
    /// <param name="freed">Changes came out of the queue because of it.</param>
    public GraphVerdict Accept(in ChangeHeader header, EngineLimits limits, out bool freed)
    {
        freed = false;
        GraphVerdict verdict = Graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        switch (verdict)
        {
            case GraphVerdict.Added:
                Tail.Append(header.Bytes);
                if (Queue is { Count: > 0 })
                {
                    Queue.Release(header.Hash);
                    freed = AcceptReady();
                }

                break;
            case GraphVerdict.MissingDeps:
                Queue ??= new ChangeQueue(_hashKey, limits.QueueChangesMax, limits.QueueBytesMax);
                Queue.TryEnqueue(Graph, header.Hash, header.Deps, header.Bytes.ToArray());
                break;
            case GraphVerdict.Duplicate:
                break;
            default:
                Queue?.Discard(header.Hash);
                break;
        }

        return verdict;
    }

    /// <summary>A received document chunk becomes the snapshot. It must cover every change held so far; row numbers change.</summary>
    /// <returns>Whether changes came out of the queue because of it.</returns>
    public bool ReplaceSnapshot(ChangeGraph graph, ReadOnlyMemory<byte> chunk)
    {
        Graph = graph;
        Snapshot = chunk;
        SnapshotRows = graph.Count;
        Tail = new Tail();
        _recreated = null;
        if (Queue is not { Count: > 0 }) return false;
        for (int row = 0; row < graph.Count; row++) Queue.Release(graph.HashAt(row));
        return AcceptReady();
    }

    /// <summary>Whether a row's bytes are at hand: always in the tail, in the snapshot only when a worker has re-created them.</summary>
    public bool HasBytes(int row) => row >= SnapshotRows || (_recreated?.ContainsKey(row) ?? false);

    public void KeepRecreated(Dictionary<int, byte[]> changes) => _recreated = changes;

    public void DropRecreated() => _recreated = null;

    public long DocumentLength => Snapshot.Length + Tail.Bytes;

    public int ChangeLength(int row) => ChangeBytes(row).Length;

    public void WriteChange(int row, IBufferWriter<byte> output) => output.Write(ChangeBytes(row));

    public void WriteDocument(IBufferWriter<byte> output)
    {
        output.Write(Snapshot.Span);
        for (int next = 0; next < Tail.Count;) output.Write(Tail.ContiguousFrom(next, out next).Span);
    }

    private ReadOnlySpan<byte> ChangeBytes(int row) => row >= SnapshotRows ? Tail[row - SnapshotRows].Span : _recreated![row];

    private void LoadTail(ReadOnlySpan<byte> chunks, EngineLimits limits)
    {
        while (!chunks.IsEmpty)
        {
            if (!ChunkReader.TryRead(chunks, out Chunk chunk, out ChunkError error))
            {
                Damage ??= $"the tail entry after {LastSequence}: {error.Describe()}";
                return;
            }

            ChangeVerdict verdict = ChangeVerifier.Verify(chunk.Bytes, limits.Change, out ChangeHeader header);
            if (!verdict.IsOk) Damage ??= $"the tail entry after {LastSequence}: {verdict.What}";
            else if (Accept(header, limits, out _) is var added and not (GraphVerdict.Added or GraphVerdict.Duplicate or GraphVerdict.MissingDeps)) Damage ??= $"change {header.Hash}: {added}";
            chunks = chunks[chunk.Length..];
        }
    }

    private bool AcceptReady()
    {
        List<QueuedChange> ready = [];
        Queue!.TakeReady(ready);
        bool any = false;
        foreach (QueuedChange change in ready)
        {
            if (!ChangeHeader.TryRead(change.Chunk, change.Hash, out ChangeHeader header).IsOk) continue;
            if (Graph.TryAdd(change.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount) != GraphVerdict.Added) continue;
            Tail.Append(change.Chunk);
            any = true;
        }

        return any;
    }
}
