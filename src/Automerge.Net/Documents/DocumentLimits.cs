namespace Automerge.Documents;

/// <summary>What a document chunk may claim; checked before memory is taken.</summary>
public sealed record DocumentLimits
{
    /// <summary>The defaults.</summary>
    public static DocumentLimits Default { get; } = new();

    /// <summary>Operation rows plus successors; likewise changes, and their dependencies together. 16 Mi; each row costs about 50 bytes while reading.</summary>
    public int MaxRows { get; init; } = 16 << 20;

    /// <summary><see cref="MaxRows"/>, but never so many that sums of a few such numbers overflow.</summary>
    internal int RowsMax => Math.Min(MaxRows, 1 << 28);

    /// <summary>Inflated bytes of one column.</summary>
    public int MaxColumnBytes { get; init; } = Format.BoundedInflate.DefaultMaxBytes;

    /// <summary>Inflated bytes of all columns together.</summary>
    public int MaxInflatedBytes { get; init; } = 256 << 20;

    /// <summary>
    /// Bytes of all changes together once they are made again, map keys counted for each operation: the work a document may
    /// cause. A chunk of kilobytes can claim terabytes (one long message, a million changes). 2 GiB; a long essay has 48 MB.
    /// </summary>
    public long MaxRebuiltBytes { get; init; } = 2L << 30;

    /// <summary>Bytes of an actor id.</summary>
    public int MaxActorBytes { get; init; } = 64;
}
