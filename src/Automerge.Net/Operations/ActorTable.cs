using System.Runtime.CompilerServices;
using Automerge.Changes;

namespace Automerge.Operations;

/// <summary>
/// The actors of an op set. A slot never changes, so ids need no renumbering when an actor arrives that sorts before others; a rank tells where its bytes sort.
/// </summary>
/// <remarks>One owner, one thread.</remarks>
internal sealed class ActorTable
{
    // By slot: the actor, and where its bytes sort. Most documents know one actor or two.
    private ActorId[] _actors = new ActorId[2];
    private int[] _ranks = new int[2];

    // By rank.
    private int[] _sorted = new int[2];

    public int Count { get; private set; }

    public ActorId this[int slot] => _actors.AsSpan(0, Count)[slot];

    /// <summary>Slots in byte order of their actors.</summary>
    public ReadOnlySpan<int> Sorted => _sorted.AsSpan(0, Count);

    public long MemoryBytes => 200 + (Count * 120L);

    /// <summary>The slot of an actor, or -1.</summary>
    public int Find(ReadOnlySpan<byte> id)
    {
        int rank = RankOf(id);
        return rank < 0 ? -1 : _sorted[rank];
    }

    /// <summary>The slot of an actor, which is remembered if it is new.</summary>
    public int Intern(ReadOnlySpan<byte> id)
    {
        int rank = RankOf(id);
        return rank < 0 ? Add(new ActorId(id), ~rank) : _sorted[rank];
    }

    /// <summary>Place of a slot's actor among all, by bytes.</summary>
    public int Rank(int slot) => _ranks[slot];

    /// <summary>Lamport order: counter, then actor bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Compare(LocalId left, LocalId right) =>
        left.Counter != right.Counter ? left.Counter.CompareTo(right.Counter) : left.Bits == right.Bits ? 0 : _ranks[left.Actor].CompareTo(_ranks[right.Actor]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool IsLess(LocalId left, LocalId right) => Compare(left, right) < 0;

    // Where the actor is, or else the complement of where it belongs.
    private int RankOf(ReadOnlySpan<byte> id)
    {
        int low = 0, high = Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            int order = _actors[_sorted[middle]].Bytes.SequenceCompareTo(id);
            if (order == 0) return middle;
            if (order < 0) low = middle + 1;
            else high = middle - 1;
        }

        return ~low;
    }

    private int Add(ActorId actor, int place)
    {
        int slot = Count;
        if (slot == _actors.Length)
        {
            Array.Resize(ref _actors, 2 * slot);
            Array.Resize(ref _ranks, 2 * slot);
            Array.Resize(ref _sorted, 2 * slot);
        }

        foreach (ref int rank in _ranks.AsSpan(0, slot)) rank += rank >= place ? 1 : 0;
        _sorted.AsSpan(place, slot - place).CopyTo(_sorted.AsSpan(place + 1));
        _actors[slot] = actor;
        _ranks[slot] = place;
        _sorted[place] = slot;
        Count++;
        return slot;
    }
}
