using System.Buffers;

namespace Ratatoskr.Engine.Buffers;

/// <summary>Fills a <see cref="SharedBuffer"/> whose length is not known before: grows a pooled array and hands it over without a copy.</summary>
/// <remarks>One owner at a time.</remarks>
internal sealed class SharedBufferWriter : IBufferWriter<byte>
{
    private const int FirstSize = 512;
    private byte[] _array = [];
    private int _length;

    public int Length => _length;

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

    /// <summary>What was written, with one reference; the writer is empty again.</summary>
    public SharedBuffer Detach()
    {
        SharedBuffer buffer = SharedBuffer.Adopt(_array, _length);
        _array = [];
        _length = 0;
        return buffer;
    }

    private void Reserve(int sizeHint)
    {
        int wanted = Math.Max(sizeHint, 1);
        if (_array.Length - _length >= wanted) return;
        byte[] larger = ArrayPool<byte>.Shared.Rent(Math.Max(Math.Max(checked(_length + wanted), FirstSize), (int)Math.Min(2L * _array.Length, Array.MaxLength)));
        _array.AsSpan(0, _length).CopyTo(larger);
        if (_array.Length > 0) ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
