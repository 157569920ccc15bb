using System.Buffers.Binary;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// A value in the document table, little-endian:
/// <code>
///  0        4        8
/// +--------+--------+---------+------+
/// | CRC32C | length | payload | 0 …  |
/// +--------+--------+---------+------+
/// </code>
/// The CRC covers key, length and payload: a record that strayed to another key is as damaged as a flipped bit.
/// <para>
/// The padding makes FASTER's records (8 bytes of its own, then key and value, each with a length of 4 and rounded up to 8) a multiple of 16.
/// Its scans need that: where 8 bytes are left at the end of a page, or behind a value that shrank in place, they read the lengths of a record that is not there
/// from the bytes beyond, and crash. 16 zero bytes they take for an empty record and pass.
/// </para>
/// </summary>
internal static class RecordValue
{
    public const int HeaderSize = 8;
    public const int RecordAlignment = 16;

    /// <summary>Header and padding.</summary>
    public const int OverheadMax = HeaderSize + RecordAlignment;

    /// <summary>Completes a value whose payload is in its place; returns its size.</summary>
    public static int Seal(Span<byte> value, ReadOnlySpan<byte> key, int payloadLength)
    {
        int size = HeaderSize + payloadLength;
        int record = sizeof(ulong) + RoundUp(sizeof(int) + key.Length) + RoundUp(sizeof(int) + size);
        int padding = record % RecordAlignment == 0 ? 0 : sizeof(ulong);
        value.Slice(size, padding).Clear();
        BinaryPrimitives.WriteInt32LittleEndian(value[4..], payloadLength);
        BinaryPrimitives.WriteUInt32LittleEndian(value, Crc32C.Compute(key, value[4..size]));
        return size + padding;
    }

    /// <returns>false: damaged.</returns>
    public static bool TryOpen(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (value.Length < HeaderSize) return false;
        int length = BinaryPrimitives.ReadInt32LittleEndian(value[4..]);
        if (length < 0 || length > value.Length - HeaderSize) return false;
        if (BinaryPrimitives.ReadUInt32LittleEndian(value) != Crc32C.Compute(key, value[4..(HeaderSize + length)])) return false;
        payload = value.Slice(HeaderSize, length);
        return true;
    }

    private static int RoundUp(int size) => (size + 7) & ~7;
}
