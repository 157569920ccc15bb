using System.Buffers;

namespace Ratatoskr.Http.Contracts;

/// <summary>The body of a large answer, in a pooled array that grows with it: a list of a thousand documents would be 200 KB of new memory each time.</summary>
/// <remarks>One owner at a time, who disposes it.</remarks>
internal sealed class PooledBody : IBufferWriter<byte>, IDisposable
{
    private const int FirstLength = 16 * 1024;

    private byte[] _array = ArrayPool<byte>.Shared.Rent(FirstLength);
    private int _length;

    public ReadOnlyMemory<byte> Written => _array.AsMemory(0, _length);

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_array.Length - _length));
        _length += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsMemory(_length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _array.AsSpan(_length);
    }

    public void Dispose()
    {
        if (_array.Length > 0) ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        _length = 0;
    }

    private void Reserve(int sizeHint)
    {
        int wanted = Math.Max(sizeHint, 1);
        if (_array.Length - _length >= wanted) return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(checked(_length + wanted), (int)Math.Min(2L * _array.Length, Array.MaxLength)));
        Written.Span.CopyTo(larger);
        ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
