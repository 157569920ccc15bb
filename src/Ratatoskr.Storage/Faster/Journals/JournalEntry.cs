using System.Buffers.Binary;
using Automerge.Changes;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Faster.Journals;

internal enum EntryKind : byte
{
    /// <summary>One part of an append; the last one carries the heads and counts for the whole.</summary>
    Append = 1,

    /// <summary>One part of a snapshot or index that a later <see cref="Compacted"/> will name. Alone it means nothing.</summary>
    BodyPart = 2,

    /// <summary>A compaction took place.</summary>
    Compacted = 3,

    /// <summary>A document was deleted.</summary>
    Deleted = 4,
}

/// <summary>
/// One journal entry, little-endian:
/// <code>
///  0        4      5      6         7    8             12       16         24       32     36      40       44
/// +--------+------+------+---------+----+-------------+--------+----------+--------+------+-------+--------+----+-------+------+
/// | CRC32C | kind | id   | section | 0  | incarnation | heads  | previous | number | part | parts | whole  | id | heads | body |
/// |        |      | size |         |    |             | count  | entry    |        |      |       | length |    | 32 B  |      |
/// +--------+------+------+---------+----+-------------+--------+----------+--------+------+-------+--------+----+-------+------+
/// </code>
/// The CRC covers all that follows it. <c>previous</c> is the address of the entry before: a gap cannot go unseen. <c>incarnation</c> grows with every
/// opening of the journal: bytes an earlier life left behind the tail cannot pass for entries. <c>number</c> is a sequence (append),
/// a body (part) or a snapshot version (compacted, deleted). <c>whole length</c> is an append's, over all its parts.
/// </summary>
internal readonly ref struct JournalEntry
{
    public const int HeaderSize = 44;

    private readonly ReadOnlySpan<byte> _bytes;

    private JournalEntry(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    public EntryKind Kind => (EntryKind)_bytes[4];

    public BodySection Section => (BodySection)_bytes[6];

    public uint Incarnation => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[8..]);

    public long Previous => BinaryPrimitives.ReadInt64LittleEndian(_bytes[16..]);

    public ulong Number => BinaryPrimitives.ReadUInt64LittleEndian(_bytes[24..]);

    public int Part => BinaryPrimitives.ReadInt32LittleEndian(_bytes[32..]);

    public int PartCount => BinaryPrimitives.ReadInt32LittleEndian(_bytes[36..]);

    public int WholeLength => BinaryPrimitives.ReadInt32LittleEndian(_bytes[40..]);

    public DocumentId Id => DocumentId.FromTrusted(_bytes.Slice(HeaderSize, IdSize));

    public ReadOnlySpan<byte> Heads => _bytes.Slice(HeaderSize + IdSize, HeadsSize);

    public ReadOnlySpan<byte> Body => _bytes[BodyOffset..];

    /// <summary>Where <see cref="Body"/> begins.</summary>
    public int BodyOffset => HeaderSize + IdSize + HeadsSize;

    private int IdSize => _bytes[5];

    private int HeadsSize => BinaryPrimitives.ReadInt32LittleEndian(_bytes[12..]) * ChangeHash.Size;

    /// <summary>false: not an entry, or damaged.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out JournalEntry entry)
    {
        entry = new JournalEntry(bytes);
        if (bytes.Length < HeaderSize || BinaryPrimitives.ReadUInt32LittleEndian(bytes) != Crc32C.Compute(bytes[4..])) return false;
        int heads = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]);
        return heads >= 0 && heads <= bytes.Length / ChangeHash.Size && bytes.Length >= HeaderSize + bytes[5] + (heads * ChangeHash.Size);
    }

    /// <summary>Writes an entry; returns its length.</summary>
    public static int Write(Span<byte> output, in JournalHeader header, DocumentId id, ReadOnlySpan<byte> heads, ReadOnlySpan<byte> body)
    {
        ReadOnlySpan<byte> text = id.Text;
        int length = HeaderSize + text.Length + heads.Length + body.Length;
        output[4] = (byte)header.Kind;
        output[5] = checked((byte)text.Length);
        output[6] = (byte)header.Section;
        output[7] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(output[8..], header.Incarnation);
        BinaryPrimitives.WriteInt32LittleEndian(output[12..], heads.Length / ChangeHash.Size);
        BinaryPrimitives.WriteInt64LittleEndian(output[16..], header.Previous);
        BinaryPrimitives.WriteUInt64LittleEndian(output[24..], header.Number);
        BinaryPrimitives.WriteInt32LittleEndian(output[32..], header.Part);
        BinaryPrimitives.WriteInt32LittleEndian(output[36..], header.PartCount);
        BinaryPrimitives.WriteInt32LittleEndian(output[40..], header.WholeLength);
        text.CopyTo(output[HeaderSize..]);
        heads.CopyTo(output[(HeaderSize + text.Length)..]);
        body.CopyTo(output[(HeaderSize + text.Length + heads.Length)..]);
        BinaryPrimitives.WriteUInt32LittleEndian(output, Crc32C.Compute(output[4..length]));
        return length;
    }
}

/// <summary>The fixed fields of an entry to be written.</summary>
internal readonly record struct JournalHeader(EntryKind Kind, ulong Number)
{
    public BodySection Section { get; init; }

    public int Part { get; init; }

    public int PartCount { get; init; }

    public int WholeLength { get; init; }

    /// <summary>Set by the journal.</summary>
    public uint Incarnation { get; init; }

    /// <summary>Set by the journal.</summary>
    public long Previous { get; init; }
}

/// <summary>Which half of a snapshot a part belongs to.</summary>
internal enum BodySection : byte
{
    Chunk = 0,
    Index = 1,
}
