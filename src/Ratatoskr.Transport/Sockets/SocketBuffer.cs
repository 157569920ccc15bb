using System.Buffers;

namespace Ratatoskr.Transport.Sockets;

/// <summary>A rented piece of memory in a chain of them: filled from the front, taken from the front.</summary>
/// <remarks>One thread at a time.</remarks>
internal sealed class SocketBuffer : ReadOnlySequenceSegment<byte>
{
    private byte[] _array = [];

    /// <summary>Behind the last byte that is there.</summary>
    public int End { get; private set; }

    /// <summary>The first byte that is still wanted.</summary>
    public int Start { get; set; }

    public int Count => End - Start;

    public int Room => _array.Length - End;

    public new SocketBuffer? Next => (SocketBuffer?)base.Next;

    public ReadOnlySpan<byte> Span => _array.AsSpan(Start, Count);

    public Memory<byte> Free => _array.AsMemory(End);

    /// <summary>Takes memory of at least so many bytes.</summary>
    public void Rent(int bytes)
    {
        _array = ArrayPool<byte>.Shared.Rent(bytes);
        Memory = _array;
        RunningIndex = 0;
        Start = End = 0;
    }

    public void Return()
    {
        base.Next = null;
        Memory = default;
        ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        Start = End = 0;
    }

    public void Fill(int count) => End += count;

    public void Chain(SocketBuffer next)
    {
        Memory = _array.AsMemory(0, End);
        next.RunningIndex = RunningIndex + End;
        base.Next = next;
    }
}
