using System.Buffers;
using System.Text;
using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests.WebSockets;

public class FrameWriterTests
{
    [Theory]
    [InlineData(0, "8200")]
    [InlineData(125, "827d")]
    [InlineData(126, "827e007e")]
    [InlineData(65535, "827effff")]
    [InlineData(65536, "827f0000000000010000")]
    public void WriteHeader_uses_the_shortest_length(long length, string expected)
    {
        Span<byte> header = stackalloc byte[FrameWriter.HeaderLengthMax];
        int written = FrameWriter.WriteHeader(header, Opcode.Binary, length);
        Assert.Equal(expected, Convert.ToHexStringLower(header[..written]));
        Assert.Equal(written, FrameWriter.HeaderLength(length));
        Assert.Throws<ArgumentException>(() => FrameWriter.WriteHeader(new byte[written - 1], Opcode.Binary, length));
    }

    [Fact]
    public void WriteClose_round_trips_through_the_assembler()
    {
        WebSocketEvent read = RoundTrip(FrameWriter.WriteClose, CloseCode.PolicyViolation, "not allowed: ä");
        Assert.Equal(CloseCode.PolicyViolation, read.CloseCode);
        Assert.Equal("not allowed: ä", Encoding.UTF8.GetString(read.Payload.Span));
    }

    [Theory]
    [InlineData("x", 123)]
    [InlineData("é", 122)]
    [InlineData("€", 123)]
    [InlineData("😀", 120)]
    public void WriteClose_cuts_long_reasons_between_characters(string character, int expectedLength)
    {
        string reason = string.Concat(Enumerable.Repeat(character, 200));
        WebSocketEvent read = RoundTrip(FrameWriter.WriteClose, CloseCode.InternalError, reason);
        Assert.Equal(expectedLength, read.Payload.Length);
        Assert.StartsWith(Encoding.UTF8.GetString(read.Payload.Span), reason, StringComparison.Ordinal);
    }

    [Fact]
    public void WriteClose_without_status_is_empty()
    {
        byte[] frame = new byte[FrameWriter.ControlFrameLengthMax];
        Assert.Equal(2, FrameWriter.WriteClose(frame, CloseCode.NoStatus, "unsaid"));
        Assert.Equal([0x88, 0x00], frame[..2]);
    }

    [Fact]
    public void WritePing_and_pong_hold_up_to_125_bytes()
    {
        byte[] frame = new byte[FrameWriter.ControlFrameLengthMax];
        Assert.Equal(127, FrameWriter.WritePing(frame, new byte[125]));
        Assert.Equal([0x89, 125], frame[..2]);
        Assert.Equal(5, FrameWriter.WritePong(frame, [1, 2, 3]));
        Assert.Equal([0x8a, 3, 1, 2, 3], frame[..5]);
        Assert.Throws<ArgumentOutOfRangeException>(() => FrameWriter.WritePing(frame, new byte[126]));
        Assert.Throws<ArgumentException>(() => FrameWriter.WritePong(frame.AsSpan(0, 4), [1, 2, 3]));
    }

    private delegate int CloseWriter(Span<byte> destination, CloseCode code, ReadOnlySpan<char> reason);

    // The same frame as a client would send it: masked.
    private static WebSocketEvent RoundTrip(CloseWriter write, CloseCode code, string reason)
    {
        byte[] frame = new byte[FrameWriter.ControlFrameLengthMax];
        int length = write(frame, code, reason);
        Assert.Equal(length - 2, frame[1]);
        MessageAssembler assembler = new(1000);
        ReadOnlySequence<byte> input = new(ClientFrames.Frame(Opcode.Close, frame.AsSpan(2, length - 2)));
        Assert.True(assembler.TryRead(ref input, out WebSocketEvent read));
        return read;
    }
}
