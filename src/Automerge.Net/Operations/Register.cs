using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>An operation on a map key or list element that is kept as a row: anything but a delete.</summary>
internal struct RegisterOp
{
    public LocalId Id;

    /// <summary>The one successor, when there is one and it is no increment; otherwise none.</summary>
    public LocalId Successor;

    /// <summary>Successors that <see cref="Successor"/> cannot tell.</summary>
    public SuccessorList? Successors;
    public StoredValue Value;

    /// <summary>Number of the mark's name plus one where a mark begins; else 0.</summary>
    public int MarkName;
    public OpAction Action;
    public bool Insert;
    public bool Expand;

    public readonly bool IsMake => Action is OpAction.MakeMap or OpAction.MakeList or OpAction.MakeText or OpAction.MakeTable;

    public readonly bool IsCounter => Action == OpAction.Set && Value.Type == ScalarCode.Counter;

    /// <summary>Whether it may be named as predecessor.</summary>
    public readonly bool HoldsValue => Action == OpAction.Set || IsMake;

    /// <summary>A value that nothing has replaced; increments of a counter do not.</summary>
    public readonly bool IsVisible => HoldsValue && (Successors is null ? Successor.IsNone : IsCounter && Successors.Increments == Successors.Count);

    public readonly int SuccessorCount => Successors?.Count ?? (Successor.IsNone ? 0 : 1);

    /// <summary>What a counter stands at.</summary>
    public readonly long CounterValue => unchecked(Value.Integer + (Successors?.Sum ?? 0));
}

/// <summary>Successors of an operation, ascending, with what the increments among them add up to.</summary>
internal sealed class SuccessorList
{
    private LocalId[] _ids = new LocalId[2];

    public int Count { get; private set; }

    public int Increments { get; private set; }

    public long Sum { get; private set; }

    public ReadOnlySpan<LocalId> Ids => _ids.AsSpan(0, Count);

    public long HeapBytes => 80 + (8L * _ids.Length);

    public void Add(LocalId id, long? increment, ActorTable actors)
    {
        if (Count == _ids.Length) Array.Resize(ref _ids, 2 * Count);
        int at = Count;
        while (at > 0 && actors.IsLess(id, _ids[at - 1])) at--;
        _ids.AsSpan(at, Count - at).CopyTo(_ids.AsSpan(at + 1));
        _ids[at] = id;
        Count++;
        if (increment is not { } amount) return;
        Increments++;
        Sum = unchecked(Sum + amount);
    }

    public bool Remove(LocalId id, long? increment)
    {
        int at = _ids.AsSpan(0, Count).LastIndexOf(id);
        if (at < 0) return false;
        _ids.AsSpan(at + 1, Count - at - 1).CopyTo(_ids.AsSpan(at));
        Count--;
        if (increment is not { } amount) return true;
        Increments--;
        Sum = unchecked(Sum - amount);
        return true;
    }
}

/// <summary>
/// All operations on one map key, or on one list element whose insert has more to say than a run of elements can: ascending by id.
/// </summary>
/// <remarks>One owner, one thread.</remarks>
internal sealed class Register
{
    private ChunkedList<RegisterOp> _ops;
    private int _visible;

    // Place of the winner, if known: a counter may have thousands of increments behind it.
    private int _winner = -1;

    public int Count => _ops.Count;

    public RegisterOps Ops => new(this);

    /// <summary>Place of the visible operation with the greatest id, whose value shows; -1: none does.</summary>
    public int Winner
    {
        get
        {
            if (_visible == 0) return -1;
            if (_winner < 0) _winner = _ops.FindLastIndex(static (in RegisterOp op) => op.IsVisible);
            return _winner;
        }
    }

    /// <summary>Visible operations; more than one are conflicts.</summary>
    public int VisibleCount => _visible;

    public ref RegisterOp this[int index] => ref _ops[index];

    public int Find(LocalId id, ActorTable actors)
    {
        int at = PlaceOf(id, actors);
        return at < Count && _ops[at].Id == id ? at : -1;
    }

    public void Add(in RegisterOp op, ActorTable actors)
    {
        int at = Count == 0 || actors.IsLess(_ops[Count - 1].Id, op.Id) ? Count : PlaceOf(op.Id, actors);
        if (at <= _winner) _winner++;
        _ops.Insert(at, op);
        if (!op.IsVisible) return;
        _visible++;
        if (at > _winner && (_winner >= 0 || at == Count - 1)) _winner = at;
    }

    public void AddSuccessor(int at, LocalId id, long? increment, ActorTable actors)
    {
        ref RegisterOp op = ref _ops[at];
        bool visible = op.IsVisible;
        if (op.Successors is null && op.Successor.IsNone && increment is null)
        {
            op.Successor = id;
        }
        else
        {
            if (op.Successors is null)
            {
                op.Successors = new SuccessorList();
                if (!op.Successor.IsNone) op.Successors.Add(op.Successor, null, actors);
                op.Successor = default;
            }

            op.Successors.Add(id, increment, actors);
        }

        if (!visible || op.IsVisible) return;
        _visible--;
        if (at == _winner) _winner = -1;
    }

    /// <summary>Takes an operation back: its row, if it has one, and its mentions as successor.</summary>
    /// <returns>How many rows and mentions that were.</returns>
    public int Remove(LocalId id, ActorTable actors)
    {
        int removed = 0;
        _winner = -1;
        long? increment = null;
        int at = Find(id, actors);
        if (at >= 0)
        {
            if (_ops[at].Action == OpAction.Increment) increment = _ops[at].Value.Integer;
            if (_ops[at].IsVisible) _visible--;
            _ops.RemoveAt(at);
            removed++;
        }

        foreach (ref RegisterOp op in Ops)
        {
            bool visible = op.IsVisible;
            if (op.Successor == id)
            {
                op.Successor = default;
                removed++;
            }
            else if (op.Successors is not null && op.Successors.Remove(id, increment))
            {
                if (op.Successors.Count == 0) op.Successors = null;
                removed++;
            }

            if (!visible && op.IsVisible) _visible++;
        }

        return removed;
    }

    // The first operation that is not before the id.
    private int PlaceOf(LocalId id, ActorTable actors)
    {
        int low = 0, high = Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (actors.IsLess(_ops[middle].Id, id)) low = middle + 1;
            else high = middle;
        }

        return low;
    }

    /// <summary>The operations, ascending.</summary>
    public readonly struct RegisterOps(Register register)
    {
        public int Length => register.Count;

        public ref RegisterOp this[int index] => ref register._ops[index];

        public ChunkedList<RegisterOp>.Enumerator GetEnumerator() => register._ops.GetEnumerator();
    }
}
