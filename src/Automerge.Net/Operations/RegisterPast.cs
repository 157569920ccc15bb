namespace Automerge.Operations;

/// <summary>What a register showed when only a past was known.</summary>
internal static class RegisterPast
{
    /// <summary>A value of the past that nothing in the past has replaced.</summary>
    public static bool IsVisible(this Register register, int at, CausalPast past, ActorTable actors)
    {
        ref RegisterOp op = ref register.Ops[at];
        if (past.IsEverything) return op.IsVisible;
        if (!op.HoldsValue || !past.Covers(op.Id)) return false;
        if (op.Successors is null) return op.Successor.IsNone || !past.Covers(op.Successor);
        foreach (LocalId successor in op.Successors.Ids)
        {
            if (past.Covers(successor) && !(op.IsCounter && register.TryGetIncrement(successor, actors, out _))) return false;
        }

        return true;
    }

    /// <summary>Place of the visible operation with the greatest id; -1: none is.</summary>
    public static int Winner(this Register register, CausalPast past, ActorTable actors)
    {
        if (past.IsEverything) return register.Winner;
        for (int i = register.Count - 1; i >= 0; i--)
        {
            if (register.IsVisible(i, past, actors)) return i;
        }

        return -1;
    }

    /// <summary>What a counter stood at.</summary>
    public static long CounterValue(this Register register, int at, CausalPast past, ActorTable actors)
    {
        ref RegisterOp op = ref register.Ops[at];
        if (past.IsEverything || op.Successors is null) return op.CounterValue;
        long sum = op.Value.Integer;
        foreach (LocalId successor in op.Successors.Ids)
        {
            if (past.Covers(successor) && register.TryGetIncrement(successor, actors, out long amount)) sum = unchecked(sum + amount);
        }

        return sum;
    }

    // Increments are rows of the register that their counters are in.
    private static bool TryGetIncrement(this Register register, LocalId id, ActorTable actors, out long amount)
    {
        int at = register.Find(id, actors);
        bool found = at >= 0 && register.Ops[at].Action == Changes.OpAction.Increment;
        amount = found ? register.Ops[at].Value.Integer : 0;
        return found;
    }
}
