namespace Automerge.Documents;

/// <summary>What a document chunk may claim; checked before memory is taken.</summary>
public sealed record DocumentLimits
{
    /// <summary>The defaults.</summary>
    public static DocumentLimits Default { get; } = new();

    /// <summary>Operation rows plus successors, and likewise changes. 16 Mi; each row costs about 50 bytes while reading.</summary>
    public int MaxRows { get; init; } = 16 << 20;

    /// <summary>Inflated bytes of one column.</summary>
    public int MaxColumnBytes { get; init; } = Format.BoundedInflate.DefaultMaxBytes;

    /// <summary>Inflated bytes of all columns together.</summary>
    public int MaxInflatedBytes { get; init; } = 256 << 20;

    /// <summary>Bytes of an actor id.</summary>
    public int MaxActorBytes { get; init; } = 64;
}
