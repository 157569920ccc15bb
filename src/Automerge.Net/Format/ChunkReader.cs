using Automerge.Columns;

namespace Automerge.Format;

/// <summary>Cuts chunks from bytes; a file or a sync payload is chunks one after the other.</summary>
/// <remarks>Pure functions; safe on any thread.</remarks>
public static class ChunkReader
{
    /// <summary>Bytes of the magic.</summary>
    public const int MagicLength = 4;

    /// <summary>Bytes of the checksum.</summary>
    public const int ChecksumLength = 4;

    /// <summary>The longest header: magic, checksum, type, body length as uleb.</summary>
    public const int HeaderLengthMax = TypeOffset + 1 + Leb128.MaxLength;

    internal const int ChecksumOffset = MagicLength;
    internal const int TypeOffset = MagicLength + ChecksumLength;

    /// <summary>The four bytes every chunk begins with.</summary>
    public static ReadOnlySpan<byte> Magic => [0x85, 0x6F, 0x4A, 0x83];

    /// <summary>
    /// Takes the first chunk of <paramref name="input"/> without looking into it:
    /// <code>
    /// 85 6f 4a 83 | checksum (4) | type (1) | uleb body length | body
    /// </code>
    /// </summary>
    /// <returns>false: <paramref name="error"/> says why.</returns>
    public static bool TryRead(ReadOnlySpan<byte> input, out Chunk chunk, out ChunkError error)
    {
        chunk = default;
        int known = Math.Min(input.Length, MagicLength);
        if (!input[..known].SequenceEqual(Magic[..known])) return Fail(ChunkError.BadMagic, out error);
        if (input.Length <= TypeOffset) return Fail(ChunkError.Truncated, out error);

        ChunkType type = (ChunkType)input[TypeOffset];
        if (type > ChunkType.Bundle) return Fail(ChunkError.UnknownType, out error);

        ReadOnlySpan<byte> rest = input[(TypeOffset + 1)..];
        if (!Leb128.TryReadUnsigned(ref rest, out ulong bodyLength)) return Fail(Leb128Fault(rest), out error);
        if (bodyLength > (ulong)rest.Length) return Fail(ChunkError.Truncated, out error);

        int bodyOffset = input.Length - rest.Length;
        chunk = new Chunk(input[..(bodyOffset + (int)bodyLength)], type, bodyOffset);
        error = ChunkError.None;
        return true;
    }

    private static bool Fail(ChunkError why, out ChunkError error)
    {
        error = why;
        return false;
    }

    // All bytes so far say "more follows" and there is room for more: the number was cut.
    private static ChunkError Leb128Fault(ReadOnlySpan<byte> rest) =>
        rest.Length < Leb128.MaxLength && rest.IndexOfAnyInRange((byte)0, (byte)0x7f) < 0 ? ChunkError.Truncated : ChunkError.BadLength;
}
