using System.Buffers;
using System.IO.Compression;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Tests.Changes;

namespace Automerge.Tests.Format;

public class ChunkReaderTests
{
    private static readonly byte[] Plain = TestChanges.Rich().Encode(out _);

    [Fact]
    public void TryRead_takes_one_chunk_of_several()
    {
        byte[] two = [.. Plain, .. Plain];
        Assert.True(ChunkReader.TryRead(two, out Chunk chunk, out ChunkError error), error.Describe());
        Assert.Equal((ChunkType.Change, Plain.Length), (chunk.Type, chunk.Length));
        Assert.Equal(Plain, chunk.Bytes);
        Assert.True(chunk.ChecksumMatches(chunk.ComputeHash()));
        Assert.True(ChunkReader.TryRead(two.AsSpan(chunk.Length), out chunk, out _));
        Assert.Equal(Plain, chunk.Bytes);
    }

    [Fact]
    public void TryRead_truncated_at_every_byte_wants_more()
    {
        for (int length = 0; length < Plain.Length; length++)
        {
            Assert.False(ChunkReader.TryRead(Plain.AsSpan(0, length), out _, out ChunkError error));
            Assert.Equal((length, ChunkError.Truncated), (length, error));
        }
    }

    [Theory]
    [InlineData(0, 0x84, ChunkError.BadMagic)]
    [InlineData(8, 4, ChunkError.UnknownType)]
    [InlineData(10, 0x80, ChunkError.Truncated)]
    [InlineData(10, 0x00, ChunkError.BadLength)]
    public void TryRead_damaged_header_is_named(int offset, int value, ChunkError expected)
    {
        byte[] damaged = (byte[])Plain.Clone();
        damaged[9] |= 0x80;
        damaged[offset] = (byte)value;
        if (offset == 10 && value == 0x80) damaged = damaged[..11];
        Assert.False(ChunkReader.TryRead(damaged, out _, out ChunkError error));
        Assert.Equal(expected, error);
    }

    [Fact]
    public void TryRead_length_of_64_bits_is_no_more_than_what_is_left()
    {
        byte[] huge = [.. Plain[..9], 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x00];
        Assert.False(ChunkReader.TryRead(huge, out _, out ChunkError error));
        Assert.Equal(ChunkError.Truncated, error);
    }

    [Fact]
    public void Inflate_compressed_change_gives_the_plain_one()
    {
        ArrayBufferWriter<byte> output = new();
        Assert.True(TryInflate(Compress(Plain), 1 << 20, output, out ChunkError error), error.Describe());
        Assert.Equal(Plain, output.WrittenSpan);
        Assert.True(ChangeVerifier.Verify(output.WrittenSpan, ChangeLimits.Default, out _).IsOk);
    }

    [Fact]
    public void Inflate_is_bounded_exactly()
    {
        int body = BodyLength(Plain);
        Assert.True(TryInflate(Compress(Plain), body, new ArrayBufferWriter<byte>(), out _));
        Assert.False(TryInflate(Compress(Plain), body - 1, new ArrayBufferWriter<byte>(), out ChunkError error));
        Assert.Equal(ChunkError.InflatesTooLarge, error);
    }

    [Fact]
    public void Inflate_of_a_bomb_stops_at_the_limit()
    {
        byte[] bomb = Deflate(new byte[8 << 20]);
        Assert.False(TryInflate(Wrap(Plain, bomb), 1 << 20, new ArrayBufferWriter<byte>(), out ChunkError error));
        Assert.Equal(ChunkError.InflatesTooLarge, error);
    }

    [Fact]
    public void Inflate_with_bytes_behind_the_stream_is_refused()
    {
        byte[] deflated = Deflate(Body(Plain));
        Assert.False(TryInflate(Wrap(Plain, [.. deflated, 0]), 1 << 20, new ArrayBufferWriter<byte>(), out ChunkError error));
        Assert.Equal(ChunkError.LeftoverAfterDeflate, error);
    }

    [Fact]
    public void Inflate_truncated_at_every_byte_is_refused()
    {
        byte[] deflated = Deflate(Body(Plain));
        for (int length = 0; length < deflated.Length; length++)
        {
            Assert.False(TryInflate(Wrap(Plain, deflated[..length]), 1 << 20, new ArrayBufferWriter<byte>(), out ChunkError error), $"{length} of {deflated.Length}");
            Assert.Equal((length, ChunkError.BadDeflate), (length, error));
        }
    }

    [Fact]
    public void Inflate_every_byte_damaged_gives_no_other_exception()
    {
        byte[] deflated = Deflate(Body(Plain));
        for (int bit = 0; bit < deflated.Length * 8; bit++)
        {
            byte[] damaged = (byte[])deflated.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            ArrayBufferWriter<byte> output = new();
            if (TryInflate(Wrap(Plain, damaged), 1 << 20, output, out _)) Assert.False(ChangeVerifier.Verify(output.WrittenSpan, ChangeLimits.Default, out _).IsOk && !output.WrittenSpan.SequenceEqual(Plain));
        }
    }

    [Fact]
    public void Inflate_of_a_plain_change_is_refused() => Assert.False(TryInflate(Plain, 1 << 20, new ArrayBufferWriter<byte>(), out _));

    private static bool TryInflate(byte[] bytes, int max, ArrayBufferWriter<byte> output, out ChunkError error) =>
        ChunkReader.TryRead(bytes, out Chunk chunk, out error) && CompressedChange.TryInflate(chunk, max, output, out error);

    private static byte[] Compress(byte[] plain) => Wrap(plain, Deflate(Body(plain)));

    private static byte[] Wrap(byte[] plain, byte[] deflated)
    {
        byte[] chunk = new byte[ChunkWriter.HeaderLength(deflated.Length) + deflated.Length];
        int header = ChunkWriter.WriteHeader(chunk, ChunkType.CompressedChange, deflated.Length);
        plain.AsSpan(4, 4).CopyTo(chunk.AsSpan(4));
        deflated.CopyTo(chunk.AsSpan(header));
        return chunk;
    }

    private static byte[] Body(byte[] bytes)
    {
        Assert.True(ChunkReader.TryRead(bytes, out Chunk chunk, out _));
        return chunk.Body.ToArray();
    }

    private static int BodyLength(byte[] bytes) => Body(bytes).Length;

    private static byte[] Deflate(byte[] plain)
    {
        using MemoryStream output = new();
        using (DeflateStream deflate = new(output, CompressionLevel.Optimal, leaveOpen: true)) deflate.Write(plain);
        return output.ToArray();
    }
}
