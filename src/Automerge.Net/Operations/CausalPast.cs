using Automerge.Changes;

namespace Automerge.Operations;

/// <summary>
/// Which operations a change may name: those its author had. Naming others would tie the change to what replicas that have all its dependencies may lack.
/// </summary>
internal sealed class CausalPast
{
    // By actor slot: counter of the first operation that is not in the past; null when all are.
    private readonly uint[]? _firstOutside;

    private CausalPast(uint[]? firstOutside) => _firstOutside = firstOutside;

    /// <summary>Everything the op set holds.</summary>
    public static CausalPast Everything { get; } = new(null);

    public bool IsEverything => _firstOutside is null;

    /// <summary>What these changes and their pasts hold.</summary>
    /// <param name="graph">The changes in the op set.</param>
    /// <param name="heads">All in the graph.</param>
    /// <param name="actors">The op set's.</param>
    /// <param name="author">Slot of an actor all of whose operations are in the past, whatever the graph has of them; -1 for none.</param>
    /// <param name="row">The first row of the graph that is not in the op set.</param>
    public static CausalPast Of(ChangeGraph graph, ReadOnlySpan<ChangeHash> heads, ActorTable actors, int author = -1, int row = int.MaxValue)
    {
        if (row < graph.Count ? graph.CoversAllBefore(row) : graph.CoversAll(heads)) return Everything;
        List<int> rows = [];
        graph.CollectNotCoveredBy(heads, rows, end: row);
        uint[] first = new uint[actors.Count];
        first.AsSpan().Fill(uint.MaxValue);
        Span<bool> found = new bool[graph.ActorCount];
        foreach (int outside in rows)
        {
            // An actor's changes follow each other, so all after the first outside are outside.
            int actor = graph.ActorOf(outside);
            if (found[actor]) continue;
            found[actor] = true;
            int slot = actors.Find(graph.ActorAt(actor));
            if (slot >= 0) first[slot] = graph.StartOpOf(outside);
        }

        if (author >= 0) first[author] = uint.MaxValue;
        return new CausalPast(first);
    }

    public bool Covers(LocalId id) => _firstOutside is not { } first || id.Actor >= first.Length || id.Counter < first[id.Actor];
}
