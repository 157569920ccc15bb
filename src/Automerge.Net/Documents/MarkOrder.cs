namespace Automerge.Documents;

/// <summary>
/// Checks the marks of one object: every end (id c + 1) comes after its begin (id c, same actor). 3.5.0 refuses a whole
/// document for one that does not.
/// </summary>
internal sealed class MarkOrder
{
    private const ulong OneCounter = 1UL << 32;

    private readonly List<(ulong Begin, int Position)> _begins = [];
    private readonly List<(ulong Begin, int Position)> _ends = [];
    private int _position;

    public void Add(ulong id, bool begins)
    {
        if (begins) _begins.Add((id, _position++));
        else _ends.Add((id - OneCounter, _position++));
    }

    /// <summary>Ends the object.</summary>
    public void Close()
    {
        if (_ends.Count > 0)
        {
            // Sorted, not hashed: ids are the sender's to choose.
            _begins.Sort();
            foreach ((ulong begin, int position) in _ends)
            {
                int index = _begins.BinarySearch((begin, int.MinValue));
                index = index < 0 ? ~index : index;
                if (index == _begins.Count || _begins[index].Begin != begin || _begins[index].Position > position)
                    DocumentFault.Throw("a mark ends before it begins");
            }
        }

        _begins.Clear();
        _ends.Clear();
        _position = 0;
    }
}
