using Automerge.Changes;
using Automerge.Documents;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine.Documents;

/// <summary>Reads a whole document chunk once: re-creates and hashes every change, and gives their graph. CPU-bound; for workers.</summary>
internal static class SnapshotVerifier
{
    // What reading takes: the table of rows, the change graph's share of it, columns and the changes made again.
    private const int RowBytes = 64;
    private const int ChunkFactor = 8;

    /// <summary>About what reading takes, in bytes.</summary>
    /// <exception cref="Automerge.Format.AutomergeFormatException">Not a document.</exception>
    public static long MeasureBytes(ReadOnlySpan<byte> chunk, DocumentLimits limits)
    {
        DocumentSize size = DocumentSize.Measure(chunk, limits);
        return (RowBytes * (size.Rows + (2 * size.Changes))) + ((long)ChunkFactor * chunk.Length);
    }

    /// <exception cref="Automerge.Format.AutomergeFormatException">The chunk is not a sound document.</exception>
    public static ChangeGraph Verify(ReadOnlySpan<byte> chunk, ulong hashKey, DocumentLimits limits)
    {
        ChangeGraph graph = new(hashKey);
        DocumentReader.ReadGraph(chunk, limits, graph);
        return graph;
    }

    /// <summary>The chunks of some of a document's changes, by row.</summary>
    public static Dictionary<int, byte[]> Recreate(ReadOnlySpan<byte> chunk, HashSet<int> rows, EngineLimits limits)
    {
        RecreateSink sink = new(rows);
        DocumentReader.Read(chunk, limits.Document, sink);
        return sink.Changes;
    }
}
