using Automerge.Changes;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

/// <summary>
/// Which operations show, now or at old heads: there, an operation that had not come yet is nothing, neither as a value nor as what replaces one.
/// </summary>
internal readonly struct Showing(OpSet ops, CausalPast past)
{
    private readonly bool _now = past.IsEverything;

    public OpSet Ops { get; } = ops;

    public CausalPast Past { get; } = past;

    public bool IsNow => _now;

    public bool Exists(LocalId id) => _now || id.IsNone || Past.Covers(id);

    /// <summary>Place of the operation whose value shows; -1: none does.</summary>
    public int Winner(Register register) => _now ? register.Winner : NextBelow(register, register.Count);

    /// <summary>Place of the greatest operation below a place that shows or, if it is not the winner, conflicts with it; -1: there is none.</summary>
    public int NextBelow(Register register, int place)
    {
        for (int i = place - 1; i >= 0; i--)
        {
            if (IsVisible(register, i)) return i;
        }

        return -1;
    }

    /// <summary>The value of an operation that shows.</summary>
    public Value ValueOf(Register register, int place)
    {
        ref RegisterOp op = ref register[place];
        if (op.IsMake) return Value.Object(Ops.ObjectIdOf(op.Id), KindOf(op.Action));
        return op.IsCounter ? Value.Counter(CounterOf(register, place)) : Value.Decode(op.Value);
    }

    /// <summary>What a counter stands at.</summary>
    public long CounterOf(Register register, int place)
    {
        ref RegisterOp op = ref register[place];
        if (_now || op.Successors is null) return op.CounterValue;
        long sum = op.Value.Integer;
        foreach (LocalId successor in op.Successors.Ids)
        {
            if (Past.Covers(successor) && IncrementOf(register, successor) is { } increment) sum = unchecked(sum + increment);
        }

        return sum;
    }

    /// <summary>The visible elements of a run, which are always neighbours: actors' pasts have no gaps, and deletes in a run are consecutive.</summary>
    public (int Start, int Count) VisibleOf(in ElementRun run)
    {
        if (run.Register is not null) return (0, Winner(run.Register) < 0 ? 0 : 1);
        if (_now) return (0, run.Deleted.IsNone ? run.Count : 0);
        int inserted = Covered(run.Id, run.Count);
        if (run.Deleted.IsNone || inserted == 0) return (0, inserted);
        if (run.DeleteStep >= 0)
        {
            int deleted = Covered(run.Deleted, run.Count);
            return deleted >= inserted ? (0, 0) : (deleted, inserted - deleted);
        }

        // The last element's delete is the oldest one.
        return (0, Math.Min(inserted, run.Count - Covered(run.LastDeleted, run.Count)));
    }

    /// <summary>Numbers of the keys of a map that have a value, in byte order.</summary>
    public int[] ShownNames(MapObject map)
    {
        int count = 0;
        int[] names = new int[map.Count];
        for (int i = 0; i < map.Count; i++)
        {
            if (Winner(map.Registers[i]) >= 0) names[count++] = map.Names[i];
        }

        if (count < names.Length) Array.Resize(ref names, count);
        Array.Sort(names, Ops.Names.Compare);
        return names;
    }

    public static ObjectKind KindOf(OpAction made) => made switch
    {
        OpAction.MakeList => ObjectKind.List,
        OpAction.MakeText => ObjectKind.Text,
        OpAction.MakeTable => ObjectKind.Table,
        _ => ObjectKind.Map,
    };

    // How many of the ids from one on, counting up, are in the past.
    private int Covered(LocalId first, int count)
    {
        uint last = Past.LastInside(first.Actor);
        return last < first.Counter ? 0 : (int)Math.Min(last - first.Counter + 1L, count);
    }

    private bool IsVisible(Register register, int place)
    {
        ref RegisterOp op = ref register[place];
        if (_now) return op.IsVisible;
        if (!op.HoldsValue || !Past.Covers(op.Id)) return false;
        if (op.Successors is null) return op.Successor.IsNone || !Past.Covers(op.Successor);
        foreach (LocalId successor in op.Successors.Ids)
        {
            if (Past.Covers(successor) && !(op.IsCounter && IncrementOf(register, successor) is not null)) return false;
        }

        return true;
    }

    // Increments are rows of the register they count in; deletes are none.
    private long? IncrementOf(Register register, LocalId id)
    {
        int place = register.Find(id, Ops.Actors);
        return place >= 0 && register[place].Action == OpAction.Increment ? register[place].Value.Integer : null;
    }
}
