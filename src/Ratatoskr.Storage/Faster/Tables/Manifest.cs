using System.Buffers.Binary;
using Automerge.Changes;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Faster.Tables;

/// <summary>
/// What the store knows of a document, as kept in its manifest record (little-endian; RecordValue around it):
/// <code>
///  0        1     4           8         16        24     32       40       48      56      64      72            76
/// +--------+-----+-----------+---------+---------+------+--------+--------+-------+-------+-------+-------------+-----------+
/// |presence| lost| part size | version | applied | body | chunk  | index  | first | last  | tail  | applied     | heads     |
/// |        |     |           |         | entry   |      | length | length | in    | in    | bytes | incarnation | 32 B each |
/// |        |     |           |         |         |      |        |        | tail  | tail  |       |             |           |
/// +--------+-----+-----------+---------+---------+------+--------+--------+-------+-------+-------+-------------+-----------+
/// </code>
/// <c>lost</c> is 1 when something was lost that had been acknowledged; then 8 bytes before the heads say where in the journal.
/// Version and last sequence survive a deletion. A body's number is never used twice, so parts of a compaction that came to nothing stay unnamed for ever.
/// </summary>
/// <remarks>The writer thread changes its own; readers parse theirs.</remarks>
internal sealed class Manifest
{
    public const int FixedSize = 76;

    // What a record costs beside its payload and the id: FASTER's header and two lengths, our headers, about half the padding.
    private const int RecordOverhead = 8 + 4 + RecordKey.HeaderSize + 4 + RecordValue.HeaderSize + (RecordValue.RecordAlignment / 2);

    private byte[] _heads = [];
    private int _headsSize;

    public StoredPresence Presence { get; private set; }

    public ulong Version { get; private set; }

    /// <summary>The newest journal entry that is in this manifest: replay skips what is not newer.</summary>
    public EntryPosition Applied { get; private set; }

    /// <summary>The snapshot's body; 0 while there is none.</summary>
    public ulong Body { get; private set; }

    /// <summary>Size of the parts the body was cut into.</summary>
    public int PartSize { get; private set; }

    public long ChunkLength { get; private set; }

    public long IndexLength { get; private set; }

    /// <summary>The oldest sequence not folded; one more than <see cref="LastSequence"/> when the tail is empty.</summary>
    public ulong FirstSequence { get; private set; } = 1;

    public ulong LastSequence { get; private set; }

    /// <summary>Bytes of the tail; after a compaction that leaves a part of it, an estimate.</summary>
    public long TailBytes { get; private set; }

    public ReadOnlySpan<byte> Heads => _heads.AsSpan(0, _headsSize);

    public int Size => FixedSize + (DamagedAt == 0 ? 0 : sizeof(long)) + _headsSize;

    /// <summary>Where the journal was damaged, when something of the document was lost with it; 0: it is whole. Only a deletion takes it away.</summary>
    public long DamagedAt { get; private set; }

    public int TailCount => checked((int)(LastSequence + 1 - FirstSequence));

    public void Append(ulong sequence, int bytes, ReadOnlySpan<byte> heads, EntryPosition entry)
    {
        Presence = StoredPresence.Present;
        LastSequence = sequence;
        TailBytes += bytes;
        Applied = entry;
        SetHeads(heads);
    }

    public void Compact(ulong version, ulong body, int partSize, long chunkLength, long indexLength, ulong folded, ReadOnlySpan<byte> heads, EntryPosition entry)
    {
        Presence = StoredPresence.Present;
        (Version, Body, PartSize, ChunkLength, IndexLength, Applied) = (version, body, partSize, chunkLength, indexLength, entry);
        ulong first = Math.Max(FirstSequence, Math.Min(folded, LastSequence) + 1);
        ulong before = LastSequence + 1 - FirstSequence;
        ulong after = LastSequence + 1 - first;
        TailBytes = before == 0 ? 0 : (long)(TailBytes * ((double)after / before));
        FirstSequence = first;
        SetHeads(heads);
    }

    public void Delete(ulong version, EntryPosition entry)
    {
        Presence = StoredPresence.Tombstoned;
        (Version, Applied, Body, PartSize, ChunkLength, IndexLength, TailBytes) = (version, entry, 0, 0, 0, 0, 0);
        FirstSequence = LastSequence + 1;
        DamagedAt = 0;
        _headsSize = 0;
    }

    /// <summary>An entry is lost: an append of this sequence, or something else of it. A later snapshot may have it all.</summary>
    public void Miss(ulong sequence, EntryPosition entry)
    {
        Presence = StoredPresence.Present;
        LastSequence = Math.Max(LastSequence, sequence);
        Applied = entry;
    }

