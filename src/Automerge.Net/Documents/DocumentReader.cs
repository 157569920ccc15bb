using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;
using Automerge.Operations;

namespace Automerge.Documents;

/// <summary>
/// Reads a document chunk in one pass and makes all its changes again, since the chunk holds no change bytes: their hashes,
/// and with them the heads, exist only afterwards. A chunk that passes is one whose every change would be accepted by
/// itself, in its one canonical form, and whose rows are in the one order they may have.
/// <code>
/// actors | heads | change columns' layout | operation columns' layout | change data | operation data | head rows
/// </code>
/// </summary>
/// <remarks>Safe on any thread; nothing is kept between calls.</remarks>
public static class DocumentReader
{
    /// <summary>Reads <paramref name="documentChunk"/>, which must be exactly one chunk.</summary>
    /// <remarks>
    /// Whether operations name only what their authors had is not asked, as that takes a graph: see <see cref="ReadGraph"/>.
    /// </remarks>
    /// <exception cref="AutomergeFormatException">The chunk is not a well-formed document; what <paramref name="sink"/> got is void.</exception>
    public static void Read(ReadOnlySpan<byte> documentChunk, DocumentLimits limits, IDocumentSink sink)
    {
        ArgumentNullException.ThrowIfNull(limits);
        ArgumentNullException.ThrowIfNull(sink);
        using DocumentColumns changeColumns = new();
        using DocumentColumns opColumns = new();
        DocumentHeader header = ReadColumns(documentChunk, limits, changeColumns, opColumns, out ActorId[] actors);
        RebuildChanges(header.Heads, actors, changeColumns, opColumns, limits, sink);
    }

    /// <summary>As <see cref="Read"/>, into a graph; and the operations name only what their authors had, as is asked of changes that come by themselves.</summary>
    /// <param name="documentChunk">Exactly one chunk.</param>
    /// <param name="limits">What it may claim.</param>
    /// <param name="graph">Empty; void when this throws.</param>
    /// <exception cref="AutomergeFormatException">The chunk is not a well-formed document, or its changes break a rule of the graph.</exception>
    public static void ReadGraph(ReadOnlySpan<byte> documentChunk, DocumentLimits limits, ChangeGraph graph)
    {
        ArgumentNullException.ThrowIfNull(graph);
        if (graph.Count > 0) throw new ArgumentException("the graph has changes", nameof(graph));
        Read(documentChunk, limits, new GraphSink(graph, log: null));
    }

    /// <summary>Reads a document for whoever goes on working with it: verified like any, but inflated only once for changes and operations.</summary>
    /// <param name="documentChunk">Exactly one chunk.</param>
    /// <param name="limits">What it may claim.</param>
    /// <param name="graph">Empty; void when this throws.</param>
    /// <param name="log">Empty; void when this throws.</param>
    /// <param name="bytesMax">What <see cref="OpSet.MemoryBytes"/> may come to, now and later.</param>
    /// <returns>Its operations.</returns>
    /// <exception cref="AutomergeFormatException">The chunk is not a well-formed document, or its changes break a rule of the graph.</exception>
    internal static OpSet Load(ReadOnlySpan<byte> documentChunk, DocumentLimits limits, ChangeGraph graph, ChangeLog log, long bytesMax = long.MaxValue)
    {
        using DocumentColumns changeColumns = new();
        using DocumentColumns opColumns = new();
        DocumentHeader header = ReadColumns(documentChunk, limits, changeColumns, opColumns, out ActorId[] actors);
        RebuildChanges(header.Heads, actors, changeColumns, opColumns, limits, new GraphSink(graph, log));
        return OpSetReader.Read(opColumns, actors, limits.RowsMax, bytesMax);
    }

    /// <summary>As <see cref="Read"/>, without an exception.</summary>
    /// <returns>false: <paramref name="what"/> says what was wrong.</returns>
    public static bool TryRead(ReadOnlySpan<byte> documentChunk, DocumentLimits limits, IDocumentSink sink, out string what)
    {
        try
        {
            Read(documentChunk, limits, sink);
            what = "";
            return true;
        }
        catch (AutomergeFormatException exception)
        {
            what = exception.Message;
            return false;
        }
    }

    private static DocumentHeader ReadColumns(ReadOnlySpan<byte> documentChunk, DocumentLimits limits, DocumentColumns changeColumns, DocumentColumns opColumns, out ActorId[] actors)
    {
        if (!ChunkReader.TryRead(documentChunk, out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
        if (chunk.Length != documentChunk.Length) DocumentFault.Throw("data after the chunk");
        if (!DocumentHeader.TryRead(chunk, out DocumentHeader header, out string what)) DocumentFault.Throw(what);
        if (!chunk.ChecksumMatches(chunk.ComputeHash())) DocumentFault.Throw("bad checksum");
        actors = header.CopyActors();
        foreach (ActorId actor in actors)
            if (actor.Bytes.Length > limits.MaxActorBytes) DocumentFault.Throw("actor id too long");

        ReadOnlySpan<byte> rest = header.Rest;
        changeColumns.ReadLayout(ref rest);
        opColumns.ReadLayout(ref rest);
        changeColumns.ReadData(ref rest, limits.MaxColumnBytes, limits.MaxInflatedBytes);
        opColumns.ReadData(ref rest, limits.MaxColumnBytes, limits.MaxInflatedBytes - changeColumns.Bytes.Length);
        CheckHeadRows(rest, header.Heads.Length);
        return header;
    }

    private static void RebuildChanges(
        ReadOnlySpan<ChangeHash> heads, ActorId[] actors, DocumentColumns changeColumns, DocumentColumns opColumns, DocumentLimits limits, IDocumentSink sink)
    {
        using ChangeTable changes = ChangeTable.Read(changeColumns, actors.Length, limits.RowsMax);
        using OpTable ops = DocumentOpReader.Read(opColumns, changes, actors.Length, limits.RowsMax);
        changes.Seal();
        ops.Arrange(changes);
        using ChangeRebuilder rebuilder = new(actors, changes, changeColumns, ops, limits);
        sink.Begin(actors, changes.Count);
        rebuilder.Run(sink);
        rebuilder.CheckHeads(heads);
    }

    // Rows of the heads: absent in old files, and nobody reads them.
    private static void CheckHeadRows(ReadOnlySpan<byte> rest, int headCount)
    {
        if (rest.IsEmpty) return;
        for (int i = 0; i < headCount; i++)
            if (!Leb128.TryReadUnsigned(ref rest, out _)) DocumentFault.Throw("malformed head rows");
        if (!rest.IsEmpty) DocumentFault.Throw("data left over after the head rows");
    }
}
