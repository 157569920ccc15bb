using Automerge.Changes;

namespace Automerge.Operations;

/// <summary>
/// Which operations a change may name: those its author had. Naming others would tie the change to what replicas that have all its dependencies may lack.
/// Also what a document showed at heads it once had.
/// </summary>
/// <remarks>Immutable; safe on any thread.</remarks>
internal sealed class CausalPast
{
    // By actor slot: counter of the last operation in the past; null when everything is.
    private readonly uint[]? _last;

    // Whether an actor that the op set got to know later has nothing in the past. Otherwise everything of his is.
    private readonly bool _isFixed;

    private CausalPast(uint[]? last, bool isFixed) => (_last, _isFixed) = (last, isFixed);

    /// <summary>Everything the op set holds.</summary>
    public static CausalPast Everything { get; } = new(null, false);

    /// <summary>No operation at all.</summary>
    public static CausalPast Nothing { get; } = new([], isFixed: true);

    public bool IsEverything => _last is null;

    /// <summary>What these changes and their pasts hold, and all that comes later.</summary>
    /// <param name="graph">The changes in the op set.</param>
    /// <param name="heads">All in the graph.</param>
    /// <param name="actors">The op set's.</param>
    /// <param name="author">Slot of an actor all of whose operations are in the past, whatever the graph has of them; -1 for none.</param>
    /// <param name="row">The first row of the graph that is not in the op set.</param>
    public static CausalPast Of(ChangeGraph graph, ReadOnlySpan<ChangeHash> heads, ActorTable actors, int author = -1, int row = int.MaxValue)
    {
        if (row < graph.Count ? graph.CoversAllBefore(row) : graph.CoversAll(heads)) return Everything;
        uint[] last = LastInside(graph, heads, actors, row);
        if (author >= 0) last[author] = uint.MaxValue;
        return new CausalPast(last, isFixed: false);
    }

    /// <summary>What these changes and their pasts hold, and nothing that comes later: a view at old heads may be kept while the document grows.</summary>
    /// <param name="graph">The changes in the op set.</param>
    /// <param name="heads">All in the graph.</param>
    /// <param name="actors">The op set's.</param>
    public static CausalPast Fixed(ChangeGraph graph, ReadOnlySpan<ChangeHash> heads, ActorTable actors)
    {
        uint[] last = LastInside(graph, heads, actors, graph.Count);
        for (int slot = 0; slot < last.Length; slot++)
        {
            int actor = graph.FindActor(actors[slot].Bytes);
            int tip = actor < 0 ? -1 : graph.TipOf(actor);
            last[slot] = Math.Min(last[slot], tip < 0 ? 0 : graph.MaxOpOf(tip));
        }

        return new CausalPast(last, isFixed: true);
    }

    public bool Covers(LocalId id) => id.Counter <= LastInside(id.Actor);

    /// <summary>Counter of an actor's last operation in the past; 0 when none is.</summary>
    public uint LastInside(int actor) => _last is not { } last || (actor >= last.Length && !_isFixed) ? uint.MaxValue : actor < last.Length ? last[actor] : 0;

    private static uint[] LastInside(ChangeGraph graph, ReadOnlySpan<ChangeHash> heads, ActorTable actors, int end)
    {
        uint[] last = new uint[actors.Count];
        last.AsSpan().Fill(uint.MaxValue);
        if (end >= graph.Count && graph.CoversAll(heads)) return last;
        List<int> rows = [];
        graph.CollectNotCoveredBy(heads, rows, end: end);
        Span<bool> found = new bool[graph.ActorCount];
        foreach (int row in rows)
        {
            // An actor's changes follow each other, so all after the first outside are outside.
            int actor = graph.ActorOf(row);
            if (found[actor]) continue;
            found[actor] = true;
            int slot = actors.Find(graph.ActorAt(actor));
            if (slot >= 0) last[slot] = graph.StartOpOf(row) - 1;
        }

        return last;
    }
}
