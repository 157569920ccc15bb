using Automerge.Changes;
using Automerge.Format;
using Automerge.Operations;

namespace Automerge.Documents;

/// <summary>Folds changes that were kept one by one into a document chunk, which is smaller by far and read as one.</summary>
/// <remarks>
/// Pure functions; safe on any thread, meant for one that may take its time: 24 ms and 35 MB for a paper typed in one change, 260 ms and 90 MB for the same in 260,000
/// changes, most of it for making and hashing all changes again; 30 and 470 ms where those of the snapshot are not known (perf/automerge-comparison).
/// </remarks>
public static class DocumentCompactor
{
    // What is folded was accepted before, under whatever bounds: they are not this code's to judge.
    private static readonly ChangeGraphLimits AsAccepted = new() { StartOpSlack = uint.MaxValue, HeadsMax = ushort.MaxValue, DepsMax = ushort.MaxValue };

    // The framework's own seed of the process: secret and random enough for a table that lives as long as one call.
    private static readonly ulong HashKey = ((ulong)(uint)HashCode.Combine(1) << 32) | (uint)HashCode.Combine(2);

    /// <summary>Makes one document chunk of a snapshot and the changes after it, and reads it back: every change has the hash it had and the place it had.</summary>
    /// <param name="snapshotChunk">A document chunk; empty when there is none yet.</param>
    /// <param name="changeChunks">Type-1 chunks, concatenated in the order in which they were accepted. Those that the snapshot has are passed over.</param>
    /// <param name="limits">What snapshot and result may claim.</param>
    /// <exception cref="AutomergeFormatException">Something given is damaged, does not fit or is too large, or the result is not what was given; the message says which.</exception>
    public static byte[] Compact(ReadOnlySpan<byte> snapshotChunk, ReadOnlySpan<byte> changeChunks, DocumentLimits limits) =>
        Compact(snapshotChunk, null, changeChunks, limits, out _);

    /// <summary>As <see cref="Compact(ReadOnlySpan{byte}, ReadOnlySpan{byte}, DocumentLimits)"/>.</summary>
    /// <param name="snapshotChunk">A document chunk; empty when there is none yet.</param>
    /// <param name="known">
    /// The changes of the snapshot as they were when it was verified, for a caller who still has them: they need not be made and hashed before as well as after. Null: they are.
    /// </param>
    /// <param name="changeChunks">Type-1 chunks, concatenated in the order in which they were accepted.</param>
    /// <param name="limits">What snapshot and result may claim.</param>
    /// <param name="graph">The changes of the result, in its order.</param>
    public static byte[] Compact(ReadOnlySpan<byte> snapshotChunk, GraphPrefix? known, ReadOnlySpan<byte> changeChunks, DocumentLimits limits, out ChangeGraph graph)
    {
        ArgumentNullException.ThrowIfNull(limits);
        graph = known?.Copy(HashKey, AsAccepted) ?? new(HashKey, AsAccepted);
        byte[] written = Write(snapshotChunk, changeChunks, limits, graph);
        ReadBack sink = new(graph);
        DocumentReader.Read(written, limits, sink);
        sink.CheckEnd();
        return written;
    }

    // A method of its own, so that the op set is gone before the result is read back.
    private static byte[] Write(ReadOnlySpan<byte> snapshotChunk, ReadOnlySpan<byte> changeChunks, DocumentLimits limits, ChangeGraph graph)
    {
        OpSet ops = Load(snapshotChunk, limits, graph, out ChangeLog log);
        ops.RowsMax = limits.RowsMax;
        while (!changeChunks.IsEmpty)
        {
            if (!ChunkReader.TryRead(changeChunks, out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException($"change {graph.Count}: {error.Describe()}");
            Apply(chunk.Bytes, graph, log, ops);
            changeChunks = changeChunks[chunk.Length..];
        }

        return DocumentWriter.Write(graph, log, ops);
    }

    private static OpSet Load(ReadOnlySpan<byte> snapshotChunk, DocumentLimits limits, ChangeGraph graph, out ChangeLog log)
    {
        log = new ChangeLog();
        if (snapshotChunk.IsEmpty) return new OpSet();
        if (graph.Count == 0) return DocumentReader.Load(snapshotChunk, limits, graph, log);
        if (!ChunkReader.TryRead(snapshotChunk, out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
        if (!chunk.ChecksumMatches(chunk.ComputeHash())) DocumentFault.Throw("bad checksum");
        log = ChangeLog.Load(snapshotChunk, limits);
        if (log.Count != graph.Count) DocumentFault.Throw($"{log.Count} changes where {graph.Count} are known");
        return OpSet.Load(snapshotChunk, limits);
    }

    private static void Apply(ReadOnlySpan<byte> changeChunk, ChangeGraph graph, ChangeLog log, OpSet ops)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(changeChunk, ChangeLimits.Default, out ChangeHeader header);
        if (!verdict.IsOk) throw new AutomergeFormatException($"change {graph.Count}: {verdict}");
        GraphVerdict place = graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
        if (place == GraphVerdict.Duplicate) return;
        if (place != GraphVerdict.Added) throw new AutomergeFormatException($"change {header.Hash}: {place}");
        verdict = ops.TryApply(header, graph);
        if (!verdict.IsOk) throw new AutomergeFormatException($"change {header.Hash}: {verdict}");
        log.Add(header);
    }

    /// <summary>Compares what a document says with what it was made from.</summary>
    private sealed class ReadBack(ChangeGraph graph) : IDocumentSink
    {
        private int _rows;

        public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
        {
        }

        public bool WantsBytes(int row) => false;

        public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
        {
            if (row >= graph.Count || header.Hash != graph.HashAt(row)) Fail(row);
            _rows = row + 1;
        }

        public void CheckEnd()
        {
            if (_rows != graph.Count) Fail(_rows);
        }

        private static void Fail(int row) => throw new AutomergeFormatException($"the compacted document is not what was compacted: change {row} is another one");
    }
}
