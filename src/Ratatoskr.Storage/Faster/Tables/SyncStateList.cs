using System.Buffers.Binary;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// A document's sync states in one record, the least recently saved first:
/// <code>
///  0         2          6
/// +---------+----------+------------+-------+
/// | id size | state    | storage id | state | ...
/// +---------+----------+------------+-------+
/// </code>
/// Bounded, since storage ids are whatever peers say: 64 states and 64 KiB per document; the oldest go first.
/// </summary>
internal static class SyncStateList
{
    public const int CountMax = 64;
    public const int SizeMax = 64 * 1024;
    private const int HeaderSize = 6;

    /// <summary>The state kept for a storage id; empty: none.</summary>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> list, ReadOnlySpan<byte> storageId)
    {
        while (TryNext(ref list, out ReadOnlySpan<byte> entry))
        {
            if (StorageId(entry).SequenceEqual(storageId)) return State(entry);
        }

        return default;
    }

    /// <summary>The list with one state put last; returns its length. <paramref name="output"/> has room for the old list and the new state.</summary>
    public static int Replace(ReadOnlySpan<byte> list, ReadOnlySpan<byte> storageId, ReadOnlySpan<byte> state, Span<byte> output)
    {
        int added = HeaderSize + storageId.Length + state.Length;
        if (added > SizeMax || storageId.Length > ushort.MaxValue) added = 0;

        int kept = 0, keptSize = 0;
        for (ReadOnlySpan<byte> rest = list; TryNext(ref rest, out ReadOnlySpan<byte> entry);)
        {
            if (StorageId(entry).SequenceEqual(storageId)) continue;
            kept++;
            keptSize += entry.Length;
        }

        int written = 0;
        while (TryNext(ref list, out ReadOnlySpan<byte> entry))
        {
            if (StorageId(entry).SequenceEqual(storageId)) continue;
            bool dropped = kept > CountMax - 1 || keptSize + added > SizeMax;
            if (dropped)
            {
                kept--;
                keptSize -= entry.Length;
                continue;
            }

            entry.CopyTo(output[written..]);
            written += entry.Length;
        }

        if (added == 0 || state.IsEmpty) return written;
        BinaryPrimitives.WriteUInt16LittleEndian(output[written..], (ushort)storageId.Length);
        BinaryPrimitives.WriteInt32LittleEndian(output[(written + 2)..], state.Length);
        storageId.CopyTo(output[(written + HeaderSize)..]);
        state.CopyTo(output[(written + HeaderSize + storageId.Length)..]);
        return written + added;
    }

    private static bool TryNext(scoped ref ReadOnlySpan<byte> list, out ReadOnlySpan<byte> entry)
    {
        entry = default;
        if (list.Length < HeaderSize) return false;
        int size = HeaderSize + BinaryPrimitives.ReadUInt16LittleEndian(list) + BinaryPrimitives.ReadInt32LittleEndian(list[2..]);
        if (size < HeaderSize || size > list.Length) return false;
        entry = list[..size];
        list = list[size..];
        return true;
    }

    private static ReadOnlySpan<byte> StorageId(ReadOnlySpan<byte> entry) => entry.Slice(HeaderSize, BinaryPrimitives.ReadUInt16LittleEndian(entry));

    private static ReadOnlySpan<byte> State(ReadOnlySpan<byte> entry) => entry[(HeaderSize + BinaryPrimitives.ReadUInt16LittleEndian(entry))..];
}
