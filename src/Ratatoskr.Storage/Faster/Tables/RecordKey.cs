using System.Buffers.Binary;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Faster.Tables;

internal enum RecordKind : byte
{
    /// <summary>What the store knows of a document; the only record of it that changes.</summary>
    Manifest = 1,

    /// <summary>A part of a tail entry; number is the sequence.</summary>
    Tail = 2,

    /// <summary>A part of a snapshot's document chunk; number is the body.</summary>
    Chunk = 3,

    /// <summary>A part of a snapshot's index; number is the body.</summary>
    Index = 4,

    /// <summary>A document's sync states, all in one.</summary>
    SyncStates = 5,
}

/// <summary>
/// A key in the document table, little-endian:
/// <code>
///  0      1            4      8        16
/// +------+------------+------+--------+---------------+
/// | kind | 0          | part | number | document id   |
/// +------+------------+------+--------+---------------+
/// </code>
/// </summary>
internal static class RecordKey
{
    public const int HeaderSize = 16;

    /// <summary>Header and the longest id.</summary>
    public const int SizeMax = HeaderSize + byte.MaxValue;

    public static int Write(Span<byte> output, RecordKind kind, DocumentId id, ulong number, int part)
    {
        output[..4].Clear();
        output[0] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(output[4..], part);
        BinaryPrimitives.WriteUInt64LittleEndian(output[8..], number);
        id.Text.CopyTo(output[HeaderSize..]);
        return HeaderSize + id.Text.Length;
    }

    public static RecordKind Kind(ReadOnlySpan<byte> key) => (RecordKind)key[0];

    public static int Part(ReadOnlySpan<byte> key) => BinaryPrimitives.ReadInt32LittleEndian(key[4..]);

    public static ulong Number(ReadOnlySpan<byte> key) => BinaryPrimitives.ReadUInt64LittleEndian(key[8..]);

    public static DocumentId Id(ReadOnlySpan<byte> key) => DocumentId.FromTrusted(key[HeaderSize..]);
}
