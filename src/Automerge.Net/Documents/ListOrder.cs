namespace Automerge.Documents;

/// <summary>
/// Checks that the elements of a list come in the one order their inserts allow: depth first, the children of one
/// reference by id descending. The elements from the list head to the last one read form a path; an element's reference
/// must be on it, and its elder sibling must have a greater id.
/// </summary>
internal sealed class ListOrder
{
    private readonly List<ulong> _path = [];
    private readonly List<ulong> _lastChild = [];

    public ListOrder() => Clear();

    /// <summary>Begins another list.</summary>
    public void Clear()
    {
        _path.Clear();
        _lastChild.Clear();
        _path.Add(0);            // the list head
        _lastChild.Add(ulong.MaxValue);
    }

    /// <summary>Adds an element inserted after <paramref name="reference"/>, 0 for the head.</summary>
    public void Add(ulong id, ulong reference)
    {
        int top = _path.Count - 1;
        while (_path[top] != reference)
        {
            if (--top < 0) DocumentFault.Throw("a list element's reference is not before it");
        }

        if (id <= reference || id >= _lastChild[top]) DocumentFault.Throw("list elements out of order");
        _lastChild[top] = id;
        _path.RemoveRange(top + 1, _path.Count - top - 1);
        _lastChild.RemoveRange(top + 1, _lastChild.Count - top - 1);
        _path.Add(id);
        _lastChild.Add(ulong.MaxValue);
    }
}
