using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Automerge.Changes;

/// <summary>What <see cref="ChangeQueue"/> says to a change.</summary>
public enum QueueVerdict : byte
{
    /// <summary>The change waits, or will come out at the next <see cref="ChangeQueue.TakeReady"/>.</summary>
    Queued,

    /// <summary>The queue holds this hash already.</summary>
    Duplicate,

    /// <summary>No room: the change is dropped. A peer that still has it will be asked again when its heads need it.</summary>
    Full,
}

/// <summary>A change taken out of a <see cref="ChangeQueue"/>.</summary>
/// <param name="Hash">Its hash.</param>
/// <param name="Chunk">Its chunk, as it came; now the caller's.</param>
public readonly record struct QueuedChange(ChangeHash Hash, byte[] Chunk);

/// <summary>
/// Changes that wait for their dependencies, of one document. They come out in the order in which Automerge applies them (format §6): first those with
/// nothing missing in the order they came, then each as its last dependency comes out. That order is the row order of a later save.
/// </summary>
/// <remarks>
/// Not thread-safe: it belongs to the owner of the graph, who must report every change added to the graph by another way with <see cref="Release"/>.
/// Bounded by count and bytes. Work is proportional to the dependencies involved, not to the length of the queue.
/// </remarks>
public sealed class ChangeQueue
{
    // What an entry costs beside its bytes and dependencies: object, table entries, list of waiters.
    private const int EntryOverhead = 256;

    // Changes for which there is room at any time, once there was.
    private const int CapacityKept = 1024;

    private readonly Dictionary<ChangeHash, Entry> _entries;
    private readonly Dictionary<ChangeHash, Waiters> _waiting;       // by the hash they wait for
    private readonly List<Entry> _ready = [];
    private long _nextOrder;

    /// <summary>Makes an empty queue.</summary>
    /// <param name="key">A random secret of the process, against hashes made to collide.</param>
    /// <param name="countMax">Changes that may wait.</param>
    /// <param name="bytesMax">Bytes that they may take, an estimate of overhead included.</param>
    public ChangeQueue(ulong key, int countMax = 10_000, long bytesMax = 64L << 20)
    {
        KeyedHashComparer comparer = new(key);
        _entries = new Dictionary<ChangeHash, Entry>(comparer);
        _waiting = new Dictionary<ChangeHash, Waiters>(comparer);
        CountMax = countMax;
        BytesMax = bytesMax;
    }

    /// <summary>Changes in the queue.</summary>
    public int Count => _entries.Count;

    /// <summary>Changes that may be in the queue.</summary>
    public int CountMax { get; }

    /// <summary>Bytes that the queue may take.</summary>
    public long BytesMax { get; }

    /// <summary>Bytes that the queue takes, an estimate of overhead included.</summary>
    public long MemoryBytes { get; private set; }

    /// <summary>Whether <see cref="TakeReady"/> would take anything out.</summary>
    public bool HasReady => _ready.Count > 0;

    /// <summary>Whether a change with this hash is in the queue.</summary>
    public bool Contains(in ChangeHash hash) => _entries.ContainsKey(hash);

    /// <summary>Whether a change in the queue waits for this hash.</summary>
    public bool IsAwaited(in ChangeHash hash) => _waiting.ContainsKey(hash);

    /// <summary>The dependencies of a queued change; false when it is not in the queue.</summary>
    public bool TryGetDeps(in ChangeHash hash, out ReadOnlySpan<ChangeHash> deps)
    {
        bool found = _entries.TryGetValue(hash, out Entry? entry);
        deps = found ? entry!.Deps : [];
        return found;
    }

    /// <summary>
    /// Puts a change into the queue. One whose dependencies are all there may be put in too, to come out in order with the others of its message.
    /// </summary>
    /// <param name="graph">The document's graph; must not hold <paramref name="hash"/>.</param>
    /// <param name="hash">The change's hash.</param>
    /// <param name="deps">The hashes it depends on.</param>
    /// <param name="chunk">Its bytes; the queue keeps the array.</param>
    public QueueVerdict TryEnqueue(ChangeGraph graph, in ChangeHash hash, ReadOnlySpan<ChangeHash> deps, byte[] chunk)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(chunk);
        long bytes = EntryOverhead + chunk.Length + (2L * ChangeHash.Size * deps.Length);
        if (Count >= CountMax || MemoryBytes + bytes > BytesMax) return Contains(hash) ? QueueVerdict.Duplicate : QueueVerdict.Full;

