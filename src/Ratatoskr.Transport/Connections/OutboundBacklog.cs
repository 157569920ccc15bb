using System.Buffers;
using System.IO.Pipelines;
using Ratatoskr.Engine.Buffers;

namespace Ratatoskr.Transport.Connections;

/// <summary>
/// Bytes that could not go into the pipe yet, in order: small ones copied together, large bodies by reference, so that a thousand slow readers of
/// one document hold it once. Holds no memory while empty.
/// </summary>
/// <remarks>Not thread-safe: its <see cref="OutboundWriter"/> guards it.</remarks>
internal sealed class OutboundBacklog
{
    // A body up to here is copied: cheaper than a queue entry and a reference that keeps a whole pooled array alive.
    private const int CopyMax = 4096;

    // A first chunk, and the later ones of a queue that is growing.
    private const int FirstChunkBytes = 4096;
    private const int ChunkBytes = 16 * 1024;

    private readonly Queue<Piece> _pieces = new();
    private byte[]? _tail;              // rented; being filled, comes after all pieces
    private int _tailLength;
    private int _written;               // bytes of the first piece that are in the pipe already

    public bool IsEmpty => _pieces.Count == 0 && _tail is null;

    /// <summary>Copies <paramref name="bytes"/>.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0) return;
        if (_tail is null || _tail.Length - _tailLength < bytes.Length)
        {
            int least = _tail is null && _pieces.Count == 0 ? FirstChunkBytes : ChunkBytes;
            SealTail();
            _tail = ArrayPool<byte>.Shared.Rent(Math.Max(least, bytes.Length));
        }

        bytes.CopyTo(_tail.AsSpan(_tailLength));
        _tailLength += bytes.Length;
    }

    /// <summary>Copies a small body, takes a reference to a large one.</summary>
    public void Append(SharedBuffer body)
    {
        if (body.Length <= CopyMax)
        {
            Append(body.Span);
            return;
        }

        SealTail();
        _pieces.Enqueue(new Piece(null, body.Retain(), body.Length));
    }

    /// <summary>Copies up to <paramref name="bytesMax"/> into the pipe and lets go of what is through; returns how many.</summary>
    public int MoveTo(PipeWriter output, int bytesMax)
    {
        int moved = 0;
        while (moved < bytesMax)
        {
            if (_pieces.Count == 0) SealTail();
            if (!_pieces.TryPeek(out Piece piece)) break;

            int take = Math.Min(piece.Length - _written, bytesMax - moved);
            output.Write(piece.Span.Slice(_written, take));
            moved += take;
            _written += take;
            if (_written < piece.Length) break;
            _pieces.Dequeue();
            _written = 0;
            piece.LetGo();
        }

        return moved;
    }

    /// <summary>Drops everything.</summary>
    public void Clear()
    {
        SealTail();
        while (_pieces.TryDequeue(out Piece piece)) piece.LetGo();
        _written = 0;
    }

    private void SealTail()
    {
        if (_tail is not null) _pieces.Enqueue(new Piece(_tail, null, _tailLength));
        _tail = null;
        _tailLength = 0;
    }

    /// <summary>A rented chunk or a reference to a body.</summary>
    private readonly record struct Piece(byte[]? Chunk, SharedBuffer? Body, int Length)
    {
        public ReadOnlySpan<byte> Span => Body is null ? Chunk.AsSpan(0, Length) : Body.Span;

        public void LetGo()
        {
            if (Chunk is not null) ArrayPool<byte>.Shared.Return(Chunk);
            Body?.Release();
        }
    }
}