    /// <summary>What was lost no later snapshot has.</summary>
    public void MarkDamaged(long address) => DamagedAt = address;

    /// <summary>For who asks for the document, or adds to it.</summary>
    public StoreDamagedException Damage(DocumentId id, string folder) =>
        new($"document {id}: the journal was damaged at {DamagedAt}, and something is lost that was acknowledged ({folder})");

    /// <summary>About what the document's records take in the table's log.</summary>
    public long LiveBytes(int idLength)
    {
        if (Presence == StoredPresence.Unknown) return 0;
        int perRecord = RecordOverhead + idLength;
        long parts = PartSize == 0 ? 0 : PartCount(ChunkLength, PartSize) + PartCount(IndexLength, PartSize);
        return perRecord + Size + TailBytes + ChunkLength + IndexLength + ((parts + TailCount) * perRecord);
    }

    public static int PartCount(long length, int partSize) => checked((int)((length + partSize - 1) / partSize));

    public ChangeHash[] HeadsToArray() => ChangeHash.CastList(Heads).ToArray();

    public void Write(Span<byte> output)
    {
        output[..4].Clear();
        output[0] = (byte)Presence;
        output[1] = (byte)(DamagedAt == 0 ? 0 : 1);
        BinaryPrimitives.WriteInt32LittleEndian(output[4..], PartSize);
        BinaryPrimitives.WriteUInt64LittleEndian(output[8..], Version);
        BinaryPrimitives.WriteInt64LittleEndian(output[16..], Applied.Address);
        BinaryPrimitives.WriteUInt64LittleEndian(output[24..], Body);
        BinaryPrimitives.WriteInt64LittleEndian(output[32..], ChunkLength);
        BinaryPrimitives.WriteInt64LittleEndian(output[40..], IndexLength);
        BinaryPrimitives.WriteUInt64LittleEndian(output[48..], FirstSequence);
        BinaryPrimitives.WriteUInt64LittleEndian(output[56..], LastSequence);
        BinaryPrimitives.WriteInt64LittleEndian(output[64..], TailBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(output[72..], Applied.Incarnation);
        if (DamagedAt != 0) BinaryPrimitives.WriteInt64LittleEndian(output[FixedSize..], DamagedAt);
        Heads.CopyTo(output[(Size - _headsSize)..]);
    }

    /// <returns>false: these bytes are no manifest.</returns>
    public bool TryRead(ReadOnlySpan<byte> value)
    {
        if (value.Length < FixedSize || value[0] > (byte)StoredPresence.Tombstoned || value[1] > 1) return false;
        int headsAt = FixedSize + (value[1] * sizeof(long));
        if (value.Length < headsAt || (value.Length - headsAt) % ChangeHash.Size != 0) return false;
        Presence = (StoredPresence)value[0];
        PartSize = BinaryPrimitives.ReadInt32LittleEndian(value[4..]);
        Version = BinaryPrimitives.ReadUInt64LittleEndian(value[8..]);
        Applied = new EntryPosition(BinaryPrimitives.ReadUInt32LittleEndian(value[72..]), BinaryPrimitives.ReadInt64LittleEndian(value[16..]));
        Body = BinaryPrimitives.ReadUInt64LittleEndian(value[24..]);
        ChunkLength = BinaryPrimitives.ReadInt64LittleEndian(value[32..]);
        IndexLength = BinaryPrimitives.ReadInt64LittleEndian(value[40..]);
        FirstSequence = BinaryPrimitives.ReadUInt64LittleEndian(value[48..]);
        LastSequence = BinaryPrimitives.ReadUInt64LittleEndian(value[56..]);
        TailBytes = BinaryPrimitives.ReadInt64LittleEndian(value[64..]);
        DamagedAt = value[1] == 0 ? 0 : BinaryPrimitives.ReadInt64LittleEndian(value[FixedSize..]);
        SetHeads(value[headsAt..]);
        return true;
    }

    private void SetHeads(ReadOnlySpan<byte> heads)
    {
        if (_heads.Length < heads.Length) _heads = new byte[heads.Length];
        heads.CopyTo(_heads);
        _headsSize = heads.Length;
    }
}

/// <summary>An entry's place in the history of journals: a later incarnation may use addresses again that an earlier one lost.</summary>
internal readonly record struct EntryPosition(uint Incarnation, long Address)
{
    public bool IsAfter(EntryPosition other) => Incarnation > other.Incarnation || (Incarnation == other.Incarnation && Address > other.Address);
}
