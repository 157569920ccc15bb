using System.Runtime.InteropServices;

namespace Automerge.Documents;

/// <summary>
/// Checks that the elements of a list come in the one order their inserts allow: depth first, the children of one
/// reference by id descending. The elements from the list head to the last one read form a path; an element's reference
/// must be on it, and the reference's child on the path, an elder sibling, must have a greater id.
/// </summary>
/// <remarks>Typing makes paths as long as the text but of few runs of consecutive ids, so runs are kept, not elements.</remarks>
internal sealed class ListOrder
{
    private const ulong OneCounter = 1UL << 32;

    private readonly List<Run> _path = [];

    public ListOrder() => Clear();

    /// <summary>Begins another list.</summary>
    public void Clear()
    {
        _path.Clear();
        _path.Add(new Run(0, 1));      // the list head
    }

    /// <summary>Adds an element inserted after <paramref name="reference"/>, 0 for the head.</summary>
    public void Add(ulong id, ulong reference)
    {
        ReadOnlySpan<Run> path = CollectionsMarshal.AsSpan(_path);
        int at = path.Length - 1;
        ulong sibling = ulong.MaxValue;
        uint offset;
        while (!path[at].TryFind(reference, out offset))
        {
            sibling = path[at].First;
            if (--at < 0) DocumentFault.Throw("a list element's reference is not before it");
        }

        Run run = path[at];
        if (offset + 1 < run.Count) sibling = run.First + ((offset + 1) * OneCounter);
        if (id >> 32 <= reference >> 32 || id >= sibling) DocumentFault.Throw("list elements out of order");

        _path.RemoveRange(at + 1, _path.Count - at - 1);
        bool next = id == reference + OneCounter;
        _path[at] = new Run(run.First, offset + (next ? 2u : 1u));
        if (!next) _path.Add(new Run(id, 1));
    }

    /// <summary>Adds elements inserted each after the one before, the first after the one added last, with its actor's next counters.</summary>
    public void AddTyping(int count) => _path[^1] = _path[^1] with { Count = _path[^1].Count + (uint)count };

    /// <summary>Elements with consecutive counters of one actor, each inserted after the one before.</summary>
    private readonly record struct Run(ulong First, uint Count)
    {
        public bool TryFind(ulong id, out uint offset)
        {
            ulong distance = id - First;
            offset = (uint)(distance >> 32);
            return (uint)distance == 0 && id >= First && offset < Count;
        }
    }
}
