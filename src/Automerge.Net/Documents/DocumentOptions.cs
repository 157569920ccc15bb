using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>How a <see cref="Document"/> behaves, and what it may be made to hold.</summary>
/// <remarks>Immutable; one instance serves all documents.</remarks>
public sealed record DocumentOptions
{
    /// <summary>The defaults.</summary>
    public static DocumentOptions Default { get; } = new();

    /// <summary>
    /// A secret that tables of hashes are keyed with, or hashes ground to collide would make them slow. Unless given, what the framework seeds its own tables with in
    /// this process; nothing that can be seen depends on it.
    /// </summary>
    public ulong HashKey { get; init; } = ((ulong)(uint)HashCode.Combine(3) << 32) | (uint)HashCode.Combine(4);

    /// <summary>What indexes into texts count, where a call does not say it.</summary>
    public TextUnit TextUnit { get; init; } = TextUnit.Utf16;

    /// <summary>What one change from outside may claim.</summary>
    public ChangeLimits ChangeLimits { get; init; } = ChangeLimits.Default;

    /// <summary>What a document chunk may claim.</summary>
    public DocumentLimits DocumentLimits { get; init; } = DocumentLimits.Default;

    /// <summary>What all changes together may come to.</summary>
    public ChangeGraphLimits GraphLimits { get; init; } = ChangeGraphLimits.Default;

    /// <summary>Changes that may wait for others they depend on.</summary>
    public int QueuedChangesMax { get; init; } = 10_000;

    /// <summary>Bytes of memory that those may take. 64 MiB.</summary>
    public long QueuedBytesMax { get; init; } = 64L << 20;

    /// <summary>
    /// Bytes of changes that a document chunk may be split into when it arrives at a document that is not empty: a small chunk can claim very many. 512 MiB; a long
    /// essay has 48 MB.
    /// </summary>
    public long SplitBytesMax { get; init; } = 512L << 20;

    /// <summary>
    /// Bytes of encoded changes that are kept after a save; older ones are made again when asked for, which costs a pass through the document. 4 MiB.
    /// </summary>
    public long KeptChangeBytes { get; init; } = 4L << 20;
}

/// <summary>What a change says about itself beside its operations.</summary>
/// <param name="Time">When it was made, in seconds since 1970 by convention. Nothing depends on it.</param>
/// <param name="Message">Why it was made; null or empty for none.</param>
public readonly record struct CommitOptions(long Time = 0, string? Message = null);
