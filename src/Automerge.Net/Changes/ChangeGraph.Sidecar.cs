using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Automerge.Changes;

/// <remarks>
/// The change index: what is stored beside a snapshot so that its changes need not be made again to know their hashes. Little-endian, fixed widths:
/// <code>
///   "AMGI"  version u32 = 1  crc32c u32 of all that follows  rows u32  actors u32  list items u32  actor bytes u32
///   rows × 32       hashes
///   rows × i32      the one dependency's row | -1 none | -2 - place in the lists
///   rows × i32      actor
///   rows × u32      seq
///   rows × u32      start operation
///   rows × u32      last operation
///   items × i32     dependency lists: count, then rows
///   actors × u32    lengths of actor ids
///   actor bytes     the ids, one after the other
/// </code>
/// The checksum finds damage, not malice: the file is as trusted as the store it is in. Numbers are checked all the same, so that
/// no file can make a walk leave its arrays or run for ever.
/// </remarks>
public sealed partial class ChangeGraph
{
    private const int SidecarHeader = 28;
    private const int SidecarChecked = 12;          // where the bytes begin that the checksum covers
    private const int SidecarRow = ChangeHash.Size + (5 * sizeof(int));
    private const uint SidecarVersion = 1;

    private static ReadOnlySpan<byte> SidecarMagic => "AMGI"u8;

    /// <summary>Bytes that <see cref="WriteTo"/> writes.</summary>
    public int EncodedLength
    {
        get
        {
            int actorBytes = 0;
            for (int i = 0; i < _actorCount; i++) actorBytes += _actors[i].Id.Length;
            return checked(SidecarHeader + (Count * SidecarRow) + ((_depListsLength + _actorCount) * sizeof(int)) + actorBytes);
        }
    }

    /// <summary>Writes the change index.</summary>
    public void WriteTo(IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(output);
        int length = EncodedLength;
        Span<byte> bytes = output.GetSpan(length)[..length];
        int actorBytes = length - SidecarHeader - (Count * SidecarRow) - ((_depListsLength + _actorCount) * sizeof(int));
        SidecarMagic.CopyTo(bytes);
        Put(bytes[4..], SidecarVersion);
        Put(bytes[12..], (uint)Count);
        Put(bytes[16..], (uint)_actorCount);
        Put(bytes[20..], (uint)_depListsLength);
        Put(bytes[24..], (uint)actorBytes);

        Span<byte> rest = bytes[SidecarHeader..];
        MemoryMarshal.AsBytes(_hashes.AsSpan(0, Count)).CopyTo(rest);
        rest = rest[(Count * ChangeHash.Size)..];
        ReadOnlySpan<Row> rows = _rows.AsSpan(0, Count);
        for (int i = 0; i < rows.Length; i++) Put(rest[(i * 4)..], (uint)rows[i].Dep);
        rest = rest[(Count * 4)..];
        for (int i = 0; i < rows.Length; i++) Put(rest[(i * 4)..], (uint)rows[i].Actor);
        rest = rest[(Count * 4)..];
        for (int i = 0; i < rows.Length; i++) Put(rest[(i * 4)..], rows[i].Seq);
        rest = rest[(Count * 4)..];
        for (int i = 0; i < rows.Length; i++) Put(rest[(i * 4)..], rows[i].StartOp);
        rest = rest[(Count * 4)..];
        for (int i = 0; i < rows.Length; i++) Put(rest[(i * 4)..], rows[i].MaxOp);
        rest = rest[(Count * 4)..];
        for (int i = 0; i < _depListsLength; i++) Put(rest[(i * 4)..], (uint)_depLists[i]);
        rest = rest[(_depListsLength * 4)..];
        for (int i = 0; i < _actorCount; i++) Put(rest[(i * 4)..], (uint)_actors[i].Id.Length);
        rest = rest[(_actorCount * 4)..];
        for (int i = 0; i < _actorCount; i++)
        {
            _actors[i].Id.CopyTo(rest);
            rest = rest[_actors[i].Id.Length..];
        }

        Debug.Assert(rest.IsEmpty, "the length was counted");
        Put(bytes[8..], Crc(bytes[SidecarChecked..]));
        output.Advance(length);
    }

    /// <summary>Reads a change index.</summary>
    /// <param name="bytes">All of it and nothing else.</param>
    /// <param name="key">As for the constructor; may differ from the writer's.</param>
    /// <param name="graph">The graph, row for row as it was.</param>
    /// <param name="limits">As for the constructor.</param>
    /// <returns>false: damaged or of another version; make the graph anew from the snapshot.</returns>
    public static bool TryRead(ReadOnlySpan<byte> bytes, ulong key, out ChangeGraph? graph, ChangeGraphLimits? limits = null)
    {
        graph = null;
        if (bytes.Length < SidecarHeader || !bytes[..4].SequenceEqual(SidecarMagic) || Get(bytes, 1) != SidecarVersion) return false;
        uint count = Get(bytes, 3), actors = Get(bytes, 4), listItems = Get(bytes, 5), actorBytes = Get(bytes, 6);

        // All numbers are below 2^32 and the factors small: no overflow, and memory is taken only for what is really there.
        ulong length = SidecarHeader + ((ulong)count * SidecarRow) + (((ulong)listItems + actors) * 4) + actorBytes;
        if (length != (ulong)bytes.Length || Crc(bytes[SidecarChecked..]) != Get(bytes, 2)) return false;

        ChangeGraph read = new(key, limits);
        ReadOnlySpan<byte> rest = bytes[SidecarHeader..];
        ReadOnlySpan<ChangeHash> hashes = ChangeHash.CastList(rest[..((int)count * ChangeHash.Size)]);
        rest = rest[((int)count * ChangeHash.Size)..];
        ReadOnlySpan<byte> columns = rest[..((int)count * 20)];
        rest = rest[columns.Length..];
        ReadOnlySpan<byte> lists = rest[..((int)listItems * 4)];
        rest = rest[lists.Length..];
        if (!read.ReadActors(rest, (int)actors)) return false;
        read.ReadLists(lists);
        if (!read.ReadRows(hashes, columns)) return false;
        graph = read;
        return true;
    }

