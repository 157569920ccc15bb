namespace Automerge.Changes;

/// <summary>The kind of thing that is wrong with a change.</summary>
public enum ChangeFault
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Not a change chunk, or cut short.</summary>
    Chunk,

    /// <summary>The checksum is not the beginning of the hash.</summary>
    Checksum,

    /// <summary>The header does not parse or holds impossible numbers.</summary>
    Header,

    /// <summary>The change claims more than <see cref="ChangeLimits"/> allow.</summary>
    Limit,

    /// <summary>A column is damaged.</summary>
    Column,

    /// <summary>Readable, but not the one form an engine would write: a rewrite would have another hash.</summary>
    NotCanonical,

    /// <summary>An operation that no document could hold.</summary>
    Shape,

    /// <summary>An operation that does not fit the document: what it names is not there, or not of the kind needed.</summary>
    Reference,
}

/// <summary>What <see cref="ChangeVerifier"/> found.</summary>
/// <param name="Fault">The kind of fault, or none.</param>
/// <param name="What">What exactly was wrong, for logs; a constant text.</param>
public readonly record struct ChangeVerdict(ChangeFault Fault, string What)
{
    /// <summary>Nothing is wrong.</summary>
    public static ChangeVerdict Ok => new(ChangeFault.None, "ok");

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsOk => Fault == ChangeFault.None;

    /// <inheritdoc/>
    public override string ToString() => IsOk ? "ok" : $"{Fault}: {What}";
}
