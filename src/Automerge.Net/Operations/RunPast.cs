namespace Automerge.Operations;

/// <summary>What a run of elements showed when only a past was known.</summary>
internal static class RunPast
{
    /// <summary>
    /// The elements that show. They are always neighbours: an actor's operations are in a past up to one of them, and both inserts and deletes of a run are consecutive.
    /// </summary>
    public static (int Start, int Count) VisibleIn(this in ElementRun run, CausalPast past, ActorTable actors)
    {
        if (run.Register is not null) return (0, run.Register.Winner(past, actors) < 0 ? 0 : 1);
        if (past.IsEverything) return (0, run.Deleted.IsNone ? run.Count : 0);
        int inserted = Covered(past, run.Id, run.Count);
        if (run.Deleted.IsNone || inserted == 0) return (0, inserted);
        if (run.DeleteStep >= 0)
        {
            int deleted = Covered(past, run.Deleted, run.Count);
            return deleted >= inserted ? (0, 0) : (deleted, inserted - deleted);
        }

        // The last element's delete is the oldest one.
        return (0, Math.Min(inserted, run.Count - Covered(past, run.LastDeleted, run.Count)));
    }

    // How many of the ids from one on, counting up, are in the past.
    private static int Covered(CausalPast past, LocalId first, int count)
    {
        uint last = past.LastInside(first.Actor);
        return last < first.Counter ? 0 : (int)Math.Min(last - first.Counter + 1L, count);
    }
}