    private bool ReadActors(ReadOnlySpan<byte> bytes, int count)
    {
        ReadOnlySpan<byte> ids = bytes[(count * 4)..];
        _actors = new Actor[count];
        for (int i = 0; i < count; i++)
        {
            uint length = Get(bytes, i);
            if (length > (uint)ids.Length || FindActor(ids[..(int)length]) >= 0) return false;
            AddActor(ids[..(int)length]);
            ids = ids[(int)length..];
        }

        return ids.IsEmpty;
    }

    private void ReadLists(ReadOnlySpan<byte> bytes)
    {
        _depListsLength = bytes.Length / 4;
        _depLists = new int[_depListsLength];
        for (int i = 0; i < _depListsLength; i++) _depLists[i] = (int)Get(bytes, i);
    }

    private bool ReadRows(ReadOnlySpan<ChangeHash> hashes, ReadOnlySpan<byte> columns)
    {
        int count = hashes.Length;
        _hashes = hashes.ToArray();
        _rows = new Row[count];
        _table = new int[count == 0 ? 0 : Math.Max(4, (int)BitOperations.RoundUpToPowerOf2((uint)((count * 4L / 3) + 1)))];
        int heads = 0, nextList = 0;
        ReadOnlySpan<byte> depCodes = columns[..(4 * count)], actors = columns.Slice(4 * count, 4 * count), seqs = columns.Slice(8 * count, 4 * count);
        ReadOnlySpan<byte> startOps = columns.Slice(12 * count, 4 * count), maxOps = columns.Slice(16 * count, 4 * count);
        for (int row = 0; row < count; row++)
        {
            ref Row entry = ref _rows[row];
            entry.Dep = (int)Get(depCodes, row);
            entry.Actor = (int)Get(actors, row);
            entry.Seq = Get(seqs, row);
            entry.StartOp = Get(startOps, row);
            entry.MaxOp = Get(maxOps, row);
            entry.FirstChild = NoChild;
            if ((uint)entry.Actor >= (uint)_actorCount || entry.StartOp == 0 || entry.MaxOp < entry.StartOp - 1) return false;

            ref Actor actor = ref _actors[entry.Actor];
            if (entry.Seq != (actor.Tip < 0 ? 1 : _rows[actor.Tip].Seq + 1)) return false;
            actor.Tip = row;
            MaxOp = Math.Max(MaxOp, entry.MaxOp);

            if (!CheckDeps(row, ref nextList)) return false;
            heads++;
            ReadOnlySpan<int> deps = Deps(row);
            foreach (int dep in deps)
            {
                if (_rows[dep].FirstChild != NoChild) continue;
                _rows[dep].FirstChild = row;
                heads--;
            }

            if (heads > ushort.MaxValue) return false;
            entry.HeadCount = heads;
            if (deps.Length > 1 && !_hasRepeatedDeps) _hasRepeatedDeps = HasRepeats(deps);
            if (!TryInsert(row)) return false;
            Count = row + 1;
        }

        if (nextList != _depListsLength) return false;
        CollectHeads(heads);
        return true;
    }

    // Dependencies come before, and lists follow each other as they were written.
    private bool CheckDeps(int row, ref int nextList)
    {
        int code = _rows[row].Dep;
        if (code >= NoDep) return code < row;
        int at = ListAt(code);
        if (at != nextList || at >= _depListsLength) return false;
        int length = _depLists[at];
        if (length < 2 || length > _depListsLength - at - 1) return false;
        foreach (int dep in _depLists.AsSpan(at + 1, length))
        {
            if ((uint)dep >= (uint)row) return false;
        }

        nextList = at + 1 + length;
        return true;
    }

    private bool TryInsert(int row)
    {
        int mask = _table.Length - 1;
        int slot = SlotOf(_hashes[row]) & mask;
        for (; _table[slot] != 0; slot = (slot + 1) & mask)
        {
            if (_hashes[_table[slot] - 1] == _hashes[row]) return false;
        }

        _table[slot] = row + 1;
        return true;
    }

    private void CollectHeads(int heads)
    {
        _heads = new ChangeHash[heads];
        for (int row = Count - 1; row >= 0 && _headCount < heads; row--)
        {
            if (_rows[row].FirstChild == NoChild) _heads[_headCount++] = _hashes[row];
        }

        _heads.AsSpan().Sort();
    }

    private static void Put(Span<byte> bytes, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);

    // The index-th 32-bit number.
    private static uint Get(ReadOnlySpan<byte> bytes, int index) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[(index * 4)..]);

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words) crc = BitOperations.Crc32C(crc, word);
        foreach (byte b in bytes[(words.Length * 8)..]) crc = BitOperations.Crc32C(crc, b);
        return ~crc;
    }
}
