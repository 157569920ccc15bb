using Automerge.Columns;

namespace Automerge.Changes;

/// <summary>
/// Rules for one operation that need no document. Most follow from this: whatever is not kept when the operation becomes a
/// row of a document (a delete's value, say) must not be there, or the change could not be made again from that row.
/// </summary>
internal static class OpShape
{
    /// <summary>What is wrong with an operation, or null.</summary>
    public static string? Check(long action, bool insert, bool mapKey, bool head, long metadata, long predecessors, bool expand, bool markName)
    {
        if ((ulong)action > (ulong)OpAction.Mark) return "unrecognized action";
        if (mapKey ? insert : head && !insert) return mapKey ? "insert with a map key" : "update of the list head";
        if (insert && predecessors != 0) return "insert with predecessors";
        if ((expand || markName) && action != (long)OpAction.Mark) return "mark name or expand on another operation";
        return (OpAction)action switch
        {
            OpAction.Set => null,
            OpAction.Delete => CheckDelete(insert, metadata, predecessors),
            OpAction.Increment => CheckIncrement(insert, (int)(metadata & 15), predecessors),
            OpAction.Mark => !insert ? "mark that does not insert" : !markName && metadata != 0 ? "mark end with a value" : null,
            _ => metadata != 0 ? "make operation with a value" : null,
        };
    }

    private static string? CheckDelete(bool insert, long metadata, long predecessors)
    {
        if (insert) return "delete that inserts";
        if (metadata != 0) return "delete with a value";
        return predecessors == 0 ? "delete without predecessors" : null;
    }

    private static string? CheckIncrement(bool insert, int code, long predecessors)
    {
        if (insert) return "increment that inserts";
        if (code is not (ScalarCode.Signed or ScalarCode.Unsigned)) return "increment by something that is not an integer";
        return predecessors == 0 ? "increment without predecessors" : null;
    }
}
