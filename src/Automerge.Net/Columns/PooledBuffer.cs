using System.Buffers;
using System.Runtime.CompilerServices;
using Automerge.Format;

namespace Automerge.Columns;

/// <summary>Growing bytes from the shared pool: the scratch memory of encoders. Cleared, it keeps its array.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the array back.</remarks>
internal sealed class PooledBuffer(int lengthMax = PooledBuffer.DefaultLengthMax) : IBufferWriter<byte>, IDisposable
{
    /// <summary>1 GiB: what no chunk comes near, and arrays still can be.</summary>
    public const int DefaultLengthMax = 1 << 30;

    private byte[] _array = [];

    /// <summary>Bytes written.</summary>
    public int Length { get; private set; }

    public Span<byte> Written => _array.AsSpan(0, Length);

    public void Clear() => Length = 0;

    public void Advance(int count) => Length += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Ensure(Math.Max(sizeHint, 1));
        return _array.AsMemory(Length);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Ensure(Math.Max(sizeHint, 1));
        return _array.AsSpan(Length);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteByte(byte value)
    {
        Ensure(1);
        _array[Length++] = value;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void WriteUnsigned(ulong value)
    {
        Ensure(Leb128.MaxLength);
        if (value < 0x80) _array[Length++] = (byte)value;
        else Length += Leb128.WriteUnsigned(_array.AsSpan(Length), value);
    }

    public void WriteSigned(long value)
    {
        Ensure(Leb128.MaxLength);
        if (value is >= -64 and < 64) _array[Length++] = (byte)(value & 0x7f);
        else Length += Leb128.WriteSigned(_array.AsSpan(Length), value);
    }

    public void WriteBytes(ReadOnlySpan<byte> bytes)
    {
        Ensure(bytes.Length);
        bytes.CopyTo(_array.AsSpan(Length));
        Length += bytes.Length;
    }

    /// <summary>Writes a length and the bytes.</summary>
    public void WritePrefixed(ReadOnlySpan<byte> bytes)
    {
        WriteUnsigned((ulong)bytes.Length);
        WriteBytes(bytes);
    }

    public void Dispose()
    {
        if (_array.Length > 0) ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        Length = 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Ensure(int count)
    {
        if (_array.Length - Length < count) Grow(count);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Grow(int count)
    {
        long needed = (long)Length + count;
        if (needed > lengthMax) throw new AutomergeFormatException($"content grows beyond {lengthMax} bytes");
        byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Max(Math.Max(needed, 256), Math.Min(2L * _array.Length, lengthMax)));
        Written.CopyTo(larger);
        if (_array.Length > 0) ArrayPool<byte>.Shared.Return(_array);
        _array = larger;
    }
}
