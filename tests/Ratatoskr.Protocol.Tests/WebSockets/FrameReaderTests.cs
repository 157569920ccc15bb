using System.Buffers;
using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests.WebSockets;

public class FrameReaderTests
{
    private static readonly uint s_key = BitConverter.ToUInt32(ClientFrames.Key);

    [Theory]
    [InlineData(0)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65535)]
    [InlineData(65536)]
    [InlineData(long.MaxValue)]
    public void TryReadClientHeader_split_at_every_byte_gives_same_header(long length)
    {
        byte[] bytes = ClientFrames.Header(0x82, length);
        foreach (ReadOnlySequence<byte> input in Segments.EveryWay(bytes))
        {
            SequenceReader<byte> reader = new(input);
            Assert.True(FrameReader.TryReadClientHeader(ref reader, out FrameHeader header));
            Assert.Equal(new FrameHeader(Fin: true, Opcode.Binary, length, s_key), header);
            Assert.Equal(bytes.Length, reader.Consumed);
        }
    }

    [Theory]
    [InlineData(5)]
    [InlineData(300)]
    [InlineData(70000)]
    public void TryReadClientHeader_truncated_at_every_byte_has_not_moved(long length)
    {
        byte[] bytes = ClientFrames.Header(0x02, length);
        for (int cut = 0; cut < bytes.Length; cut++)
        {
            SequenceReader<byte> reader = new(Segments.OneBytePerSegment(bytes[..cut]));
            Assert.False(FrameReader.TryReadClientHeader(ref reader, out _));
            Assert.Equal(0, reader.Consumed);
        }
    }

    [Fact]
    public void TryReadClientHeader_leaves_the_payload()
    {
        SequenceReader<byte> reader = new(Segments.Cut(ClientFrames.Text("hello"), 3));
        Assert.True(FrameReader.TryReadClientHeader(ref reader, out FrameHeader header));
        Assert.Equal(Opcode.Text, header.Opcode);
        Assert.Equal(5, reader.Remaining);
    }

    [Theory]
    [InlineData("8205 01020304", "unmasked")]
    [InlineData("c285 01020304", "reserved bits")]
    [InlineData("a285 01020304", "reserved bits")]
    [InlineData("9285 01020304", "reserved bits")]
    [InlineData("8385 01020304", "reserved opcode")]
    [InlineData("8785 01020304", "reserved opcode")]
    [InlineData("8b85 01020304", "reserved opcode")]
    [InlineData("8f85 01020304", "reserved opcode")]
    [InlineData("0985 01020304", "fragmented control")]
    [InlineData("0880 01020304", "fragmented control")]
    [InlineData("89fe 007e01020304", "over 125")]
    [InlineData("88ff 000000000001000001020304", "over 125")]
    [InlineData("82fe 007d01020304", "shortest")]
    [InlineData("82ff 000000000000ffff01020304", "shortest")]
    [InlineData("82ff 800000000000000001020304", "2^63")]
    [InlineData("82ff ffffffffffffffff01020304", "2^63")]
    public void TryReadClientHeader_of_forbidden_header_closes_with_1002(string hex, string why)
    {
        byte[] bytes = Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
        ProtocolException error = Assert.Throws<ProtocolException>(() =>
        {
            SequenceReader<byte> reader = new(Segments.OneBytePerSegment(bytes));
            FrameReader.TryReadClientHeader(ref reader, out _);
        });
        Assert.Equal(CloseCode.ProtocolError, error.CloseCode);
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
    }
}
