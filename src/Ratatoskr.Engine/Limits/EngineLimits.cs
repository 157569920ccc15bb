using Automerge.Changes;
using Automerge.Documents;

namespace Ratatoskr.Engine.Limits;

/// <summary>Whether changes are only taken whose operations fit their document (format §10, rule 4): objects, elements and predecessors exist, in their authors' past.</summary>
public enum ValidationMode : byte
{
    /// <summary>They are refused, before anything is stored, acknowledged or passed on.</summary>
    Enforce,

    /// <summary>They are taken, logged and counted: to see what would be refused. A document with such a change may load nowhere any more.</summary>
    Observe,
}

/// <summary>Every bound of the engine. Exceeding one has a consequence stated here; none grows memory.</summary>
public sealed record EngineLimits
{
    // 64 MiB, the least budget that can be set.
    private const long OperationsBytesAlways = 64L << 20;

    /// <summary>
    /// Memory for loaded documents, all shards together; idle ones are let go beyond it. What is kept of peers has a budget of the same size:
    /// beyond it no further document is opened, and a peer whose own state passes it is closed with 1013.
    /// </summary>
    public long MemoryBudgetBytes { get; init; } = 512L << 20;

    /// <summary>Largest message of an established peer: a whole document is one frame.</summary>
    public int MessageBytesMax { get; init; } = 100 << 20;

    /// <summary>Largest message before the hello: a join with long ids fits a hundred times.</summary>
    public int HelloBytesMax { get; init; } = 64 << 10;

    /// <summary>Bytes taken before the hello, all messages together; more close with 1008.</summary>
    public long HelloBytesTotalMax { get; init; } = 256 << 10;

    /// <summary>Frames that are no messages, of one connection, where there is no limit by address; the next closes with 1007.</summary>
    public int UndecodableFramesMax { get; init; } = 8;

    /// <summary>How long the holder of a peer id may leave a ping unanswered before an anonymous newcomer gets the id, in ms.</summary>
    public int TakeoverSilenceMs { get; init; } = 2_000;

    /// <summary>Bad frames taken before a hello; the next closes with 1008.</summary>
    public int BadFramesBeforeHelloMax { get; init; } = 8;

    /// <summary>Bytes waiting in one shard's mailbox; senders are not read from until it is below.</summary>
    public long MailboxBytesMax { get; init; } = 64L << 20;

    /// <summary>Bytes waiting for one document (being loaded or verified); the sender that passes it is closed with 1013.</summary>
    public long DocumentWaitingBytesMax { get; init; } = 256L << 20;

    /// <summary>Changes above this are verified on a worker: 64 KiB cost about 0.5 ms inline.</summary>
    public int InlineChangesBytesMax { get; init; } = 64 << 10;

    /// <summary>Operations above this, in one message, are taken on a worker, however few bytes they have: 4,096 cost some milliseconds, and 200 bytes can say a million.</summary>
    public int InlineOperationsMax { get; init; } = 4096;

    /// <summary>What one compressed change may inflate to; less where <see cref="MemoryBudgetBytes"/> is small.</summary>
    public int InflatedBytesMax { get; init; } = 64 << 20;

    /// <summary>The same, as it applies: a kilobyte can say a megabyte, and while it is looked at it is there three times.</summary>
    public int IncomingInflatedBytesMax => (int)Math.Min(InflatedBytesMax, OperationsBytesMax / 8);

    /// <summary>Bounds of a document chunk that a peer sends: those of <see cref="Document"/>, but what is inflated at a time fits <see cref="MemoryBudgetBytes"/>.</summary>
    public DocumentLimits IncomingDocument => Document with
    {
        MaxColumnBytes = (int)Math.Min(Document.MaxColumnBytes, OperationsBytesMax / 4),
        MaxInflatedBytes = (int)Math.Min(Document.MaxInflatedBytes, OperationsBytesMax / 2),
    };

    /// <summary>Bounds of a single change.</summary>
    public ChangeLimits Change { get; init; } = ChangeLimits.Default;

    /// <summary>Bounds of a document chunk; its rows are also what a document may grow to by changes. Beyond them it cannot be written.</summary>
    public DocumentLimits Document { get; init; } = DocumentLimits.Default;

    /// <summary>What happens to changes whose operations do not fit their document.</summary>
    public ValidationMode Validation { get; init; }

    /// <summary>Memory of one document's op set; beyond it the document cannot be written. All there is for documents: rows alone could take more.</summary>
    public long OperationsBytesMax => Math.Max(OperationsBytesAlways, MemoryBudgetBytes);

    /// <summary>A document's op set leaves memory when the document has not been written for this long, in ms, even within the budget.</summary>
    public int IdleOperationsMs { get; init; } = 60_000;

