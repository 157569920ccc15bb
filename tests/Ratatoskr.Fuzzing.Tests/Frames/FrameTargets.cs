using System.Buffers;
using Ratatoskr.Fuzzing.Tests.Corpora;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Tests.Support;
using Ratatoskr.Protocol.WebSockets;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Frames;

/// <summary>Bytes after the upgrade: the same messages and the same error however they arrive, and no more memory than was sent.</summary>
public class FrameTargets
{
    // A first rent, the control frame's rent, and pools that round up to a power of two.
    private const int BufferedBytesAlways = 8192;

    public static TheoryData<string> Files => Corpus.Names("frames");

    [Theory]
    [MemberData(nameof(Files))]
    public void Corpus_file(string name)
    {
        byte[] bytes = Corpus.Read("frames", name);
        for (int seed = 0; seed < 20; seed++) Check(new FuzzCase(seed), bytes, 1 << 16);
    }

    [Fact]
    public void Assemble_messages()
    {
        IReadOnlyList<(string, byte[] Bytes)> files = Corpus.Files("frames");
        FuzzRun.Run(3000, one =>
        {
            byte[] bytes;
            if (one.OneIn(4))
            {
                bytes = one.Pick(files).Bytes;
                if (one.OneIn(3)) bytes = ByteMutator.Splice(one.Random, bytes, one.Pick(files).Bytes);
                bytes = ByteMutator.Mutate(one.Random, bytes);
            }
            else
            {
                List<FuzzFrame> frames = FrameMutator.Make(one.Random, Enumerable.Range(0, 1 + one.Random.Next(5)).Select(_ => one.Pick(Corpus.CapturedMessages)));
                FrameMutator.Mutate(one.Random, frames);
                bytes = FrameMutator.Write(one.Random, frames);
            }

            one.Input = bytes;
            return Check(one, bytes, one.OneIn(4) ? one.Random.Next(300) : 1 << 16);
        });
    }

    private static string? Check(FuzzCase one, byte[] bytes, int messageLengthMax)
    {
        (List<string> events, CloseCode? error) = PlainFrames.Read(bytes, messageLengthMax);
        (List<string> Events, CloseCode? Error, string? Why) whole = Read(one, bytes, messageLengthMax, _ => bytes.Length);
        Assert.Equal(events, whole.Events);
        Assert.Equal(error, whole.Error);

        int piece = 1 + one.Random.Next(one.OneIn(2) ? 16 : 4096);
        (List<string> Events, CloseCode? Error, string? Why) cut = Read(one, bytes, messageLengthMax, _ => one.Random.Next(piece + 1));
        Assert.Equal(events, cut.Events);
        Assert.Equal(error, cut.Error);
        return whole.Why;
    }

    // As the connection loop does it: what is not consumed comes again with what follows, in segments of any length.
    private static (List<string> Events, CloseCode? Error, string? Why) Read(FuzzCase one, byte[] bytes, int messageLengthMax, Func<int, int> pieceLength)
    {
        List<string> events = [];
        using MessageAssembler assembler = new(messageLengthMax);
        int consumed = 0, arrived = 0;
        while (arrived < bytes.Length)
        {
            arrived = Math.Min(bytes.Length, arrived + pieceLength(arrived));
            byte[] unread = bytes[consumed..arrived];
            ReadOnlySequence<byte> input = one.OneIn(2) ? new ReadOnlySequence<byte>(unread) : Segments.Cut(unread, [.. Enumerable.Range(0, one.Random.Next(6)).Select(_ => one.Random.Next(unread.Length + 1)).Order()]);
            try
            {
                one.Call(unread.Length, BufferedBytesAlways + (2L * messageLengthMax) + (256L * bytes.Length), () => Drain(assembler, ref input, events));
            }
            catch (ProtocolException e)
            {
                Assert.False(events.Count > 0 && events[^1].StartsWith("Close", StringComparison.Ordinal), "an error behind a close frame");
                return (events, e.CloseCode, e.Message);
            }

            Assert.True(assembler.BufferedBytes <= (4L * arrived) + BufferedBytesAlways, $"{assembler.BufferedBytes} bytes are held of {arrived}");
            consumed = arrived - (int)input.Length;
        }

        return (events, null, null);
    }

    private static int Drain(MessageAssembler assembler, ref ReadOnlySequence<byte> input, List<string> events)
    {
        while (assembler.TryRead(ref input, out WebSocketEvent read))
        {
            events.Add($"{read.Kind} {(read.Kind == WebSocketEventKind.Close ? $"{(int)read.CloseCode} " : "")}{Convert.ToHexString(read.Payload.Span)}");
        }

        return events.Count;
    }
}
