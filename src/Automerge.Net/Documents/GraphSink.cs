using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>
/// Fills a graph, and a log, with the changes of a document; and holds the document's operations against it: they may only name what their authors had (format §10,
/// rule 4), or no replica could take their changes in by themselves.
/// </summary>
/// <remarks>One owner, one thread.</remarks>
internal sealed class GraphSink(ChangeGraph graph, ChangeLog? log) : IDocumentSink
{
    // 64 MB: what a chunk gets on its word alone.
    private const int ReservedMax = 1 << 20;

    // 12 KiB: pairs of actors, an author and one whose operations he names. Of those a document has few at a time.
    private const int ProvenMax = 1024;

    private int[] _actors = [];
    private Proven[] _proven = [];

    public void Begin(IReadOnlyList<ActorId> actors, int changeCount)
    {
        _actors = new int[actors.Count];
        for (int i = 0; i < _actors.Length; i++) _actors[i] = graph.InternActor(actors[i].Bytes);
        graph.Reserve(Math.Min(changeCount, ReservedMax));
        log?.Reserve(Math.Min(changeCount, ReservedMax));
    }

    public bool WantsBytes(int row) => false;

    public void Change(int row, int actor, in ChangeHeader header, ReadOnlySpan<int> depRows, ReadOnlySpan<byte> bytes)
    {
        GraphVerdict verdict = graph.AddTrusted(header.Hash, depRows, _actors[actor], header.Seq, header.StartOp, header.MaxOp);
        if (verdict != GraphVerdict.Added) DocumentFault.Throw($"change {header.Hash} refused: {verdict}");
        log?.Add(header);
    }

    /// <summary>Whether the change added last has an operation of another actor in its past, and with it that actor's operations before.</summary>
    /// <param name="row">The change's.</param>
    /// <param name="author">Its author.</param>
    /// <param name="actor">Whose operation it is.</param>
    /// <param name="counter">The operation's.</param>
    /// <param name="changes">The document's, where the operation is in.</param>
    /// <remarks>
    /// Free where changes have all there was before them. Else the graph is searched, as it is for the author's previous change; but not again for what an earlier change of
    /// his was found to have: between branches that stay apart he names the same old elements over and over.
    /// </remarks>
    public bool HasInPast(int row, int author, int actor, uint counter, ChangeTable changes)
    {
        int tip = graph.TipOf(_actors[actor]);
        if (tip < 0 || graph.MaxOpOf(tip) < counter) return false;
        if (graph.Heads.Length == 1) return true;

        if (_proven.Length == 0) _proven = new Proven[ProvenMax];
        ref Proven proven = ref _proven[(author * 31 + actor) & (ProvenMax - 1)];
        if (proven.Author == author && proven.Actor == actor && counter <= proven.Counter) return true;
        int named = changes.RowOf(actor, counter);
        if (!graph.IsAncestor(named, row)) return false;
        proven = new Proven(author, actor, changes.MaxOp(named));
        return true;
    }

    // Counter of an operation that a change of the author had: so had all his later ones. The default says nothing: no operation has counter 0.
    private readonly record struct Proven(int Author, int Actor, uint Counter);
}
