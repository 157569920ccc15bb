using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Shards;

internal enum ShardInputKind : byte
{
    /// <summary>A document message of an established peer: Session, Payload, Message.</summary>
    Message,

    /// <summary>A session subscribes to, or leaves, other peers' heads: Session, Payload, Message.</summary>
    RemoteSubscription,

    /// <summary>The session is gone: Session.</summary>
    SessionClosed,

    /// <summary>The session's socket has room again: Session.</summary>
    Drained,

    /// <summary>A load ended: Document, Result is DocumentContent, or Error.</summary>
    Loaded,

    /// <summary>A sync state of a persistent peer was read: Document, Session, Result is byte[], or Error.</summary>
    SyncStateLoaded,

    /// <summary>An append or snapshot write ended: Document, Number, Outcome, or Error.</summary>
    Appended,

    /// <summary>A worker has run a job: Result is DocumentJob.</summary>
    Worked,

    /// <summary>A compaction was stored, or lost: Document, Result is CompactionJob, Outcome is Stored, Fenced or Unknown, or Error.</summary>
    Compacted,

    /// <summary>An access question was answered: Result is AccessQuestion.</summary>
    AccessAnswered,

    /// <summary>A session has shown another credential: Session.</summary>
    SessionRenewed,

    /// <summary>Messages of a session were dropped because there were too many: Session. Its documents are asked for again.</summary>
    MessagesDropped,

    /// <summary>A document is to be deleted: Document, Result is Deletion.</summary>
    Delete,

    /// <summary>The store has deleted a document: Result is DocumentActor, Outcome is Stored or Fenced, or Error.</summary>
    Deleted,

    /// <summary>Access, existence or revocation changed: Result is ControlChange, Number is its place.</summary>
    ControlChanged,

    /// <summary>This node may no longer write.</summary>
    LeaseLost,

    /// <summary>This node may write again; decisions are made anew.</summary>
    Rejoined,

    /// <summary>Stored chunks of another node: Document, Payload.</summary>
    ForeignChunks,

    /// <summary>An ephemeral message of another node: Document, Payload (the whole message).</summary>
    ForeignEphemeral,

    /// <summary>Something of another node was lost: every document is read again when it is next needed.</summary>
    FeedGap,

    /// <summary>Another node has replaced a snapshot: Document is read again.</summary>
    SnapshotMoved,

    /// <summary>Time has passed.</summary>
    Tick,
}

/// <summary>What a shard is told. Which fields mean something, its kind says. The shard takes over one reference to <see cref="Payload"/>.</summary>
internal struct ShardInput
{
    public ShardInputKind Kind;
    public AppendOutcome Outcome;
    public PeerSession? Session;
    public SharedBuffer? Payload;
    public RepoMessage Message;
    public DocumentId Document;
    public ulong Number;
    public object? Result;
    public Exception? Error;

    public readonly int Bytes => Payload?.Length ?? 0;
}
