using Automerge.Columns;

namespace Automerge.Changes;

/// <summary>
/// The operations of one change as columns, whoever holds them: the encoder asks for one column at a time. Actors are
/// indexes into the change's own list (0 = author); null is <see cref="IntegerColumnReader.Null"/>.
/// </summary>
internal interface IChangeOps
{
    int Count { get; }

    /// <summary>Predecessors of all operations together.</summary>
    int PredecessorCount { get; }

    /// <summary>Fills a numeric column of <see cref="Count"/> rows.</summary>
    void CopyNumbers(OpColumn column, Span<long> rows);

    /// <summary>Fills a flag column; false: no row is true, nothing was filled.</summary>
    bool CopyFlags(OpColumn column, Span<bool> rows);

    /// <summary>Fills the two predecessor columns of <see cref="PredecessorCount"/> rows.</summary>
    void CopyPredecessors(Span<long> actors, Span<long> counters);

    /// <summary>A string of the key or mark name column; false: null.</summary>
    bool TryGetString(OpColumn column, int row, out ReadOnlySpan<byte> value);

    /// <summary>Whether any row has a mark name.</summary>
    bool HasMarkNames { get; }

    /// <summary>Appends the bytes of all values.</summary>
    void WriteValues(PooledBuffer output);
}

/// <summary>Columns an <see cref="IChangeOps"/> can fill.</summary>
internal enum OpColumn
{
    ObjectActor,
    ObjectCounter,
    KeyActor,
    KeyCounter,
    KeyString,
    Insert,
    Action,
    ValueMetadata,
    PredecessorCount,
    Expand,
    MarkName,
}
