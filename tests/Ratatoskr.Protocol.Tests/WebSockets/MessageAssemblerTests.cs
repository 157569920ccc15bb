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

    [Fact]
    public void TryRead_of_single_segment_hands_out_memory_that_goes_back_at_the_next_call()
    {
        ReadOnlySequence<byte> input = new([.. ClientFrames.Binary(1, 2, 3), .. ClientFrames.Frame(Opcode.Ping, [9])]);
        Assert.True(_assembler.TryRead(ref input, out WebSocketEvent read));
        Assert.Equal([1, 2, 3], read.Payload.ToArray());
        Assert.InRange(_assembler.BufferedBytes, 3, 64);
        Assert.True(_assembler.TryRead(ref input, out read));
        Assert.Equal([9], read.Payload.ToArray());
        Assert.False(_assembler.TryRead(ref input, out _));
        Assert.Equal(0, _assembler.BufferedBytes);
    }

    [Fact]
    public void TryRead_of_declared_length_takes_no_memory_before_bytes_arrive()
    {
        ReadOnlySequence<byte> input = new(ClientFrames.Header(0x82, LengthMax));
        Assert.False(_assembler.TryRead(ref input, out _));
        Assert.Equal(0, _assembler.BufferedBytes);

        input = new ReadOnlySequence<byte>(new byte[10]);
        Assert.False(_assembler.TryRead(ref input, out _));
        Assert.Equal(4096, _assembler.BufferedBytes);
    }

    [Theory]
    [InlineData(7)]
    [InlineData(1000)]
    [InlineData(5000)]
    public void TryRead_of_large_message_in_pieces_never_holds_more_than_twice_what_came(int piece)
    {
        byte[] payload = new byte[100_000];
        new Random(1).NextBytes(payload);
        byte[] frame = ClientFrames.Frame(Opcode.Binary, payload);
        ReadOnlyMemory<byte> kept = default;
        WebSocketEvent read = default;
        for (int sent = 0; sent < frame.Length;)
        {
            int end = Math.Min(sent + piece, frame.Length);
            ReadOnlySequence<byte> input = new(frame.AsMemory(sent - kept.Length, end - sent + kept.Length));
            Assert.Equal(end == frame.Length, _assembler.TryRead(ref input, out read));
            kept = input.First;
            sent = end;
            Assert.InRange(_assembler.BufferedBytes, 0, Math.Max(4096, 2 * sent));
        }

        Assert.Equal(payload, read.Payload.ToArray());
    }

    [Fact]
    public void TryRead_of_message_over_limit_closes_with_1009()
    {
        AssertFails(CloseCode.MessageTooBig, ClientFrames.Header(0x82, LengthMax + 1));
        AssertFails(CloseCode.MessageTooBig, ClientFrames.Header(0x82, long.MaxValue));
        AssertFails(
            CloseCode.MessageTooBig,
            [.. ClientFrames.Frame(Opcode.Binary, [1], fin: false), .. ClientFrames.Header(0x80, LengthMax)]);
    }

    [Fact]
    public void TryRead_after_limit_was_lowered_finishes_the_frame_under_way_and_refuses_the_next()
    {
        byte[] frame = ClientFrames.Frame(Opcode.Binary, new byte[10_000], fin: false);
        ReadOnlySequence<byte> input = new(frame.AsMemory(0, 1000));
        Assert.False(_assembler.TryRead(ref input, out _));
        _assembler.MessageLengthMax = 5000;
        input = new ReadOnlySequence<byte>(frame.AsMemory(1000));
        Assert.False(_assembler.TryRead(ref input, out _));
        Assert.True(input.IsEmpty);
        input = new ReadOnlySequence<byte>(ClientFrames.Header(0x80, long.MaxValue));
        ProtocolException error = Assert.Throws<ProtocolException>(() => _assembler.TryRead(ref input, out _));
        Assert.Equal("message of at least 9223372036854785807 bytes, limit is 5000", error.Message);
    }

    [Fact]
    public void TryRead_of_message_of_exactly_the_limit_is_whole()
    {
        ReadOnlySequence<byte> input = new(ClientFrames.Frame(Opcode.Binary, new byte[LengthMax]));
        Assert.True(_assembler.TryRead(ref input, out WebSocketEvent read));
        Assert.Equal(LengthMax, read.Payload.Length);
    }

    [Fact]
    public void TryRead_of_a_million_empty_fragments_holds_nothing()
    {
        byte[] empty = ClientFrames.Frame(Opcode.Continuation, [], fin: false);
        byte[] thousand = [.. Enumerable.Repeat(empty, 1000).SelectMany(frame => frame)];
        ReadOnlySequence<byte> input = new(ClientFrames.Frame(Opcode.Binary, [], fin: false));
        Assert.False(_assembler.TryRead(ref input, out _));
        for (int i = 0; i < 1000; i++)
        {
            input = new ReadOnlySequence<byte>(thousand);
            Assert.False(_assembler.TryRead(ref input, out _));
            Assert.True(input.IsEmpty);
        }

        Assert.Equal(0, _assembler.BufferedBytes);
        input = new ReadOnlySequence<byte>(ClientFrames.Frame(Opcode.Continuation, [7]));
        Assert.True(_assembler.TryRead(ref input, out WebSocketEvent read));
        Assert.Equal([7], read.Payload.ToArray());
    }

    [Fact]
    public void TryRead_of_fragments_out_of_order_closes_with_1002()
    {
        AssertFails(CloseCode.ProtocolError, ClientFrames.Frame(Opcode.Continuation, [1]));
        AssertFails(CloseCode.ProtocolError, [.. ClientFrames.Frame(Opcode.Text, [], fin: false), .. ClientFrames.Binary(1)]);
        AssertFails(CloseCode.ProtocolError, [.. ClientFrames.Binary(1), .. ClientFrames.Frame(Opcode.Continuation, [1])]);
    }

    [Fact]
    public void TryRead_of_text_split_inside_a_character_is_checked_as_a_whole()
    {
        byte[] euro = "€"u8.ToArray();
        ReadOnlySequence<byte> input = new(
            [.. ClientFrames.Frame(Opcode.Text, euro.AsSpan(0, 1), fin: false), .. ClientFrames.Frame(Opcode.Continuation, euro.AsSpan(1))]);
        Assert.True(_assembler.TryRead(ref input, out WebSocketEvent read));
        Assert.Equal(WebSocketEventKind.Text, read.Kind);
        AssertFails(CloseCode.InvalidPayload, ClientFrames.Frame(Opcode.Text, euro.AsSpan(0, 2)));
        AssertFails(CloseCode.InvalidPayload, ClientFrames.Frame(Opcode.Text, [0xed, 0xa0, 0x80]));        // a lone surrogate
    }

    [Theory]
    [InlineData("")]
    [InlineData("03e8")]
    [InlineData("03e8616263")]
    [InlineData("03ef")]
    [InlineData("0bb8")]
    [InlineData("1387")]
    public void TryRead_of_valid_close_gives_code_and_reason(string payload)
    {
        byte[] bytes = Convert.FromHexString(payload);
        ReadOnlySequence<byte> input = new(ClientFrames.Frame(Opcode.Close, bytes));
        Assert.True(_assembler.TryRead(ref input, out WebSocketEvent read));
        Assert.Equal(WebSocketEventKind.Close, read.Kind);
        Assert.Equal(bytes.Length == 0 ? 1005 : (bytes[0] << 8) | bytes[1], (int)read.CloseCode);
        Assert.Equal(bytes.Skip(2), read.Payload.ToArray());
    }

    [Theory]
    [InlineData("03", 1002)]                // half a code
    [InlineData("03e7", 1002)]              // 999
    [InlineData("03ec", 1002)]              // 1004–1006 are never sent
    [InlineData("03ed", 1002)]
    [InlineData("03ee", 1002)]
    [InlineData("03f7", 1002)]              // 1015
    [InlineData("0bb7", 1002)]              // 2999
    [InlineData("1388", 1002)]              // 5000
    [InlineData("ffff", 1002)]
    [InlineData("03e8c328", 1007)]          // reason is not UTF-8
    public void TryRead_of_invalid_close_fails(string payload, int code) =>
        AssertFails((CloseCode)code, ClientFrames.Frame(Opcode.Close, Convert.FromHexString(payload)));

    [Fact]
    public void TryRead_of_close_inside_a_message_gives_its_memory_back()
    {
        ReadOnlySequence<byte> input = new([.. ClientFrames.Frame(Opcode.Binary, new byte[5000], fin: false), .. ClientFrames.Frame(Opcode.Close, [])]);
        Assert.True(_assembler.TryRead(ref input, out WebSocketEvent read));
        Assert.Equal(WebSocketEventKind.Close, read.Kind);
        Assert.Equal(0, _assembler.BufferedBytes);
    }

    [Fact]
    public void TryRead_of_mutated_conversations_gives_only_protocol_errors()
    {
        Random random = new(20_260_701);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes = Mutations.Mutate(s_conversation, random);
            int cut = random.Next(bytes.Length + 1);
            using MessageAssembler assembler = new(1000);
            ReadOnlySequence<byte> input = Segments.Cut(bytes, random.Next(cut + 1), cut);
            try
            {
                while (assembler.TryRead(ref input, out WebSocketEvent read)) Assert.InRange(read.Payload.Length, 0, 1000);
                Assert.InRange(input.Length, 0, 14 + 125);
                Assert.InRange(assembler.BufferedBytes, 0, 8192);
            }
            catch (ProtocolException error)
            {
                Assert.Contains(error.CloseCode, new[] { CloseCode.ProtocolError, CloseCode.InvalidPayload, CloseCode.MessageTooBig });
            }
        }
    }

    private static void AssertFails(CloseCode code, byte[] bytes)
    {
        foreach (ReadOnlySequence<byte> input in bytes.Length > 200 ? [new ReadOnlySequence<byte>(bytes)] : Segments.EveryWay(bytes))
        {
            using MessageAssembler assembler = new(LengthMax);
            ReadOnlySequence<byte> rest = input;
            ProtocolException error = Assert.Throws<ProtocolException>(() => Drain(assembler, ref rest));
            Assert.Equal(code, error.CloseCode);
        }
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
