using Automerge.Changes;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

/// <summary>
/// Which operations show, now or at old heads: there, an operation that had not come yet is nothing, neither as a value nor as what replaces one.
/// </summary>
internal readonly struct Showing(OpSet ops, CausalPast past)
{
    public OpSet Ops { get; } = ops;

    public CausalPast Past { get; } = past;

    public bool IsNow => Past.IsEverything;

    public bool Exists(LocalId id) => id.IsNone || Past.Covers(id);

    /// <summary>Place of the operation whose value shows; -1: none does.</summary>
    public int Winner(Register register) => register.Winner(Past, Ops.Actors);

    /// <summary>Place of the next value below the winner, or below another: what it is in conflict with; -1: nothing.</summary>
    public int NextBelow(Register register, int place)
    {
        if (IsNow && register.VisibleCount < 2) return -1;
        for (int i = place - 1; i >= 0; i--)
        {
            if (register.IsVisible(i, Past, Ops.Actors)) return i;
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
    public long CounterOf(Register register, int place) => register.CounterValue(place, Past, Ops.Actors);

    /// <summary>The elements of a run that show: always neighbours.</summary>
    public (int Start, int Count) VisibleOf(in ElementRun run) => run.VisibleIn(Past, Ops.Actors);

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
}