        Entry entry = new(hash, deps.ToArray(), chunk, _nextOrder, bytes);
        if (!_entries.TryAdd(hash, entry)) return QueueVerdict.Duplicate;
        _nextOrder++;
        MemoryBytes += bytes;
        foreach (ref readonly ChangeHash dep in deps)
        {
            if (graph.Contains(dep)) continue;
            entry.Missing++;
            CollectionsMarshal.GetValueRefOrAddDefault(_waiting, dep, out _).Add(entry);
        }

        if (entry.Missing == 0) _ready.Add(entry);
        return QueueVerdict.Queued;
    }

    /// <summary>Notes that a change has been added to the graph without passing through the queue.</summary>
    public void Release(in ChangeHash added)
    {
        if (_waiting.Remove(added, out Waiters waiters)) Satisfy(waiters, _ready);
    }

    /// <summary>
    /// Takes out all changes that can be applied one after the other, in that order. If the graph refuses one of them, those that depend on it
    /// will be refused as well (missing dependencies): drop them.
    /// </summary>
    public void TakeReady(List<QueuedChange> ready)
    {
        ArgumentNullException.ThrowIfNull(ready);
        if (_ready.Count == 0) return;

        // Changes released by different calls: back to the order in which they came.
        _ready.Sort(static (left, right) => left.Order.CompareTo(right.Order));
        for (int i = 0; i < _ready.Count; i++)
        {
            Entry entry = _ready[i];
            Forget(entry);
            ready.Add(new QueuedChange(entry.Hash, entry.Chunk));
            if (_waiting.Remove(entry.Hash, out Waiters waiters)) Satisfy(waiters, _ready);
        }

        _ready.Clear();
        Shrink();
    }

    /// <summary>
    /// Drops the changes that came last until no more wait than may: for a caller who puts in whole batches, of which most come out again at once.
    /// </summary>
    /// <param name="countMax">Changes that may wait.</param>
    /// <param name="bytesMax">Bytes that they may take.</param>
    /// <param name="dropped">One that was dropped.</param>
    /// <returns>Whether any was.</returns>
    public bool Trim(int countMax, long bytesMax, out ChangeHash dropped)
    {
        dropped = default;
        if (Count <= countMax && MemoryBytes <= bytesMax) return false;
        Entry[] entries = [.. _entries.Values];
        Array.Sort(entries, static (left, right) => right.Order.CompareTo(left.Order));
        foreach (Entry entry in entries)
        {
            if (Count <= countMax && MemoryBytes <= bytesMax) break;
            dropped = entry.Hash;
            Unlink(entry);
        }

        return true;
    }

    /// <summary>Appends all changes in the queue, in the order in which they came. They stay in it; their bytes are not to be changed.</summary>
    public void CollectQueued(List<QueuedChange> queued)
    {
        ArgumentNullException.ThrowIfNull(queued);
        Entry[] entries = [.. _entries.Values];
        Array.Sort(entries, static (left, right) => left.Order.CompareTo(right.Order));
        foreach (Entry entry in entries) queued.Add(new QueuedChange(entry.Hash, entry.Chunk));
    }

    /// <summary>
    /// Drops a refused change, if it is queued, and everything queued that depends on it, directly or not. Returns how many were dropped.
    /// </summary>
    public int Discard(in ChangeHash refused)
    {
        int before = Count;
        Stack<ChangeHash> pending = new();
        pending.Push(refused);
        while (pending.TryPop(out ChangeHash hash))
        {
            if (_entries.TryGetValue(hash, out Entry? entry)) Unlink(entry);
            if (!_waiting.Remove(hash, out Waiters waiters)) continue;
            for (int i = 0; i < waiters.Count; i++) pending.Push(waiters[i].Hash);
        }

        return before - Count;
    }

    /// <summary>
    /// Appends, ascending and once each, the hashes that are missing before <paramref name="heads"/> could be applied: those reached from them
    /// through the queue that are neither in it nor in the graph. These are what a peer with such heads is asked for.
    /// </summary>
    public void CollectMissing(ChangeGraph graph, ReadOnlySpan<ChangeHash> heads, List<ChangeHash> missing)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(missing);
        HashSet<ChangeHash> seen = new(_entries.Comparer);
        Stack<ChangeHash> pending = new();
        foreach (ref readonly ChangeHash head in heads) pending.Push(head);
        int start = missing.Count;
        while (pending.TryPop(out ChangeHash hash))
        {
            if (graph.Contains(hash) || !seen.Add(hash)) continue;
            if (!TryGetDeps(hash, out ReadOnlySpan<ChangeHash> deps))
            {
                missing.Add(hash);
                continue;
            }

            foreach (ref readonly ChangeHash dep in deps) pending.Push(dep);
        }

        missing.Sort(start, missing.Count - start, null);
    }

    private static void Satisfy(in Waiters waiters, List<Entry> ready)
    {
        for (int i = 0; i < waiters.Count; i++)
        {
            if (--waiters[i].Missing == 0) ready.Add(waiters[i]);
        }
    }

    // What a batch of thousands took is not kept when it has gone through.
    private void Shrink()
    {
        if (_entries.Capacity <= CapacityKept || Count > _entries.Capacity / 8) return;
        _entries.TrimExcess();
        _waiting.TrimExcess();
        _ready.Capacity = 0;
    }

    private void Forget(Entry entry)
    {
        _entries.Remove(entry.Hash);
        MemoryBytes -= entry.Bytes;
    }

    // Also out of the lists of those who wait for other hashes.
    private void Unlink(Entry entry)
    {
        Forget(entry);
        if (entry.Missing == 0) _ready.Remove(entry);
        foreach (ref readonly ChangeHash dep in entry.Deps.AsSpan())
        {
            ref Waiters waiters = ref CollectionsMarshal.GetValueRefOrNullRef(_waiting, dep);
            if (Unsafe.IsNullRef(ref waiters)) continue;
            waiters.Remove(entry);
            if (waiters.Count == 0) _waiting.Remove(dep);
        }
    }

    private sealed class Entry(ChangeHash hash, ChangeHash[] deps, byte[] chunk, long order, long bytes)
    {
        public readonly ChangeHash Hash = hash;
        public readonly ChangeHash[] Deps = deps;
        public readonly byte[] Chunk = chunk;
        public readonly long Order = order;
        public readonly long Bytes = bytes;
        public int Missing;
    }

    /// <summary>Who waits for a hash, in the order in which they came: nearly always one.</summary>
    private struct Waiters
    {
        private Entry? _first;
        private List<Entry>? _others;

        public readonly int Count => (_first is null ? 0 : 1) + (_others?.Count ?? 0);

        public readonly Entry this[int index] => index == 0 ? _first! : _others![index - 1];

        public void Add(Entry entry)
        {
            if (_first is null) _first = entry;
            else (_others ??= []).Add(entry);
        }

        public void Remove(Entry entry)
        {
            if (_first != entry)
            {
                _others?.Remove(entry);
                return;
            }

            _first = _others is { Count: > 0 } ? _others[0] : null;
            if (_first is not null) _others!.RemoveAt(0);
        }
    }
}

/// <summary>Compares hashes with a table position that depends on a secret.</summary>
internal sealed class KeyedHashComparer(ulong key) : IEqualityComparer<ChangeHash>
{
    public bool Equals(ChangeHash x, ChangeHash y) => x == y;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int GetHashCode(ChangeHash obj)
    {
        ulong high = Math.BigMul(obj.Prefix ^ key, 0x9E37_79B9_7F4A_7C15 ^ (key << 1), out ulong low);
        return (int)(high ^ low);
    }
}
