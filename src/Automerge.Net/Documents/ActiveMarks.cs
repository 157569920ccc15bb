using System.Runtime.InteropServices;
using Automerge.Columns;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

/// <summary>
/// Which marks are over the place that a walk through a text has come to. Of several with one name the greatest operation's counts; if its value is null, none does.
/// </summary>
/// <remarks>Asked only where something shows: marks that begin and end between two characters never were.</remarks>
internal sealed class ActiveMarks(OpSet ops)
{
    private readonly Dictionary<LocalId, ActiveMark> _begun = [];
    private readonly Dictionary<int, SortedSet<ActiveMark>> _byName = [];
    private readonly Comparer<ActiveMark> _order = Comparer<ActiveMark>.Create((left, right) => ops.Actors.Compare(left.Begin, right.Begin));
    private readonly SortedSet<int> _over = new(Comparer<int>.Create(ops.Names.Compare));
    private readonly HashSet<int> _touched = [];
    private MarkSet _current = MarkSet.Empty;

    /// <summary>Takes in the beginning or end of a mark.</summary>
    public void Take(in RegisterOp op)
    {
        if (op.MarkName > 0)
        {
            int name = op.MarkName - 1;
            ActiveMark mark = new(op.Id, name, op.Value.Type == ScalarCode.Null ? default(Value?) : Value.Decode(op.Value));
            _begun[op.Id] = mark;
            ref SortedSet<ActiveMark>? begun = ref CollectionsMarshal.GetValueRefOrAddDefault(_byName, name, out _);
            begun ??= new SortedSet<ActiveMark>(_order);
            begun.Add(mark);
            _touched.Add(name);
        }
        else if (_begun.Remove(op.Id.Plus(-1), out ActiveMark ended))
        {
            _byName[ended.Name].Remove(ended);
            _touched.Add(ended.Name);
        }
    }

    /// <summary>Names of marks that may have changed since the last call.</summary>
    public IReadOnlyCollection<int> Touched => _touched;

    public void ClearTouched() => _touched.Clear();

    /// <summary>The value of a mark here; null: it is not over this place.</summary>
    public Value? ValueOf(int name) => _byName.TryGetValue(name, out SortedSet<ActiveMark>? begun) && begun.Count > 0 ? begun.Max.Value : null;

    /// <summary>All marks over this place; the same object while they are the same.</summary>
    public MarkSet Current()
    {
        if (_touched.Count == 0) return _current;
        foreach (int name in _touched)
        {
            if (ValueOf(name) is null) _over.Remove(name);
            else _over.Add(name);
        }

        _touched.Clear();
        KeyValuePair<string, Value>[] marks = new KeyValuePair<string, Value>[_over.Count];
        int i = 0;
        foreach (int name in _over) marks[i++] = new(ops.Names.Text(name), ValueOf(name)!.Value);
        MarkSet next = marks.Length == 0 ? MarkSet.Empty : new MarkSet(marks);
        if (!next.Equals(_current)) _current = next;
        return _current;
    }

    private readonly record struct ActiveMark(LocalId Begin, int Name, Value? Value);
}
