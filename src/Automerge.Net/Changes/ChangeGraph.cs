using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Automerge.Changes;

/// <summary>
/// The hash graph of a document: what is known of every change without its operations. Rows are in application order, which is a topological
/// order, and are never moved or removed; a row number stays valid for the life of the object.
/// </summary>
/// <remarks>
/// Not thread-safe: one owner. About 68 bytes a change: 32 hash, 28 row, 5–11 table. A document of one change takes about 500 bytes.
/// </remarks>
public sealed partial class ChangeGraph
{
    private const int NoDep = -1;
    private const int NoChild = int.MaxValue;

    // Up to this many actors a search through all is faster than a table.
    private const int ActorsWithoutTable = 8;

    private readonly ulong _key;
    private readonly ChangeGraphLimits _limits;

    private ChangeHash[] _hashes = [];
    private Row[] _rows = [];
    private int[] _table = [];                 // open addressing, linear probing; row + 1, 0 = free
    private int[] _depLists = [];              // for rows with two or more: count, then rows
    private int _depListsLength;

    private ChangeHash[] _heads = [];          // ascending
    private int _headCount;

    private Actor[] _actors = [];
    private int[] _actorTable = [];            // as _table; empty while there are few actors
    private int _actorCount;

    // Set by a trusted row that names a dependency twice: the walks then look twice before they count.
    private bool _hasRepeatedDeps;

