namespace Ratatoskr.Engine.Documents;

/// <summary>What became of a change that this process has brought to a document.</summary>
public enum SubmissionResult : byte
{
    /// <summary>It is on disk, and on its way to the document's other peers.</summary>
    Stored,

    /// <summary>Nothing has happened: the document has other heads than it was made for.</summary>
    Moved,

    /// <summary>Nothing has happened: <see cref="Submission.Error"/> says why.</summary>
    Refused,

    /// <summary>Nothing is known to have happened: the document cannot be had at the moment.</summary>
    Unavailable,

    /// <summary>It got lost with the content it was meant for. Never told outside the engine.</summary>
    NotHeard,
}

/// <summary>What became of a change that this process has brought to a document.</summary>
/// <param name="Result">Stored or not.</param>
/// <param name="Error">A code that peers know, when it was refused.</param>
/// <param name="Message">Why it was refused, for people.</param>
/// <param name="Quota">Which quota it would exceed; empty when none.</param>
/// <param name="Current">How much of that is used.</param>
/// <param name="Limit">How much there may be.</param>
/// <param name="RetryAfterSeconds">When there were too many, after how long it may be tried again.</param>
public sealed record Submission(
    SubmissionResult Result, string Error = "", string Message = "", string Quota = "", long Current = 0, long Limit = 0, long RetryAfterSeconds = 0);
