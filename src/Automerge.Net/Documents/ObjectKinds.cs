namespace Automerge.Documents;

/// <summary>Checks that every object with rows is made by an operation of the document, and is of the kind its keys show.</summary>
internal sealed class ObjectKinds
{
    private readonly List<(ulong Id, bool IsList)> _made = [];
    private readonly List<(ulong Id, bool IsList)> _used = [];

    /// <summary>An operation that makes an object.</summary>
    public void Make(ulong id, bool isList) => _made.Add((id, isList));

    /// <summary>An object with rows, in document order: ids ascend. The root is 0.</summary>
    public void Use(ulong id, bool isList) => _used.Add((id, isList));

    /// <summary>After the last row.</summary>
    public void Close()
    {
        _made.Add((0, false));
        _made.Sort();
        int at = 0;
        foreach ((ulong Id, bool IsList) used in _used)
        {
            while (at < _made.Count && _made[at].Id < used.Id) at++;
            if (at == _made.Count || _made[at].Id != used.Id) DocumentFault.Throw("operations in an object that is never made");
            if (_made[at].IsList != used.IsList) DocumentFault.Throw("keys do not fit the kind of their object");
        }
    }
}
