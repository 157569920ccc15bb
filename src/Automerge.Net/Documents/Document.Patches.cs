using Automerge.Changes;
using Automerge.Operations;
using Automerge.Patches;

namespace Automerge.Documents;

public sealed partial class Document
{
    /// <summary>Whether changes are collected for <see cref="TakePatches"/>.</summary>
    public bool CollectsPatches => Ops.Patches is not null;

    /// <summary>Begins to collect what changes, from now on; what was collected before is forgotten.</summary>
    /// <remarks>Costs little: places are remembered, not values. After a million of them the whole document is compared instead.</remarks>
    /// <exception cref="DocumentException">A transaction is open.</exception>
    public void CollectPatches()
    {
        DemandNoTransaction();
        Ops.Patches = new PatchLog(CausalPast.Fixed(Graph, Graph.Heads, Ops.Actors));
    }

    /// <summary>Ends collecting.</summary>
    public void DropPatches() => Ops.Patches = null;

    /// <summary>
    /// The steps from what the document said when it began to collect, or when this was called last, to what it says now; goes on collecting. Own commits, others'
    /// changes, merges and loads are all in it. Costs what follows from the edits, not from the document.
    /// </summary>
    /// <param name="unit">What indexes into texts count; the document's option when null.</param>
    /// <exception cref="DocumentException">A transaction is open, or nothing is being collected.</exception>
    public IReadOnlyList<Patch> TakePatches(TextUnit? unit = null)
    {
        DemandNoTransaction();
        if (Ops.Patches is not { } log) throw new DocumentException(DocumentError.WrongState, "no patches are being collected");
        IReadOnlyList<Patch> patches = log.Patches(Ops, unit ?? _options.TextUnit);
        CollectPatches();
        return patches;
    }

    /// <summary>The steps from what the document said at some heads to what it said at others, older or newer. Walks through the document.</summary>
    /// <param name="before">Heads, in any order.</param>
    /// <param name="after">Heads, in any order.</param>
    /// <param name="unit">What indexes into texts count; the document's option when null.</param>
    /// <exception cref="DocumentException">A change is not in the document.</exception>
    public IReadOnlyList<Patch> Diff(ReadOnlySpan<ChangeHash> before, ReadOnlySpan<ChangeHash> after, TextUnit? unit = null)
    {
        DemandKnown(before);
        DemandKnown(after);
        CausalPast from = CausalPast.Fixed(Graph, before, Ops.Actors), to = CausalPast.Fixed(Graph, after, Ops.Actors);
        return new PatchMaker(Ops, from, to, unit ?? _options.TextUnit).CompareAll();
    }
}
