using System.Buffers;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests;

/// <summary>The way of a message through this project allocates nothing once pools are warm.</summary>
public class SteadyStateTests
{
    [Fact]
    public void Frame_to_message_to_envelope_allocates_nothing()
    {
        byte[] frames =
        [
            .. Captures.Stock.Where(frame => frame.FromClient).SelectMany(frame => ClientFrames.Frame(Opcode.Binary, frame.Bytes)),
            .. ClientFrames.Frame(Opcode.Ping, "ping"u8),
            .. ClientFrames.Frame(Opcode.Binary, Captures.Stock[0].Bytes.AsSpan(0, 50), fin: false),
            .. ClientFrames.Frame(Opcode.Continuation, Captures.Stock[0].Bytes.AsSpan(50)),
        ];
        ReadOnlySequence<byte> whole = new(frames);
        ReadOnlySequence<byte> cut = Segments.Cut(frames, frames.Length / 3, frames.Length / 2);
        using MessageAssembler assembler = new(1 << 20);
        Dictionary<DocumentId, int> documents = new(DocumentId.Comparer.Instance);
        foreach (Captured frame in Captures.Stock)
        {
            MessageReader.Read(frame.Bytes, out RepoMessage message, out _);
            if (message.TryGetDocumentId(frame.Bytes, out DocumentId id)) documents[id] = 1;
        }

        int messages = 0;
        for (int warm = 0; warm < 200; warm++) messages = Run(assembler, whole, documents) + Run(assembler, cut, documents);
        Assert.True(messages > 60);

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 200; round++) Run(assembler, whole, documents);
        for (int round = 0; round < 200; round++) Run(assembler, cut, documents);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void Base58check_allocates_nothing()
    {
        byte[] payload = new byte[Base58Check.PayloadLengthMax];
        byte[] text = new byte[Base58Check.TextLengthMax];
        Assert.True(Base58Check.TryEncode(new byte[16], text, out int length));
        Assert.True(Base58Check.TryDecode(text.AsSpan(0, length), payload, out _));
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 1000; round++)
        {
            Base58Check.TryEncode(payload.AsSpan(0, 16), text, out length);
            Base58Check.TryDecode(text.AsSpan(0, length), payload, out _);
            DocumentId.IsValid(text.AsSpan(0, length));
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static int Run(MessageAssembler assembler, ReadOnlySequence<byte> input, Dictionary<DocumentId, int> documents)
    {
        int messages = 0;
        Span<byte> envelope = stackalloc byte[512];
        Span<byte> header = stackalloc byte[FrameWriter.HeaderLengthMax];
        while (assembler.TryRead(ref input, out WebSocketEvent read))
        {
            if (read.Kind != WebSocketEventKind.Binary) continue;
            ReadOnlySpan<byte> payload = read.Payload.Span;
            if (MessageReader.Read(payload, out RepoMessage message, out _) != ReadOutcome.Message) continue;
            messages++;
            foreach (Slice _ in MessageReader.StorageIds(payload, message.Add)) messages += 0;
            foreach (RemoteHeads _ in MessageReader.RemoteHeads(payload, message.NewHeads)) messages += 0;
            ReadOnlySpan<byte> id = message.DocumentId.In(payload);
            if (!documents.GetAlternateLookup<ReadOnlySpan<byte>>().ContainsKey(id)) continue;
            int length = message.Kind == MessageKind.Ephemeral
                ? MessageWriter.WriteEphemeralEnvelope(
                    envelope, message.SenderId.In(payload), "target"u8, id, message.Count, message.SessionId.In(payload), message.Data.Length)
                : MessageWriter.WriteSyncEnvelope(envelope, message.TargetId.In(payload), message.SenderId.In(payload), id, request: false, message.Data.Length);
            FrameWriter.WriteHeader(header, Opcode.Binary, length + message.Data.Length);
        }

        return messages;
    }
}
