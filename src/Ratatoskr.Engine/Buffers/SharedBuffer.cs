using System.Buffers;
using System.Collections.Concurrent;
using System.Diagnostics;

namespace Ratatoskr.Engine.Buffers;

/// <summary>
/// Pooled bytes with several owners: one encoding of a broadcast, held by every connection that still has to write it.
/// Starts with one reference; the last <see cref="Release"/> gives the array back.
/// </summary>
/// <remarks>Filled by its creator before it is shared; afterwards read-only and safe on any thread.</remarks>
public sealed class SharedBuffer
{
    // Objects kept for reuse; beyond this they are left to the collector.
    private const int PoolCountMax = 1024;
    private static readonly ConcurrentQueue<SharedBuffer> Pool = new();
    private static int s_pooled;
    private static int s_held;

    private byte[] _array = [];
    private int _references;
    private IBufferAccount? _account;

    private SharedBuffer()
    {
    }

    /// <summary>Buffers that somebody owns, in debug builds: a simulation that has ended must have given all of them back.</summary>
    internal static int Held => Volatile.Read(ref s_held);

    public int Length { get; private set; }

    public ReadOnlySpan<byte> Span => _array.AsSpan(0, Length);

    public ReadOnlyMemory<byte> Memory => _array.AsMemory(0, Length);

    /// <summary>The bytes while its only owner fills them.</summary>
    public Span<byte> Writable => _array.AsSpan(0, Length);

    /// <summary>Rents a buffer of exactly <paramref name="length"/> usable bytes with one reference; its content is undefined.</summary>
    public static SharedBuffer Rent(int length) => Adopt(length == 0 ? [] : ArrayPool<byte>.Shared.Rent(length), length);

    /// <summary>Takes over an array rented from the shared pool, with one reference.</summary>
    internal static SharedBuffer Adopt(byte[] rented, int length)
    {
        if (Pool.TryDequeue(out SharedBuffer? buffer)) Interlocked.Decrement(ref s_pooled);
        else buffer = new SharedBuffer();
        buffer._array = rented;
        buffer.Length = length;
        buffer._references = 1;
        CountHeld(1);
        return buffer;
    }

    /// <summary>Rents a buffer and fills it.</summary>
    public static SharedBuffer Copy(ReadOnlySpan<byte> bytes)
    {
        SharedBuffer buffer = Rent(bytes.Length);
        bytes.CopyTo(buffer.Writable);
        return buffer;
    }

    /// <summary>The same, on somebody's account.</summary>
    internal static SharedBuffer Copy(ReadOnlySpan<byte> bytes, IBufferAccount account)
    {
        SharedBuffer buffer = Copy(bytes);
        account.Taken(bytes.Length);
        buffer._account = account;
        return buffer;
    }

    /// <summary>Adds an owner; returns itself.</summary>
    public SharedBuffer Retain()
    {
        int now = Interlocked.Increment(ref _references);
        Debug.Assert(now > 1, "a released buffer was retained");
        return this;
    }

    /// <summary>Drops an owner. The bytes must not be touched afterwards.</summary>
    public void Release()
    {
        int now = Interlocked.Decrement(ref _references);
        Debug.Assert(now >= 0, "a buffer was released twice");
        if (now != 0) return;
        CountHeld(-1);
        _account?.Returned(Length);
        _account = null;
        if (_array.Length > 0) ArrayPool<byte>.Shared.Return(_array);
        _array = [];
        Length = 0;
        if (Interlocked.Increment(ref s_pooled) <= PoolCountMax) Pool.Enqueue(this);
        else Interlocked.Decrement(ref s_pooled);
    }

    [Conditional("DEBUG")]
    private static void CountHeld(int change) => Interlocked.Add(ref s_held, change);
}
