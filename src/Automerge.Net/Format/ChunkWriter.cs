using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Format;

/// <summary>Writes the container around a body.</summary>
internal static class ChunkWriter
{
    /// <summary>Writes magic, an empty checksum, type and body length; returns the bytes written.</summary>
    public static int WriteHeader(Span<byte> output, ChunkType type, int bodyLength)
    {
        ChunkReader.Magic.CopyTo(output);
        output.Slice(ChunkReader.ChecksumOffset, ChunkReader.ChecksumLength).Clear();
        output[ChunkReader.TypeOffset] = (byte)type;
        return ChunkReader.TypeOffset + 1 + Leb128.WriteUnsigned(output[(ChunkReader.TypeOffset + 1)..], (ulong)bodyLength);
    }

    /// <summary>Bytes that <see cref="WriteHeader"/> writes.</summary>
    public static int HeaderLength(int bodyLength) => ChunkReader.TypeOffset + 1 + Leb128.UnsignedLength((ulong)bodyLength);

    /// <summary>Hashes a whole chunk and writes its checksum.</summary>
    public static ChangeHash Seal(Span<byte> chunk)
    {
        ChangeHash hash = ChunkHash.Compute(chunk[ChunkReader.TypeOffset..]);
        hash.Bytes[..ChunkReader.ChecksumLength].CopyTo(chunk[ChunkReader.ChecksumOffset..]);
        return hash;
    }
}