    /// <summary>Makes an empty graph.</summary>
    /// <param name="key">A random secret of the process: the hash table is keyed with it, so that hashes ground to collide do not.</param>
    /// <param name="limits">Bounds; <see cref="ChangeGraphLimits.Default"/> when null.</param>
    public ChangeGraph(ulong key, ChangeGraphLimits? limits = null)
    {
        _key = key;
        _limits = limits ?? ChangeGraphLimits.Default;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_limits.HeadsMax, ushort.MaxValue, nameof(limits));
    }

    /// <summary>Changes in the graph.</summary>
    public int Count { get; private set; }

    /// <summary>The greatest operation counter of any change; 0 when there is none.</summary>
    public uint MaxOp { get; private set; }

    /// <summary>Changes that no other change depends on, ascending. Valid until the next addition.</summary>
    public ReadOnlySpan<ChangeHash> Heads => _heads.AsSpan(0, _headCount);

    /// <summary>Actors interned so far; most have made a change.</summary>
    public int ActorCount => _actorCount;

    /// <summary>Bytes this object holds, arrays included.</summary>
    public long MemoryBytes
    {
        get
        {
            long bytes = 120 + ArrayBytes(_hashes.Length, ChangeHash.Size) + ArrayBytes(_rows.Length, Unsafe.SizeOf<Row>())
                + ArrayBytes(_table.Length, sizeof(int)) + ArrayBytes(_depLists.Length, sizeof(int)) + ArrayBytes(_actorTable.Length, sizeof(int))
                + ArrayBytes(_heads.Length, ChangeHash.Size) + ArrayBytes(_actors.Length, Unsafe.SizeOf<Actor>());
            for (int i = 0; i < _actorCount; i++) bytes += ArrayBytes(_actors[i].Id.Length, 1);
            return bytes + AncestryBytes;
        }
    }

    /// <summary>The row of a hash, or -1.</summary>
    public int Find(in ChangeHash hash)
    {
        int[] table = _table;
        if (table.Length == 0) return -1;
        int mask = table.Length - 1;
        for (int slot = SlotOf(hash) & mask; ; slot = (slot + 1) & mask)
        {
            int row = table[slot] - 1;
            if (row < 0) return -1;
            if (_hashes[row] == hash) return row;
        }
    }

    /// <summary>Whether the graph holds a change with this hash.</summary>
    public bool Contains(in ChangeHash hash) => Find(hash) >= 0;

    /// <summary>Whether the graph holds all of these.</summary>
    public bool ContainsAll(ReadOnlySpan<ChangeHash> hashes)
    {
        foreach (ref readonly ChangeHash hash in hashes)
        {
            if (Find(hash) < 0) return false;
        }

        return true;
    }

    /// <summary>The hash of a row, in place; valid until the next addition.</summary>
    public ref readonly ChangeHash HashAt(int row)
    {
        CheckRow(row);
        return ref _hashes[row];
    }

    /// <summary>The rows that a row depends on, in the order in which the change names them; valid until the next addition.</summary>
    public ReadOnlySpan<int> DepsOf(int row)
    {
        CheckRow(row);
        return Deps(row);
    }

    /// <summary>Index of the row's actor, for <see cref="ActorAt"/>.</summary>
    public int ActorOf(int row)
    {
        CheckRow(row);
        return _rows[row].Actor;
    }

    /// <summary>Sequence number of the row's change among its actor's, from 1.</summary>
    public uint SeqOf(int row)
    {
        CheckRow(row);
        return _rows[row].Seq;
    }

    /// <summary>Counter of the row's first operation.</summary>
    public uint StartOpOf(int row)
    {
        CheckRow(row);
        return _rows[row].StartOp;
    }

    /// <summary>Counter of the row's last operation; start - 1 when it has none.</summary>
    public uint MaxOpOf(int row)
    {
        CheckRow(row);
        return _rows[row].MaxOp;
    }

    /// <summary>The bytes of an actor id.</summary>
    public ReadOnlySpan<byte> ActorAt(int actor)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)actor, (uint)_actorCount);
        return _actors[actor].Id;
    }

    /// <summary>The row of an actor's last change, or -1.</summary>
    public int TipOf(int actor)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)actor, (uint)_actorCount);
        return _actors[actor].Tip;
    }

    /// <summary>The index of an actor id, or -1.</summary>
    public int FindActor(ReadOnlySpan<byte> id)
    {
        if (_actorTable.Length == 0)
        {
            for (int i = 0; i < _actorCount; i++)
            {
                if (id.SequenceEqual(_actors[i].Id)) return i;
            }

            return -1;
        }

        int mask = _actorTable.Length - 1;
        for (int slot = SlotOf(id) & mask; ; slot = (slot + 1) & mask)
        {
            int actor = _actorTable[slot] - 1;
            if (actor < 0) return -1;
            if (id.SequenceEqual(_actors[actor].Id)) return actor;
        }
    }

    private ReadOnlySpan<int> Deps(int row)
    {
        ref readonly Row entry = ref _rows[row];
        if (entry.Dep >= 0) return MemoryMarshal.CreateReadOnlySpan(in entry.Dep, 1);
        if (entry.Dep == NoDep) return [];
        int at = ListAt(entry.Dep);
        return _depLists.AsSpan(at + 1, _depLists[at]);
    }

    // 24 bytes of header; empty arrays are shared by all.
    private static long ArrayBytes(int length, int size) => length == 0 ? 0 : 24 + (((long)length * size + 7) & ~7);

    private static int ListAt(int dep) => -2 - dep;

    private static int ListCode(int at) => -2 - at;

    private void CheckRow(int row) => ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));

    // A folded 128-bit product with a secret factor: without the key nobody can choose prefixes that meet in one slot.
    private int SlotOf(in ChangeHash hash) => Fold(hash.Prefix ^ _key);

    private int SlotOf(ReadOnlySpan<byte> id)
    {
        ulong state = _key ^ (ulong)id.Length;
        for (; id.Length >= sizeof(ulong); id = id[sizeof(ulong)..])
        {
            state = Mix(state ^ MemoryMarshal.Read<ulong>(id));
        }

        ulong rest = 0;
        foreach (byte b in id) rest = (rest << 8) | b;
        return Fold(state ^ rest);
    }

    private int Fold(ulong value) => (int)Mix(value);

    private ulong Mix(ulong value)
    {
        ulong high = Math.BigMul(value, BitOperations.RotateLeft(_key, 32) | 1, out ulong low);
        high ^= low;
        ulong second = Math.BigMul(high, 0x9E37_79B9_7F4A_7C15, out low);   // 2^64 / golden ratio
        return second ^ low;
    }

    private void GrowTable(int capacity)
    {
        _table = new int[capacity];
        for (int row = 0; row < Count; row++) Insert(row);
    }

    private void Insert(int row)
    {
        int mask = _table.Length - 1;
        int slot = SlotOf(_hashes[row]) & mask;
        while (_table[slot] != 0) slot = (slot + 1) & mask;
        _table[slot] = row + 1;
    }

    private int AddActor(ReadOnlySpan<byte> id)
    {
        int actor = _actorCount;
        if (actor == _actors.Length) Array.Resize(ref _actors, GrownCapacity(actor));
        _actors[actor] = new Actor { Id = id.ToArray(), Tip = -1 };
        _actorCount++;
        if (_actorCount <= ActorsWithoutTable) return actor;

        if (_actorCount * 4 > _actorTable.Length * 3)
        {
            _actorTable = new int[Math.Max(4 * ActorsWithoutTable, 2 * _actorTable.Length)];
            for (int i = 0; i < actor; i++) InsertActor(i);
        }

        InsertActor(actor);
        return actor;
    }

    private void InsertActor(int actor)
    {
        int mask = _actorTable.Length - 1;
        int slot = SlotOf(_actors[actor].Id) & mask;
        while (_actorTable[slot] != 0) slot = (slot + 1) & mask;
        _actorTable[slot] = actor + 1;
    }

    // Doubling while small, then by a half: half of 60 bytes a row is what a large document may waste.
    private static int GrownCapacity(int count) => count < 2 ? count + 1 : count < 1024 ? 2 * count : count + (count / 2);

    // 28 bytes.
    private struct Row
    {
        public int Dep;           // the one dependency's row; NoDep; or ListCode(place in _depLists)
        public int FirstChild;    // the first row that depends on this one: until then it was a head
        public int HeadCount;     // heads of the document just after this row
        public int Actor;
        public uint Seq;
        public uint StartOp;
        public uint MaxOp;
    }

    private struct Actor
    {
        public byte[] Id;
        public int Tip;           // row of the actor's last change, -1
    }
}
