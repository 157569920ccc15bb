using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;
using Automerge.Operations;

namespace Automerge.Documents;

/// <summary>
/// Writes a document chunk, canonical in all but its compressed bytes: the same changes taken in in the same order give what automerge 3.5.0 saves.
/// <code>
/// actors | heads | change columns' layout | operation columns' layout | change data | operation data | head rows
/// </code>
/// </summary>
/// <remarks>Safe on any thread whose the arguments are; nothing is kept between calls.</remarks>
internal static class DocumentWriter
{
    /// <param name="graph">The changes; all of them in <paramref name="ops"/>.</param>
    /// <param name="log">The same rows.</param>
    /// <param name="ops">Their operations, and no others.</param>
    /// <exception cref="AutomergeFormatException">The changes say what a document cannot.</exception>
    public static byte[] Write(ChangeGraph graph, ChangeLog log, OpSet ops)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(log.Count, graph.Count, nameof(log));
        int[] authors = SortAuthors(graph);
        using PooledBuffer front = new();
        using PooledBuffer data = new();
        WriteActorsAndHeads(graph, authors, front);
        using (DocumentColumnsWriter columns = new(front, data))
        {
            WriteChanges(graph, log, IndexByActor(graph, authors), columns);
            using OpColumnsWriter writer = new(ops, IndexBySlot(graph, authors, ops));
            writer.Write(columns);
        }

        foreach (ref readonly ChangeHash head in graph.Heads) data.WriteUnsigned((ulong)graph.Find(head));
        return Assemble(front.Written, data.Written);
    }

    // The actors that made a change, by bytes: what numbers stand for in the document.
    private static int[] SortAuthors(ChangeGraph graph)
    {
        List<int> authors = [];
        for (int actor = 0; actor < graph.ActorCount; actor++)
        {
            if (graph.TipOf(actor) >= 0) authors.Add(actor);
        }

        authors.Sort((left, right) => graph.ActorAt(left).SequenceCompareTo(graph.ActorAt(right)));
        return [.. authors];
    }

    private static int[] IndexByActor(ChangeGraph graph, int[] authors)
    {
        int[] indexes = new int[graph.ActorCount];
        indexes.AsSpan().Fill(-1);
        for (int i = 0; i < authors.Length; i++) indexes[authors[i]] = i;
        return indexes;
    }

    private static int[] IndexBySlot(ChangeGraph graph, int[] authors, OpSet ops)
    {
        int[] indexes = new int[ops.Actors.Count];
        indexes.AsSpan().Fill(-1);      // actors of whom only refused changes have come
        for (int i = 0; i < authors.Length; i++)
        {
            int slot = ops.Actors.Find(graph.ActorAt(authors[i]));
            if (slot >= 0) indexes[slot] = i;
        }

        return indexes;
    }

    private static void WriteActorsAndHeads(ChangeGraph graph, int[] authors, PooledBuffer output)
    {
        output.WriteUnsigned((ulong)authors.Length);
        foreach (int author in authors) output.WritePrefixed(graph.ActorAt(author));
        output.WriteUnsigned((ulong)graph.Heads.Length);
        foreach (ref readonly ChangeHash head in graph.Heads) output.WriteBytes(head.Bytes);
    }

    private static void WriteChanges(ChangeGraph graph, ChangeLog log, int[] actors, DocumentColumnsWriter columns)
    {
        try
        {
            using ChangeColumnsWriter writer = new();
            writer.Write(graph, log, actors, columns);
        }
        catch (OverflowException exception)
        {
            throw new AutomergeFormatException("document: times of neighbouring changes too far apart to be written", exception);
        }
    }

    private static byte[] Assemble(ReadOnlySpan<byte> front, ReadOnlySpan<byte> data)
    {
        int length = checked(front.Length + data.Length);
        byte[] chunk = new byte[ChunkWriter.HeaderLength(length) + length];
        int header = ChunkWriter.WriteHeader(chunk, ChunkType.Document, length);
        front.CopyTo(chunk.AsSpan(header));
        data.CopyTo(chunk.AsSpan(header + front.Length));
        ChunkWriter.Seal(chunk);
        return chunk;
    }
}
