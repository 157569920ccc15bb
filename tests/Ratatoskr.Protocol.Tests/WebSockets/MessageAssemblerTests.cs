using System.Buffers;
using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests.WebSockets;

public sealed class MessageAssemblerTests : IDisposable
{
    private const int LengthMax = 1 << 20;

    private readonly MessageAssembler _assembler = new(LengthMax);

    private static readonly byte[] s_conversation =
    [
        .. ClientFrames.Text("grüße"),
        .. ClientFrames.Frame(Opcode.Binary, [1, 2, 3], fin: false),
        .. ClientFrames.Frame(Opcode.Ping, "in between"u8),
        .. ClientFrames.Frame(Opcode.Continuation, [], fin: false),
        .. ClientFrames.Frame(Opcode.Continuation, [4], fin: false),
        .. ClientFrames.Frame(Opcode.Pong, []),
        .. ClientFrames.Frame(Opcode.Continuation, [5, 6, 7, 8, 9]),
        .. ClientFrames.Binary(),
        .. ClientFrames.Binary(new byte[200]),
        .. ClientFrames.Frame(Opcode.Close, [0x03, 0xe8, .. "bye"u8]),
        .. ClientFrames.Binary(66),
    ];

    private static readonly string[] s_events =
    [
        "Text 6772C3BCC39F65",
        "Ping 696E206265747765656E",
        "Pong ",
        "Binary 010203040506070809",
        "Binary ",
        "Binary " + new string('0', 400),
        "Close 627965 Normal",
    ];

    [Fact]
    public void TryRead_of_whole_conversation_cut_in_every_way_gives_same_events()
    {
        foreach (ReadOnlySequence<byte> input in Segments.EveryWay(s_conversation))
        {
            using MessageAssembler assembler = new(LengthMax);
            ReadOnlySequence<byte> rest = input;
            Assert.Equal(s_events, Drain(assembler, ref rest));
            Assert.True(rest.IsEmpty);
            Assert.Equal(0, assembler.BufferedBytes);
        }
    }

    [Fact]
    public void TryRead_of_bytes_arriving_one_by_one_gives_same_events()
    {
        List<string> events = [];
        byte[] kept = [];
        foreach (byte next in s_conversation)
        {
            kept = [.. kept, next];
            ReadOnlySequence<byte> input = new(kept);
            events.AddRange(Drain(_assembler, ref input));
            kept = input.ToArray();             // what a pipe would hand over again
            Assert.InRange(kept.Length, 0, 14 + 125);
        }

        Assert.Equal(s_events, events);
    }

    public void Dispose() => _assembler.Dispose();

    private static List<string> Drain(MessageAssembler assembler, ref ReadOnlySequence<byte> input)
    {
        List<string> events = [];
        while (assembler.TryRead(ref input, out WebSocketEvent read))
            events.Add($"{read.Kind} {Convert.ToHexString(read.Payload.Span)}" + (read.Kind == WebSocketEventKind.Close ? " " + read.CloseCode : ""));
        return events;
    }
}
