using System.Buffers;
using Automerge.Columns;

namespace Automerge.Format;

/// <summary>Turns compressed change chunks (type 2, as older writers made them) into the plain chunks they stand for.</summary>
/// <remarks>Pure functions; safe on any thread.</remarks>
public static class CompressedChange
{
    /// <summary>64 MiB, the inflated size allowed unless the caller says otherwise.</summary>
    public const int DefaultMaxInflatedBytes = BoundedInflate.DefaultMaxBytes;

    /// <summary>
    /// Writes the type-1 chunk that <paramref name="chunk"/> stands for: same checksum, body inflated. The checksum is not
    /// compared here; verifying the result does, since a compressed change carries the checksum of the plain one.
    /// </summary>
    /// <returns>false: <paramref name="error"/> says why, nothing was written.</returns>
    public static bool TryInflate(in Chunk chunk, int maxInflatedBytes, IBufferWriter<byte> output, out ChunkError error)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentOutOfRangeException.ThrowIfNegative(maxInflatedBytes);
        if (chunk.Type != ChunkType.CompressedChange)
        {
            error = ChunkError.WrongType;
            return false;
        }

        using PooledBuffer body = new();
        error = BoundedInflate.TryInflate(chunk.Body, maxInflatedBytes, body);
        if (error != ChunkError.None) return false;

        Span<byte> target = output.GetSpan(ChunkReader.HeaderLengthMax + body.Length);
        int length = ChunkWriter.WriteHeader(target, ChunkType.Change, body.Length);
        chunk.Checksum.CopyTo(target[ChunkReader.ChecksumOffset..]);
        body.Written.CopyTo(target[length..]);
        output.Advance(length + body.Length);
        return true;
    }
}