    /// <summary>Changes waiting for their dependencies, per document; further ones are dropped and asked for again.</summary>
    public int QueueChangesMax { get; init; } = 10_000;

    /// <summary>Bytes of changes waiting for their dependencies, per document.</summary>
    public long QueueBytesMax { get; init; } = 16L << 20;

    /// <summary>
    /// Bytes of changes waiting for their dependencies that one session may bring at once, per shard; further ones are dropped and asked for again. Small things that live for long are what
    /// the garbage collector stops everybody for.
    /// </summary>
    public long QueueBytesPerSession { get; init; } = 4L << 20;

    /// <summary>After so long, in ms, a session may bring as many again.</summary>
    public long QueueRefillMs { get; init; } = 16_000;

    /// <summary>Longest text of a document id; 27 or 28 bytes are usual, and the store keeps lengths in one byte.</summary>
    public int DocumentIdBytesMax { get; init; } = byte.MaxValue;

    /// <summary>Documents one session may have open; beyond it the next is answered as unavailable.</summary>
    public int DocumentsPerSessionMax { get; init; } = 100_000;

    /// <summary>Storage ids one session may follow by remote-heads gossip; further ones are ignored.</summary>
    public int RemoteSubscriptionsPerSessionMax { get; init; } = 1_000;

    /// <summary>Storage ids whose heads are remembered per document; further ones are passed on but not remembered.</summary>
    public int RemoteHeadsPerDocumentMax { get; init; } = 256;

    /// <summary>Heads of one store that are passed on; a document with more is not gossiped about.</summary>
    public int RemoteHeadsMax { get; init; } = 64;

    /// <summary>News of heads from further in the future than this, in ms, are dropped.</summary>
    public long RemoteHeadsClockSkewMs { get; init; } = 5 * 60_000;

    /// <summary>How long a request for an unknown document waits for a peer that said it has it, in ms.</summary>
    public int ProviderTimeoutMs { get; init; } = 10_000;

    /// <summary>A tail with more changes than this is folded into the snapshot; their number is what a cold load costs.</summary>
    public int TailChangesMax { get; init; } = 1_000;

    /// <summary>A tail of more bytes than this, and than the snapshot, is folded into it.</summary>
    public int TailBytesMin { get; init; } = 64 << 10;

    /// <summary>When nobody has written for this long, in ms, tails are folded that are a sixteenth as long.</summary>
    public int QuietBeforeCompactionMs { get; init; } = 5_000;

    /// <summary>Folded changes whose bytes are kept in memory, for peers that lack only them: at most this many bytes.</summary>
    public int RecentBytesMax { get; init; } = 32 << 10;

    /// <summary>After a compaction that failed the document is left alone for this long, in ms, then twice as long, up to 64 times.</summary>
    public int CompactionRetryMs { get; init; } = 5 * 60_000;

    /// <summary>Whole documents and resets sent at once to one peer for one document; further ones wait a second each.</summary>
    public int WholeDocumentBurst { get; init; } = 8;

    /// <summary>Documents that are not there, or not for it, that a session may ask a shard for within a second; then it is not read from until the next.</summary>
    public int AbsentDocumentsPerSecond { get; init; } = 1_000;

    /// <summary>The same of all sessions together; beyond it those wait that have asked for more than their share.</summary>
    public int AbsentDocumentsPerSecondOfAll { get; init; } = 4_000;

    /// <summary>A session's share of that is no less than so many, however many sessions there are.</summary>
    public int AbsentDocumentsShareMin { get; init; } = 16;

    /// <summary>
    /// Refused messages that were large or that a worker has looked at, which a session may send a shard within a second; then it is not read from until the next. An honest peer is refused once for a document.
    /// </summary>
    public int LargeRefusalsPerSecond { get; init; } = 8;

    /// <summary>The same of all sessions together; beyond it those wait that have sent more than their share.</summary>
    public int LargeRefusalsPerSecondOfAll { get; init; } = 32;

    /// <summary>A session's share of that is no less than so many, however many sessions there are.</summary>
    public int LargeRefusalsShareMin { get; init; } = 2;

    /// <summary>Ephemeral messages kept for a slow reader; the oldest is dropped.</summary>
    public int EphemeralRingCount { get; init; } = 64;

    /// <summary>Largest ephemeral message kept for a slow reader, envelope included; larger ones it misses.</summary>
    public int EphemeralKeptBytesMax { get; init; } = 16 << 10;

    /// <summary>A document without peers leaves memory after this long, in ms, even within the budget.</summary>
    public int IdleDocumentMs { get; init; } = 60_000;
}
