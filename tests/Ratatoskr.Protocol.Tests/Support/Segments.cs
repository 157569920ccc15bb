using System.Buffers;

namespace Ratatoskr.Protocol.Tests.Support;

/// <summary>The same bytes cut up in every way a pipe may hand them over.</summary>
internal static class Segments
{
    /// <summary>Cut at the given offsets; an offset given twice makes an empty segment.</summary>
    public static ReadOnlySequence<byte> Cut(byte[] bytes, params int[] offsets)
    {
        Segment? first = null;
        Segment? last = null;
        int start = 0;
        foreach (int end in offsets.Append(bytes.Length))
        {
            last = new Segment(bytes.AsMemory(start, end - start), last);
            first ??= last;
            start = end;
        }

        return new ReadOnlySequence<byte>(first!, 0, last!, last!.Memory.Length);
    }

    public static ReadOnlySequence<byte> OneBytePerSegment(byte[] bytes) => Cut(bytes, Enumerable.Range(1, Math.Max(bytes.Length - 1, 0)).ToArray());

    /// <summary>Whole, one byte per segment, and cut in two at every offset.</summary>
    public static IEnumerable<ReadOnlySequence<byte>> EveryWay(byte[] bytes)
    {
        yield return new ReadOnlySequence<byte>(bytes);
        yield return OneBytePerSegment(bytes);
        for (int i = 0; i <= bytes.Length; i++) yield return Cut(bytes, i);
    }

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(ReadOnlyMemory<byte> memory, Segment? previous)
        {
            Memory = memory;
            if (previous is null) return;
            RunningIndex = previous.RunningIndex + previous.Memory.Length;
            previous.Next = this;
        }
    }
}
