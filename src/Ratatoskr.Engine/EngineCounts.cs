namespace Ratatoskr.Engine;

/// <summary>Why a session is not read from until the next second.</summary>
internal enum SessionHalt : byte
{
    /// <summary>It asked for too many documents that are not there, or not for it.</summary>
    AbsentDocuments,

    /// <summary>Too many large messages of it were refused.</summary>
    LargeRefusals,
}

/// <summary>Why a hello was refused, or a session ended by us.</summary>
internal enum SessionRefusal : byte
{
    /// <summary>A token that is not valid.</summary>
    InvalidToken,

    /// <summary>Neither a token nor the wish to be nobody.</summary>
    MissingCredentials,

    /// <summary>Any other answer of the authenticator.</summary>
    NotAllowed,

    RateLimited,
    UnsupportedProtocol,
    PeerIdInUse,

    /// <summary>A token in the address.</summary>
    TokenInAddress,

    /// <summary>Established before; its credential has ended or was revoked.</summary>
    Revoked,

    /// <summary>Established before; a newer connection of the same peer has taken its place.</summary>
    Replaced,
}

/// <summary>Why a message had no effect.</summary>
internal enum MessageDrop : byte
{
    /// <summary>No message at all.</summary>
    Undecodable,

    /// <summary>A message that breaks a rule of its type, or of the hello.</summary>
    Malformed,

    /// <summary>From somebody else than the connection's peer.</summary>
    ForeignSender,

    /// <summary>Of a type that is not ours to take.</summary>
    UnknownType,

    /// <summary>An ephemeral message that was there already.</summary>
    Duplicate,

    /// <summary>Too many messages or bytes; its documents are asked for later.</summary>
    RateLimited,

    /// <summary>A sync message that cannot be read.</summary>
    InvalidSync,

    /// <summary>For a document that this session has not opened.</summary>
    NotOpen,

    /// <summary>Changes of a peer that may not write, or was refused before.</summary>
    ReadOnly,

    /// <summary>Too much waits for the document; the connection is closed.</summary>
    DocumentBusy,
}

/// <summary>Why changes were not taken into a document.</summary>
internal enum ChangeRefusal : byte
{
    /// <summary>They would spoil the document for its readers, or cannot be read.</summary>
    Invalid,

    /// <summary>The document would have too many operations.</summary>
    TooLarge,

    /// <summary>What is stored of the document is damaged.</summary>
    Damaged,

    /// <summary>A quota of its owner.</summary>
    OverQuota,

    /// <summary>What was taken before cannot be stored: a peer that brings more is told so, once until it can.</summary>
    Unstored,

    /// <summary>Their dependencies are missing, and too much waits already: dropped, and asked for again.</summary>
    QueueFull,
}

/// <summary>Why a document was not opened for a session, or not served.</summary>
internal enum DocumentRefusal : byte
{
    /// <summary>Its id is not base58check, or too long.</summary>
    InvalidId,

    /// <summary>The session has too many open.</summary>
    TooMany,

    /// <summary>What is kept of all peers takes its whole share of the budget.</summary>
    Memory,

    /// <summary>The peer may not read it.</summary>
    Denied,

    /// <summary>It is not registered.</summary>
    NotRegistered,

    /// <summary>Nobody knows whether the peer may.</summary>
    Undecided,
}

/// <summary>What was forgotten or not passed on because there was too much of it, or it was too late.</summary>
internal enum HintDrop : byte
{
    /// <summary>An ephemeral message too large to keep for a slow reader.</summary>
    EphemeralTooLarge,

    /// <summary>The oldest ephemeral message kept for a slow reader.</summary>
    EphemeralOldest,

    /// <summary>A store has too many heads to gossip about.</summary>
    HeadsTooMany,

    /// <summary>News from too far in the future.</summary>
    HeadsFromFuture,

    /// <summary>A session follows too many stores.</summary>
    SubscriptionsTooMany,

    /// <summary>Heads for a slow reader.</summary>
    HeadsForSlowReader,

    /// <summary>Heads of one store more than a document remembers: passed on, not kept.</summary>
    HeadsNotKept,
}

/// <summary>Calls to the store.</summary>
internal enum StoreCall : byte
{
    Load,
    Append,
    Snapshot,
    Compact,
    Delete,
    LoadSyncState,
    SaveSyncState,
    RecordSizes,
    Decide,
}

/// <summary>Messages that documents send, by type.</summary>
internal enum SentMessage : byte
{
    Sync,
    Unavailable,
    Ephemeral,
    RemoteHeads,
    Error,
}

/// <summary>What takes memory.</summary>
internal enum MemoryUse : byte
{
    /// <summary>Documents: graphs, snapshots, tails, op sets.</summary>
    Documents,

    /// <summary>What is kept of peers' views of documents.</summary>
    Links,

    /// <summary>Messages in mailboxes.</summary>
    Mailboxes,

    /// <summary>Messages that wait for a document, or are at a worker.</summary>
    Waiting,

    /// <summary>Promised to jobs of workers.</summary>
    Workers,
}

/// <summary>Jobs of workers.</summary>
internal enum WorkerJobs : byte
{
    /// <summary>Peers wait for them.</summary>
    Urgent,

    /// <summary>Nobody waits for them.</summary>
    Background,
}
