using Automerge.Changes;

namespace Automerge.Format;

/// <summary>One chunk, in place. The checksum has not been compared: see <see cref="ChecksumMatches"/>.</summary>
/// <remarks>A view; valid as long as the bytes it was read from.</remarks>
public readonly ref struct Chunk
{
    private readonly int _bodyOffset;

    internal Chunk(ReadOnlySpan<byte> bytes, ChunkType type, int bodyOffset)
    {
        Bytes = bytes;
        Type = type;
        _bodyOffset = bodyOffset;
    }

    /// <summary>What the chunk holds.</summary>
    public ChunkType Type { get; }

    /// <summary>The whole chunk, from the magic to the last byte of the body.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>Bytes of the whole chunk: where the next one begins.</summary>
    public int Length => Bytes.Length;

    /// <summary>The body.</summary>
    public ReadOnlySpan<byte> Body => Bytes[_bodyOffset..];

    /// <summary>The four bytes written after the magic.</summary>
    public ReadOnlySpan<byte> Checksum => Bytes.Slice(ChunkReader.ChecksumOffset, ChunkReader.ChecksumLength);

    /// <summary>The bytes that are hashed: type, body length, body.</summary>
    public ReadOnlySpan<byte> Hashed => Bytes[ChunkReader.TypeOffset..];

    /// <summary>
    /// SHA-256 over type, length and body. For a <see cref="ChunkType.Change"/> this is the identity of the change;
    /// for a compressed change it means nothing (inflate it first).
    /// </summary>
    public ChangeHash ComputeHash() => ChunkHash.Compute(Hashed);

    /// <summary>Whether the written checksum is the beginning of <paramref name="hash"/>.</summary>
    public bool ChecksumMatches(in ChangeHash hash) => Checksum.SequenceEqual(hash.Bytes[..ChunkReader.ChecksumLength]);
}
