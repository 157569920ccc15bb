using System.Buffers;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Http.Endpoints;

namespace Ratatoskr.Http.Contracts;

/// <summary>
/// The body of a large answer, in pieces from the pool. It is made whole, because what it is made of (an open document) is larger and must not wait for a slow
/// reader; every piece is accounted for from the moment it is there until it has been handed to the socket.
/// </summary>
/// <remarks>One owner at a time, who disposes it.</remarks>
internal sealed class AnswerBody(ResponsePlace place) : IBufferWriter<byte>, IDisposable
{
    // Large enough that a writer that wants 4 KiB at a time leaves little unused at its end, and below what the collector keeps apart (85 KB).
    private const int PieceLength = 32 << 10;

    private readonly Queue<(byte[] Array, int Length)> _full = [];
    private byte[] _last = [];
    private int _lastLength;

    /// <summary>Bytes written.</summary>
    public long Length { get; private set; }

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)(_last.Length - _lastLength));
        _lastLength += count;
        Length += count;
    }

    /// <exception cref="NoResponseRoomException">There is no room for another piece.</exception>
    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _last.AsMemory(_lastLength);
    }

    /// <exception cref="NoResponseRoomException">There is no room for another piece.</exception>
    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(sizeHint);
        return _last.AsSpan(_lastLength);
    }

    /// <summary>Sends it as fast as the reader takes it, and gives each piece back when it has gone.</summary>
    public async Task SendAsync(HttpContext context)
    {
        if (_lastLength > 0) _full.Enqueue((_last, _lastLength));
        else GiveBack(_last);
        (_last, _lastLength) = ([], 0);
        while (_full.TryPeek(out (byte[] Array, int Length) piece))
        {
            await place.SendAsync(context, piece.Array.AsMemory(0, piece.Length)).ConfigureAwait(false);
            _full.Dequeue();
            GiveBack(piece.Array);
        }
    }

    public void Dispose()
    {
        while (_full.TryDequeue(out (byte[] Array, int Length) piece)) GiveBack(piece.Array);
        GiveBack(_last);
        (_last, _lastLength) = ([], 0);
    }

    private void Reserve(int sizeHint)
    {
        int wanted = Math.Max(sizeHint, 1);
        if (_last.Length - _lastLength >= wanted) return;
        int length = Math.Max(wanted, PieceLength);
        if (!place.TryAdd(length)) throw new NoResponseRoomException();
        byte[] next = ArrayPool<byte>.Shared.Rent(length);
        if (next.Length > length) place.Add(next.Length - length);
        if (_lastLength > 0) _full.Enqueue((_last, _lastLength));
        else GiveBack(_last);
        (_last, _lastLength) = (next, 0);
    }

    private void GiveBack(byte[] array)
    {
        if (array.Length == 0) return;
        ArrayPool<byte>.Shared.Return(array);
        place.Remove(array.Length);
    }
}
