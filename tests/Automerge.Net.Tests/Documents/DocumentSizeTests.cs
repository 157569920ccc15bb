using Automerge.Columns;
using Automerge.Documents;
using Automerge.Format;

namespace Automerge.Tests.Documents;

/// <summary>What a document claims, of any size, is added up without being believed.</summary>
public sealed class DocumentSizeTests
{
    private const int Rows = 2;
    private const long Most = 1L << 48;

    [Fact]
    public void Mentions_of_successors_are_rows() => Assert.Equal(Rows + (3 * 2) + (5 * 4), RowsWith((3, 2), (5, 4)));

    [Fact]
    public void What_is_absent_mentions_nobody() => Assert.Equal(Rows + 4, RowsWith((0, 1_000), (2, 2)));       // 1,000 times null

    [Theory]
    [InlineData(1L << 48, 1L)]
    [InlineData(2L, 1L << 47)]
    [InlineData(1L << 40, 1L << 23)]                 // 2^63 is no long
    [InlineData(1L << 40, 1L << 24)]                 // 2^64 has no low half
    [InlineData(1L << 62, (1L << 62) + 1)]
    [InlineData(long.MaxValue, long.MaxValue)]
    public void What_no_document_has_is_too_much(long times, long successors)
    {
        Assert.Equal(Most, RowsWith((times, successors)));
        Assert.Equal(Most, RowsWith((2, 3), (times, successors)));
    }

    [Fact]
    public void Sums_stop_at_the_most_there_can_be()
    {
        Assert.Equal((1L << 47) + Rows, RowsWith((1L << 46, 2)));
        Assert.Equal(Most, RowsWith((1L << 46, 2), (1L << 45, 4)));
        Assert.Equal(Most, RowsWith([.. Enumerable.Range(1, 40).Select(i => (1L << 47, (long)(i % 2) + 1))]));
    }

    [Fact]
    public void Bytes_of_values_count()
    {
        long without = Measure([(2, 0)], [(2, 6)]).OpSetBytes, with = Measure([(2, 0)], [(2, (1_000 << 4) + 6)]).OpSetBytes;
        Assert.InRange(with - without, 2_000, 2_300);            // and what the longer run may take
    }

    private static long RowsWith(params (long Times, long Value)[] successors) => Measure(successors, [(2, 6)]).Rows;

    private static DocumentSize Measure((long Times, long Value)[] successors, (long Times, long Value)[] values)
    {
        using PooledBuffer body = new(), layout = new(), data = new();
        Column(ColumnSpec.IdActor, [(Rows, 0)]);
        Column(ColumnSpec.ValueMetadata, values);
        Column(ColumnSpec.SuccessorCount, successors);
        body.WriteBytes([1, 1, 0x77, 0, 0, 3]);      // actor 77, no heads, no columns of changes, three of operations
        body.WriteBytes(layout.Written);
        body.WriteBytes(data.Written);
        byte[] chunk = new byte[ChunkWriter.HeaderLength(body.Length) + body.Length];
        body.Written.CopyTo(chunk.AsSpan(ChunkWriter.WriteHeader(chunk, ChunkType.Document, body.Length)));
        return DocumentSize.Measure(chunk, DocumentLimits.Default);

        void Column(uint spec, (long Times, long Value)[] runs)
        {
            int before = data.Length;
            foreach ((long times, long value) in runs)
            {
                data.WriteSigned(times);
                data.WriteUnsigned((ulong)value);
            }

            layout.WriteUnsigned(spec);
            layout.WriteUnsigned((ulong)(data.Length - before));
        }
    }
}
