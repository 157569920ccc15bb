namespace Automerge.Changes;

/// <summary>What <see cref="ChangeGraph"/> says to a change. Everything but <see cref="Added"/> leaves the graph as it was.</summary>
public enum GraphVerdict : byte
{
    /// <summary>The change is now the last row.</summary>
    Added,

    /// <summary>The graph holds this hash already.</summary>
    Duplicate,

    /// <summary>A dependency is not in the graph yet: the change belongs in a <see cref="ChangeQueue"/>.</summary>
    MissingDeps,

    /// <summary>The actor already has another change with this sequence number (or the number is 0).</summary>
    DuplicateSeq,

    /// <summary>The sequence number is not the actor's last plus one. Automerge 3.5.0 panics on such a change.</summary>
    SeqGap,

    /// <summary>The actor's previous change is not in the past of this one: two writers use one actor id.</summary>
    PreviousNotAncestor,

    /// <summary>An operation id would not be greater than all ids in the change's past: no save of the document could be loaded again.</summary>
    StartOpNotAfterDeps,

    /// <summary>The first operation counter lies too far ahead: Automerge allocates for every counter in between when it loads.</summary>
    GapTooLarge,

    /// <summary>A counter is 0 or an operation id passes 2^32 - 1.</summary>
    CounterOutOfRange,

    /// <summary>The same dependency is named twice; no writer does that.</summary>
    DuplicateDep,

    /// <summary>More dependencies than <see cref="ChangeGraphLimits.DepsMax"/>.</summary>
    TooManyDeps,

    /// <summary>The document would have more heads than <see cref="ChangeGraphLimits.HeadsMax"/>.</summary>
    TooManyHeads,

    /// <summary>
    /// A change without operations does not say the counter that follows those of its dependencies: Automerge 3.5.0 takes it in, and misses operations when it loads its
    /// own save.
    /// </summary>
    EmptyAfterGap,
}

/// <summary>Bounds that keep one document from costing without limit.</summary>
/// <remarks>Immutable; one instance serves all graphs.</remarks>
public sealed record ChangeGraphLimits
{
    /// <summary>The defaults.</summary>
    public static ChangeGraphLimits Default { get; } = new();

    /// <summary>
    /// How far a first operation counter may lie beyond the document's greatest one. Automerge 3.5.0 allocates about 100 bytes
    /// for each counter left out, so a million costs a loading client 100 MB at worst.
    /// </summary>
    public uint StartOpSlack { get; init; } = 1_000_000;

    /// <summary>Heads of a document, 32 bytes each in every sync message. At most 65,535.</summary>
    public int HeadsMax { get; init; } = 4096;

    /// <summary>Dependencies of one change. Not less than <see cref="HeadsMax"/>, or a document full of heads could never be merged.</summary>
    public int DepsMax { get; init; } = 4096;
}
