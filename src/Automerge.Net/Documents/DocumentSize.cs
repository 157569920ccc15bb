using Automerge.Changes;
using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Documents;

/// <summary>
/// How much a document chunk holds, found from a few of its columns without expanding them: to be asked before anything that takes memory for its rows.
/// </summary>
/// <param name="Changes">Changes it claims.</param>
/// <param name="Rows">Rows of operations, and mentions of successors.</param>
/// <param name="OpSetBytes">About what its op set would take at most. Two to four times too much is usual; never half.</param>
public readonly record struct DocumentSize(long Changes, long Rows, long OpSetBytes)
{
    // What no document comes near: sums of a few of these do not overflow.
    private const long CountMax = 1L << 48;

    private const int RunBytes = 120;            // a run with its share of leaf, nodes and index
    private const int RegisterBytes = 260;       // a register with two rows
    private const int ObjectBytes = 450;         // an object with its place in the table, the first entries in it and a row
    private const int SuccessorBytes = 16;

    private static ReadOnlySpan<uint> ChangeColumns => [ColumnSpec.Actor];

    private static ReadOnlySpan<uint> OpColumns =>
    [
        ColumnSpec.KeyActor, ColumnSpec.KeyCounter, ColumnSpec.IdActor, ColumnSpec.IdCounter, ColumnSpec.Insert, ColumnSpec.Action,
        ColumnSpec.ValueMetadata, ColumnSpec.SuccessorCount,
    ];

    /// <summary>Measures one document chunk, which need not have been verified: whatever it claims, the work is proportional to its length.</summary>
    /// <exception cref="AutomergeFormatException">Not a document chunk, or one of the columns cannot be read.</exception>
    public static DocumentSize Measure(ReadOnlySpan<byte> documentChunk, DocumentLimits limits)
    {
        ArgumentNullException.ThrowIfNull(limits);
        if (!ChunkReader.TryRead(documentChunk, out Chunk chunk, out ChunkError error)) throw new AutomergeFormatException(error.Describe());
        if (!DocumentHeader.TryRead(chunk, out DocumentHeader header, out string what)) DocumentFault.Throw(what);
        using DocumentColumns changeColumns = new();
        using DocumentColumns opColumns = new();
        ReadOnlySpan<byte> rest = header.Rest;
        changeColumns.ReadLayout(ref rest);
        opColumns.ReadLayout(ref rest);
        changeColumns.ReadData(ref rest, ChangeColumns, limits.MaxColumnBytes);
        opColumns.ReadData(ref rest, OpColumns, limits.MaxColumnBytes);
        if (!IntegerColumnReader.TryCount(changeColumns.Get(ColumnSpec.Actor), signed: false, CountMax, out long changes)
            || !IntegerColumnReader.TryCount(opColumns.Get(ColumnSpec.IdActor), signed: false, CountMax, out long rows))
        {
            DocumentFault.Throw("a column that says how much there is is damaged");
            return default;
        }

        long successors = Sum(opColumns.Get(ColumnSpec.SuccessorCount), shift: 0);
        long values = Sum(opColumns.Get(ColumnSpec.ValueMetadata), shift: 4);
        long updates = rows - Math.Min(rows, CountInserts(opColumns.Get(ColumnSpec.Insert)));
        long others = rows - Math.Min(rows, CountSets(opColumns.Get(ColumnSpec.Action)));

        // Wherever a run ends, one of these columns has a byte for it.
        long runs = Math.Min(rows, opColumns.Bytes.Length);
        long bytes = 4096 + (header.ActorCount * 200L) + values + (RunBytes * runs) + (RegisterBytes * updates) + (ObjectBytes * others) + (SuccessorBytes * successors);
        return new DocumentSize(changes, Math.Min(rows + successors, CountMax), Math.Min(bytes, CountMax));
    }

    private static long Sum(ReadOnlySpan<byte> column, int shift)
    {
        long sum = 0;
        IntegerColumnReader reader = new(column, signed: false, 0);
        while (reader.Prepare())
        {
            long value = reader.Value == IntegerColumnReader.Null ? 0 : reader.Value >> shift;
            long high = Math.BigMul(value, reader.Remaining, out long added);
            sum = high != 0 || added is < 0 or > CountMax ? CountMax : Math.Min(CountMax, sum + added);
            reader.Take(reader.Remaining);
        }

        return sum;
    }

    private static long CountInserts(ReadOnlySpan<byte> column)
    {
        long count = 0;
        BooleanColumnReader reader = new(column, 0);
        while (reader.Prepare())
        {
            if (reader.Value) count = Math.Min(CountMax, count + Math.Min(CountMax, reader.Remaining));
            reader.Take(reader.Remaining);
        }

        return count;
    }

    private static long CountSets(ReadOnlySpan<byte> column)
    {
        long count = 0;
        IntegerColumnReader reader = new(column, signed: false, 0);
        while (reader.Prepare())
        {
            if (reader.Value == (long)OpAction.Set) count = Math.Min(CountMax, count + Math.Min(CountMax, reader.Remaining));
            reader.Take(reader.Remaining);
        }

        return count;
    }
}
