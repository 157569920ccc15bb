namespace Ratatoskr.Simulation.Tests.Plans;

/// <summary>What happens next. Whatever it needs and is not there, it does not happen: any step can be left out of a plan.</summary>
internal enum StepKind : byte
{
    // Peers and their connections

    /// <summary>Opens a connection and says hello.</summary>
    Join,

    /// <summary>Goes, and the server notices at once.</summary>
    Leave,

    /// <summary>The network is cut: the server has yet to notice.</summary>
    Cut,

    /// <summary>The server notices a cut connection.</summary>
    Notice,

    /// <summary>One message of the peer reaches the server.</summary>
    Say,

    /// <summary>All of them do.</summary>
    SayAll,

    /// <summary>The peer takes one message of the server.</summary>
    Hear,

    /// <summary>It takes all of them.</summary>
    HearAll,

    /// <summary>Opens a document: asks for it, or offers it.</summary>
    Open,

    /// <summary>Changes a document it has open.</summary>
    Edit,

    /// <summary>Opens a document with what another program has saved.</summary>
    Import,

    /// <summary>Forgets what it knew of the server; sometimes everything it had.</summary>
    Forget,

    /// <summary>Says something to whoever has the document open.</summary>
    Ephemeral,

    /// <summary>Asks to hear of what other peers have.</summary>
    Follow,

    /// <summary>Sends what an honest client would not.</summary>
    Lie,

    /// <summary>Sends an old message once more.</summary>
    Replay,

    // Inside the server

    /// <summary>One piece of the server's work that waits for a thread gets one.</summary>
    Work,

    /// <summary>All of it does.</summary>
    WorkAll,

    /// <summary>The store writes all it was given, and answers.</summary>
    Commit,

    /// <summary>The store does one thing: writes, or does not; answers, or does not yet.</summary>
    Store,

    /// <summary>A read of the store comes back, or fails.</summary>
    Read,

    /// <summary>All reads come back.</summary>
    ReadAll,

    /// <summary>A question to the accounts is answered, or fails.</summary>
    Account,

    /// <summary>All of them are answered.</summary>
    AccountAll,

    /// <summary>Time passes.</summary>
    Wait,

    /// <summary>The process dies and starts again.</summary>
    Crash,

    // Calls of the API

    /// <summary>Registers a document.</summary>
    Register,

    /// <summary>Gives it another access list.</summary>
    Share,

    /// <summary>Makes it expire, or not.</summary>
    Expire,

    Delete,

    /// <summary>Deletes what has expired.</summary>
    Sweep,

    /// <summary>Ends a peer's credential.</summary>
    Revoke,

    /// <summary>Gives the owner another quota.</summary>
    Quota,

    /// <summary>Changes a document's content.</summary>
    Write,
}

/// <summary>One decision of a plan.</summary>
/// <param name="Peer">Who, where it is about a peer.</param>
/// <param name="Document">Which, where it is about a document.</param>
/// <param name="Choice">What the rest is drawn from, so that it stays the same when other steps go.</param>
internal readonly record struct Step(StepKind Kind, byte Peer, byte Document, uint Choice);
