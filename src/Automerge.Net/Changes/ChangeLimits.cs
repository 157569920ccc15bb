namespace Automerge.Changes;

/// <summary>What a single change may claim before it is looked at row by row.</summary>
public sealed record ChangeLimits
{
    /// <summary>The defaults.</summary>
    public static ChangeLimits Default { get; } = new();

    /// <summary>Operations, and likewise predecessors, of one change. 16 Mi: a pasted book has 1.2 M, the largest imported history 9.4 M.</summary>
    public int MaxOps { get; init; } = 16 << 20;

    /// <summary>Bytes of an actor id; 16 is usual, Automerge itself has no limit.</summary>
    public int MaxActorBytes { get; init; } = 64;

    /// <summary>Dependencies of one change: heads that its author had merged.</summary>
    public int MaxDeps { get; init; } = 1 << 16;

    /// <summary>Actors other than the author that the operations name.</summary>
    public int MaxOtherActors { get; init; } = 1 << 16;
}
