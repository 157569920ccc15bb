namespace Ratatoskr.Engine.Documents;

/// <summary>What became of a change that was offered to a document.</summary>
internal enum AcceptOutcome : byte
{
    /// <summary>It is in the graph, the op set and the tail.</summary>
    Taken,

    /// <summary>It was there already.</summary>
    Duplicate,

    /// <summary>It waits for its dependencies.</summary>
    Queued,

    /// <summary>It would wait, but too much does already: it was dropped, and is asked for again.</summary>
    QueueFull,

    /// <summary>Nothing has happened: to judge it the op set is needed, which is not in memory.</summary>
    NeedsOperations,

    /// <summary>It would spoil the document.</summary>
    Refused,

    /// <summary>The document would be too large with it, or is already.</summary>
    TooLarge,

    /// <summary>What is stored of the document is damaged, so that nothing can be judged against it.</summary>
    Damaged,
}

/// <param name="Outcome">What became of it.</param>
/// <param name="Why">Why it was refused, or would have been if validation only observed.</param>
/// <param name="Freed">Changes came out of the queue because of it.</param>
internal readonly record struct Acceptance(AcceptOutcome Outcome, string? Why = null, bool Freed = false);
