using System.Buffers.Binary;
using Automerge.Changes;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Files;

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
///  0        4        8      9      10        11   12            16         24       32      36     40      44       48
/// +--------+--------+------+------+---------+----+-------------+----------+--------+-------+------+-------+--------+--------+----+-------+------+
/// | CRC32C | CRC of | kind | id   | section | 0  | incarnation | previous | number | heads | part | parts | whole  | length | id | heads | body |
/// |        | header |      | size |         |    |             | entry    |        | count |      |       | length |        |    | 32 B  |      |
/// +--------+--------+------+------+---------+----+-------------+----------+--------+-------+------+-------+--------+--------+----+-------+------+
/// </code>
/// The first CRC covers all that follows the second, which covers it up to the id: whose a damaged entry is, and where it ends, is still known for sure. It is the first one's state
/// on the way, and so costs nothing. <c>previous</c> is the address of the entry before: a gap cannot go unseen. <c>incarnation</c> grows with every
/// opening of the journal: bytes an earlier life left behind the tail cannot pass for entries. <c>number</c> is a sequence (append),
/// a body (part) or a snapshot version (compacted, deleted). <c>whole length</c> is an append's, over all its parts; <c>length</c> the entry's own.
/// </summary>
internal readonly ref struct JournalEntry
{
    public const int HeaderSize = 52;
    private const int SumsSize = 8;

    private readonly ReadOnlySpan<byte> _bytes;

    private JournalEntry(ReadOnlySpan<byte> bytes) => _bytes = bytes;

    public EntryKind Kind => (EntryKind)_bytes[8];

    public BodySection Section => (BodySection)_bytes[10];

    public uint Incarnation => BinaryPrimitives.ReadUInt32LittleEndian(_bytes[12..]);

    public long Previous => BinaryPrimitives.ReadInt64LittleEndian(_bytes[16..]);

    public ulong Number => BinaryPrimitives.ReadUInt64LittleEndian(_bytes[24..]);

    public int Part => BinaryPrimitives.ReadInt32LittleEndian(_bytes[36..]);

    public int PartCount => BinaryPrimitives.ReadInt32LittleEndian(_bytes[40..]);

    public int WholeLength => BinaryPrimitives.ReadInt32LittleEndian(_bytes[44..]);

    public int Length => BinaryPrimitives.ReadInt32LittleEndian(_bytes[48..]);

    public DocumentId Id => DocumentId.FromTrusted(_bytes.Slice(HeaderSize, IdSize));

    public ReadOnlySpan<byte> Heads => _bytes.Slice(HeaderSize + IdSize, HeadsSize);

    public ReadOnlySpan<byte> Body => _bytes[BodyOffset..];

    /// <summary>Where <see cref="Body"/> begins.</summary>
    public int BodyOffset => HeaderSize + IdSize + HeadsSize;

    private int IdSize => _bytes[9];

    private int HeadsSize => BinaryPrimitives.ReadInt32LittleEndian(_bytes[32..]) * ChangeHash.Size;

    /// <summary>An entry whose header was found sound before.</summary>
    public static JournalEntry OfChecked(ReadOnlySpan<byte> bytes) => new(bytes);

    /// <summary>false: not an entry, or damaged.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out JournalEntry entry)
    {
        entry = new JournalEntry(bytes);
        return TrySumHeader(bytes, out uint state) && entry.Length == bytes.Length
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == ~Crc32C.Append(state, bytes[(HeaderSize + entry.IdSize)..]);
    }

    /// <summary>Reads what precedes heads and body, whatever these are. The bytes may go on behind the entry.</summary>
    /// <returns>false: not the beginning of an entry, or damaged.</returns>
    public static bool TryReadHeader(ReadOnlySpan<byte> bytes, out JournalEntry entry)
    {
        entry = default;
        if (!TrySumHeader(bytes, out _)) return false;
        entry = new JournalEntry(bytes[..new JournalEntry(bytes).Length]);
        return true;
    }

    /// <summary>
    /// Turns the one bit of sums, header or id with which both sums agree. One in a body is left as it is: its sum alone does not say enough.
    /// The bytes may go on behind the entry.
    /// </summary>
    /// <returns>false: there is none, and nothing was changed.</returns>
    public static bool TryRepair(Span<byte> bytes)
    {
        int bits = 8 * Math.Min(bytes.Length, HeaderSize + byte.MaxValue);
        for (int bit = 0; bit < bits; bit++)
        {
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
            if (TryReadHeader(bytes, out JournalEntry entry) && bit < 8 * (HeaderSize + entry.IdSize) && TryRead(bytes[..entry.Length], out _)) return true;
            bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        }

        return false;
    }

    /// <summary>Writes an entry; returns its length.</summary>
    public static int Write(Span<byte> output, in JournalHeader header, DocumentId id, ReadOnlySpan<byte> heads, ReadOnlySpan<byte> body)
    {
        ReadOnlySpan<byte> text = id.Text;
        int headerEnd = HeaderSize + text.Length;
        int length = headerEnd + heads.Length + body.Length;
        output[8] = (byte)header.Kind;
        output[9] = checked((byte)text.Length);
        output[10] = (byte)header.Section;
        output[11] = 0;
        BinaryPrimitives.WriteUInt32LittleEndian(output[12..], header.Incarnation);
        BinaryPrimitives.WriteInt64LittleEndian(output[16..], header.Previous);
        BinaryPrimitives.WriteUInt64LittleEndian(output[24..], header.Number);
        BinaryPrimitives.WriteInt32LittleEndian(output[32..], heads.Length / ChangeHash.Size);
        BinaryPrimitives.WriteInt32LittleEndian(output[36..], header.Part);
        BinaryPrimitives.WriteInt32LittleEndian(output[40..], header.PartCount);
        BinaryPrimitives.WriteInt32LittleEndian(output[44..], header.WholeLength);
        BinaryPrimitives.WriteInt32LittleEndian(output[48..], length);
        text.CopyTo(output[HeaderSize..]);
        heads.CopyTo(output[headerEnd..]);
        body.CopyTo(output[(headerEnd + heads.Length)..]);
        uint state = Crc32C.Append(uint.MaxValue, output[SumsSize..headerEnd]);
        BinaryPrimitives.WriteUInt32LittleEndian(output[4..], ~state);
        BinaryPrimitives.WriteUInt32LittleEndian(output, ~Crc32C.Append(state, output[headerEnd..length]));
        return length;
    }

    // true: the header is what was written, and its lengths fit what is there. The state is that of the sum over all.
    private static bool TrySumHeader(ReadOnlySpan<byte> bytes, out uint state)
    {
        state = 0;
        if (bytes.Length < HeaderSize) return false;
        JournalEntry entry = new(bytes);
        int headerEnd = HeaderSize + entry.IdSize;
        if (bytes.Length < headerEnd) return false;
        state = Crc32C.Append(uint.MaxValue, bytes[SumsSize..headerEnd]);
        if (BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) != ~state) return false;
        int heads = BinaryPrimitives.ReadInt32LittleEndian(bytes[32..]);
        return heads >= 0 && heads <= bytes.Length / ChangeHash.Size && entry.Length <= bytes.Length && entry.Length >= headerEnd + (heads * ChangeHash.Size);
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
