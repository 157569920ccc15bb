using System.Runtime.CompilerServices;
using Automerge.Changes;

namespace Automerge.Operations;

/// <summary>
/// The actors of an op set. A slot never changes, so ids need no renumbering when an actor arrives that sorts before others; a rank tells where its bytes sort.
/// </summary>
/// <remarks>One owner, one thread.</remarks>
internal sealed class ActorTable
{
    private readonly List<ActorId> _actors = [];
    private readonly Dictionary<ActorId, int> _slots = new(ByBytes.Instance);
    private readonly List<int> _sorted = [];      // slots in byte order
    private int[] _ranks = new int[4];

    public int Count => _actors.Count;

    public ActorId this[int slot] => _actors[slot];

    /// <summary>Slots in byte order of their actors.</summary>
    public IReadOnlyList<int> Sorted => _sorted;

    public long MemoryBytes => 200 + (_actors.Count * 120L);

    /// <summary>The slot of an actor, or -1.</summary>
    public int Find(ReadOnlySpan<byte> id) => _slots.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(id, out int slot) ? slot : -1;

    /// <summary>The slot of an actor, which is remembered if it is new.</summary>
    public int Intern(ReadOnlySpan<byte> id)
    {
        int slot = Find(id);
        return slot >= 0 ? slot : Add(new ActorId(id));
    }

    /// <summary>Place of a slot's actor among all, by bytes.</summary>
    public int Rank(int slot) => _ranks[slot];

    /// <summary>Lamport order: counter, then actor bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Compare(LocalId left, LocalId right) =>
        left.Counter != right.Counter ? left.Counter.CompareTo(right.Counter) : left.Bits == right.Bits ? 0 : _ranks[left.Actor].CompareTo(_ranks[right.Actor]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsLess(LocalId left, LocalId right) => Compare(left, right) < 0;

    private int Add(ActorId actor)
    {
        int slot = _actors.Count;
        _actors.Add(actor);
        _slots.Add(actor, slot);
        if (slot == _ranks.Length) Array.Resize(ref _ranks, 2 * slot);
        int low = 0, high = _sorted.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_actors[_sorted[middle]].CompareTo(actor) < 0) low = middle + 1;
            else high = middle;
        }

        foreach (ref int rank in _ranks.AsSpan(0, slot)) rank += rank >= low ? 1 : 0;
        _ranks[slot] = low;
        _sorted.Insert(low, slot);
        return slot;
    }

    private sealed class ByBytes : IEqualityComparer<ActorId>, IAlternateEqualityComparer<ReadOnlySpan<byte>, ActorId>
    {
        public static readonly ByBytes Instance = new();

        public bool Equals(ActorId x, ActorId y) => x == y;

        public int GetHashCode(ActorId obj) => obj.GetHashCode();

        public ActorId Create(ReadOnlySpan<byte> alternate) => new(alternate);

        public bool Equals(ReadOnlySpan<byte> alternate, ActorId other) => alternate.SequenceEqual(other.Bytes);

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            HashCode hash = default;
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }
    }
}
