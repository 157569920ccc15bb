using Automerge.Columns;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Documents;

public class DocumentReaderTests
{
    // Of the generated documents one of the smallest; half of it has several actors, marks and deletes.
    private static readonly byte[] Document = VectorFiles.ReadGenerated("doc-0007.json.gz").GetProperty("saved").GetBytesFromBase64();

    [Fact]
    public void Read_empty_document_has_no_changes()
    {
        RecordingSink sink = new();
        DocumentReader.Read([0x85, 0x6f, 0x4a, 0x83, 0xb8, 0x1a, 0x95, 0x44, 0, 4, 0, 0, 0, 0], DocumentLimits.Default, sink);
        Assert.Equal(0, sink.ChangeCount);
    }

    [Fact]
    public void Read_gives_bytes_only_of_rows_asked_for()
    {
        RecordingSink all = new(_ => true), some = new(row => row % 3 == 1);
        DocumentReader.Read(Document, DocumentLimits.Default, all);
        DocumentReader.Read(Document, DocumentLimits.Default, some);
        for (int row = 0; row < all.Bytes.Count; row++) Assert.Equal(row % 3 == 1 ? all.Bytes[row] : [], some.Bytes[row]);
    }

    [Fact]
    public void Read_reports_the_rows_of_dependencies()
    {
        RecordingSink sink = new(_ => true);
        DocumentReader.Read(Document, DocumentLimits.Default, sink);
        for (int row = 0; row < sink.Bytes.Count; row++)
        {
            Automerge.Changes.Change change = Automerge.Changes.Change.Decode(sink.Bytes[row]);
            Assert.Equal(change.Deps, sink.DepRows[row].Select(dep => sink.Hashes[dep]));
        }
    }

    [Fact]
    public void Read_truncated_at_every_byte_is_refused()
    {
        for (int length = 0; length < Document.Length; length++) AssertRefused(Document.AsSpan(0, length));
    }

    // With the checksum made right again nearly every byte matters; those that do not must give the same changes' hashes.
    [Fact]
    public void Read_every_byte_damaged_gives_the_typed_error_or_a_true_document()
    {
        byte[] damaged = (byte[])Document.Clone();
        int accepted = 0;
        for (int i = 0; i < Document.Length; i++)
        {
            foreach (int value in (int[])[Document[i] ^ 1, Document[i] ^ 0x40, Document[i] | 0x80, 0, 0x7f, 0xff])
            {
                if (value == Document[i]) continue;
                damaged[i] = (byte)value;
                if (i >= ChunkReader.TypeOffset) ChunkWriter.Seal(damaged);
                RecordingSink sink = new();
                if (DocumentReader.TryRead(damaged, DocumentLimits.Default, sink, out string what)) accepted++;
                else Assert.NotEmpty(what);
                damaged[i] = Document[i];
                Document.AsSpan(0, 8).CopyTo(damaged);
            }
        }

        // Only the rows of the heads at the very end are not read.
        Assert.InRange(accepted, 0, 6 * 8);
    }

    [Fact]
    public void Read_beyond_limits_is_refused()
    {
        AssertRefused(Document, new DocumentLimits { MaxRows = 3 });
        AssertRefused(Document, new DocumentLimits { MaxActorBytes = 3 });
        AssertRefused(Document, new DocumentLimits { MaxInflatedBytes = 100 });
    }

    [Fact]
    public void Read_data_behind_the_chunk_is_refused() => AssertRefused([.. Document, 0]);

    [Fact]
    public void Read_claim_of_2_to_the_40_rows_is_refused_before_memory_is_taken()
    {
        byte[] body =
        [
            0, 0, 0,                                             // no actors, no heads, no change columns
            1, 0x21, 7,                                          // one operation column: id actor
            0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0,               // 2^40 times actor 0
        ];
        long before = GC.GetAllocatedBytesForCurrentThread();
        AssertRefused(Wrap(body));
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 64 << 10);
    }

    // One long message, one run of rows: kilobytes that would be made into gigabytes of changes.
    [Fact]
    public void Read_of_changes_that_outgrow_the_document_stops_at_the_limit()
    {
        const int Count = 1_000;
        byte[] message = new byte[1 << 20];
        long[] zeros = new long[Count], ascending = [.. Enumerable.Range(1, Count).Select(seq => (long)seq)];
        using PooledBuffer body = new(), layout = new(), data = new();
        void Column(uint spec, Action<PooledBuffer> write)
        {
            int start = data.Length;
            write(data);
            layout.WriteUnsigned(spec);
            layout.WriteUnsigned((ulong)(data.Length - start));
        }

        Column(ColumnSpec.Actor, column => ColumnWriter.WriteIntegers(column, zeros, signed: false));
        Column(ColumnSpec.Sequence, column => ColumnWriter.WriteDeltas(column, ascending));
        Column(ColumnSpec.MaxOp, column => ColumnWriter.WriteDeltas(column, zeros));
        Column(ColumnSpec.Time, column => ColumnWriter.WriteDeltas(column, zeros));
        Column(ColumnSpec.Message, column =>
        {
            column.WriteSigned(Count);
            column.WritePrefixed(message);
        });
        Column(ColumnSpec.DependencyCount, column => ColumnWriter.WriteIntegers(column, zeros, signed: false));
        Column(ColumnSpec.ExtraMetadata, column => ColumnWriter.WriteIntegers(column, [.. Enumerable.Repeat(7L, Count)], signed: false));
        body.WriteBytes([1, 1, 0x77, 0, 7]);      // actor 77, no heads, seven columns
        body.WriteBytes(layout.Written);
        body.WriteByte(0);                        // no operation columns
        body.WriteBytes(data.Written);

        RecordingSink sink = new();
        Assert.False(DocumentReader.TryRead(Wrap(body.Written.ToArray()), new DocumentLimits { MaxRebuiltBytes = 16 << 20 }, sink, out string what));
        Assert.Contains("larger than allowed", what, StringComparison.Ordinal);
        Assert.InRange(sink.Hashes.Count, 1, 8);
    }

    [Fact]
    public void TryRead_header_gives_actors_and_heads()
    {
        Assert.True(ChunkReader.TryRead(Document, out Chunk chunk, out _));
        Assert.True(DocumentHeader.TryRead(chunk, out DocumentHeader header, out string what), what);
        RecordingSink sink = new();
        DocumentReader.Read(Document, DocumentLimits.Default, sink);
        Assert.Equal(sink.Actors, header.CopyActors());
        foreach (Automerge.Changes.ChangeHash head in header.Heads) Assert.Contains(head, sink.Hashes);
    }

    private static byte[] Wrap(byte[] body)
    {
        byte[] chunk = new byte[ChunkWriter.HeaderLength(body.Length) + body.Length];
        body.CopyTo(chunk, ChunkWriter.WriteHeader(chunk, ChunkType.Document, body.Length));
        ChunkWriter.Seal(chunk);
        return chunk;
    }

    private static void AssertRefused(ReadOnlySpan<byte> bytes, DocumentLimits? limits = null)
    {
        Assert.False(DocumentReader.TryRead(bytes, limits ?? DocumentLimits.Default, new RecordingSink(), out string what));
        Assert.NotEmpty(what);
    }
}
