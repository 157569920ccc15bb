using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>Checks that every object with rows is made by an operation of the document, and is of the kind its keys and marks show.</summary>
internal sealed class ObjectKinds
{
    private readonly List<(ulong Id, OpAction Made)> _made = [];
    private readonly List<(ulong Id, bool IsList)> _used = [];
    private readonly List<ulong> _marked = [];

    /// <summary>An operation that makes an object.</summary>
    public void Make(ulong id, OpAction made) => _made.Add((id, made));

    /// <summary>An object with rows, in document order: ids ascend. The root is 0.</summary>
    public void Use(ulong id, bool isList) => _used.Add((id, isList));

    /// <summary>The object used last has marks.</summary>
    public void Mark()
    {
        ulong id = _used[^1].Id;
        if (_marked.Count == 0 || _marked[^1] != id) _marked.Add(id);
    }

    /// <summary>After the last row.</summary>
    public void Close()
    {
        _made.Add((0, OpAction.MakeMap));
        _made.Sort();
        int at = 0, marked = 0;
        foreach ((ulong Id, bool IsList) used in _used)
        {
            while (at < _made.Count && _made[at].Id < used.Id) at++;
            if (at == _made.Count || _made[at].Id != used.Id) DocumentFault.Throw("operations in an object that is never made");
            OpAction made = _made[at].Made;
            if ((made is OpAction.MakeList or OpAction.MakeText) != used.IsList) DocumentFault.Throw("keys do not fit the kind of their object");

            // 3.5.0 loads it, and breaks in every document into which it merges the changes.
            if (made == OpAction.MakeTable) DocumentFault.Throw("operations in a table, in which automerge 3 keeps nothing");
            if (marked == _marked.Count || _marked[marked] != used.Id) continue;

            // 3.5.0 makes none itself, and then counts it among the elements in some places and not in others.
            if (made != OpAction.MakeText) DocumentFault.Throw("a mark in a list");
            marked++;
        }
    }
}
