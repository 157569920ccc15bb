using Ratatoskr.Protocol.Cbor;

namespace Ratatoskr.Protocol.Tests.Cbor;

public class CborWriterTests
{
    [Theory]
    [InlineData(0, "00")]
    [InlineData(23, "17")]
    [InlineData(24, "1818")]
    [InlineData(255, "18ff")]
    [InlineData(256, "190100")]
    [InlineData(65535, "19ffff")]
    [InlineData(65536, "1a00010000")]
    [InlineData(uint.MaxValue, "1affffffff")]
    [InlineData(1UL << 32, "fb41f0000000000000")]            // as JS writes it
    [InlineData(1UL << 53, "fb4340000000000000")]
    [InlineData((1UL << 53) + 1, "1b0020000000000001")]
    [InlineData(ulong.MaxValue, "1bffffffffffffffff")]
    public void WriteNumber_is_shortest_and_reads_back(ulong value, string expected)
    {
        byte[] bytes = new byte[CborWriter.HeadLengthMax];
        CborWriter writer = new(bytes);
        writer.WriteNumber(value);
        Assert.Equal(expected, Convert.ToHexStringLower(bytes.AsSpan(0, writer.Length)));
        CborCursor cursor = new(bytes.AsSpan(0, writer.Length));
        Assert.True(cursor.TryReadUnsigned(out ulong read));
        Assert.Equal(value, read);
    }

    [Fact]
    public void Write_of_everything_gives_expected_bytes()
    {
        byte[] bytes = new byte[64];
        CborWriter writer = new(bytes);
        writer.WriteMapHeader(2);
        writer.WriteText("ä"u8);
        writer.WriteArrayHeader(4);
        writer.WriteBoolean(true);
        writer.WriteBoolean(false);
        writer.WriteNull();
        writer.WriteUndefined();
        writer.WriteBytes([1, 2]);
        writer.WriteDouble(1.5);
        Assert.Equal("a262c3a484f5f4f6f7420102fb3ff8000000000000", Convert.ToHexStringLower(bytes.AsSpan(0, writer.Length)));
    }

    [Fact]
    public void Write_beyond_the_destination_throws()
    {
        byte[] bytes = new byte[3];
        Assert.Throws<ArgumentException>(() =>
        {
            CborWriter writer = new(bytes.AsSpan(0, 2));
            writer.WriteText("ab"u8);
        });
        Assert.Equal(0, bytes[2]);
    }
}
