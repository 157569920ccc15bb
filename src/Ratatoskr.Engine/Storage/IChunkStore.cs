using Automerge.Changes;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Storage;

/// <summary>
/// Truth about documents: per document a snapshot (opaque document chunk and the index that describes its changes) and a tail of change chunks.
/// Called by a shard's runner, never by a document; results come back as inputs.
/// An implementation names operation, key and cause in the exceptions it throws, and never acknowledges what is not stored.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public interface IChunkStore
{
    /// <summary>Snapshot and tail as of one instant; unknown and tombstoned are different answers.</summary>
    ValueTask<StoredDocument> LoadAsync(DocumentId id, CancellationToken stop);

    /// <summary>Existence and heads of many documents, for reconnect storms: no content is read. <paramref name="into"/> is as long as <paramref name="ids"/>.</summary>
    ValueTask PeekAsync(ReadOnlyMemory<DocumentId> ids, Memory<DocumentPeek> into, CancellationToken stop);

    /// <summary>
    /// Appends to the tail, all or nothing, durable when it returns <see cref="AppendOutcome.Stored"/>; per document in call order.
    /// <paramref name="stop"/> counts only before anything was sent to the device; afterwards the answer is Stored, Fenced or Unknown.
    /// Repeating an append whose outcome was Unknown is harmless: readers tell changes apart by hash.
    /// </summary>
    ValueTask<AppendOutcome> AppendAsync(AppendBatch batch, Fence authorisedUnder, CancellationToken stop);

    /// <summary>
    /// Atomically replaces the snapshot and removes the tail entries of <paramref name="folded"/>, durable when it returns true.
    /// false, with nothing changed: <paramref name="read"/> is not the current version, or the fence is not in force.
    /// </summary>
    ValueTask<bool> CompactAsync(DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence, CancellationToken stop);

    /// <summary>Frees a document's content and leaves a tombstone, durable when it returns true. false: the fence is not in force.</summary>
    ValueTask<bool> DeleteAsync(DocumentId id, Fence fence, CancellationToken stop);

    /// <summary>Every append and compaction not visible when <paramref name="since"/> was taken; may repeat, never skips. Ends at the present.</summary>
    IAsyncEnumerable<StoreDelta> ReadSinceAsync(StoreCursor since, CancellationToken stop);

    /// <summary>A cursor at the present.</summary>
    StoreCursor Now { get; }

    /// <summary>
    /// What a persistent peer is known to share of a document (an encoded sync state), or empty. Advisory: a lost or stale state heals by the protocol's reset.
    /// </summary>
    ValueTask<ReadOnlyMemory<byte>> LoadSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, CancellationToken stop);

    /// <summary>Keeps a sync state, durable at some later commit. Bounded: the store may drop the states least recently saved.</summary>
    ValueTask SaveSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state, CancellationToken stop);
}

/// <summary>What the store knows of an id.</summary>
public enum StoredPresence : byte
{
    /// <summary>Never stored.</summary>
    Unknown,

    /// <summary>Has a snapshot, a tail or both.</summary>
    Present,

    /// <summary>Was deleted.</summary>
    Tombstoned,
}

/// <summary>A document as stored at one instant.</summary>
/// <param name="Presence">Whether there is anything.</param>
/// <param name="Version">Names the snapshot for <see cref="IChunkStore.CompactAsync"/>; <see cref="SnapshotVersion.None"/> while there is none.</param>
/// <param name="Snapshot">The document chunk, empty when there is none.</param>
/// <param name="Tail">Appends since, oldest first.</param>
public sealed record StoredDocument(StoredPresence Presence, SnapshotVersion Version, SnapshotBody Snapshot, IReadOnlyList<TailEntry> Tail)
{
    public static readonly StoredDocument Unknown = new(StoredPresence.Unknown, SnapshotVersion.None, SnapshotBody.Empty, []);

    public static readonly StoredDocument Tombstoned = Unknown with { Presence = StoredPresence.Tombstoned };
}

/// <summary>Existence and heads, without content.</summary>
/// <param name="Heads">As given with the last append or compaction.</param>
public readonly record struct DocumentPeek(StoredPresence Presence, ReadOnlyMemory<ChangeHash> Heads);

/// <summary>One append: concatenated change chunks, each self-delimiting.</summary>
/// <param name="Sequence">Its place in the document's order of appends, from 1; never used again.</param>
public readonly record struct TailEntry(ulong Sequence, ReadOnlyMemory<byte> Chunks);

/// <summary>The tail entries up to and including <paramref name="LastSequence"/>; 0 is none.</summary>
public readonly record struct TailRange(ulong LastSequence);

/// <summary>A snapshot's identity within its document; grows by one with each compaction.</summary>
public readonly record struct SnapshotVersion(ulong Value)
{
    public static readonly SnapshotVersion None;
}

/// <summary>
/// What a compaction stores: the document chunk, the change index that spares re-reading it (the change graph's own serialisation), and the heads of the whole document.
/// </summary>
public sealed record SnapshotBody(ReadOnlyMemory<byte> Chunk, ReadOnlyMemory<byte> Index, ReadOnlyMemory<ChangeHash> Heads)
{
    public static readonly SnapshotBody Empty = new(default, default, default);
}

/// <summary>What an append stores.</summary>
/// <param name="Chunks">Concatenated change chunks. The memory must stay untouched until the append has returned.</param>
/// <param name="Heads">The document's heads after it, as the caller sees them.</param>
public readonly record struct AppendBatch(DocumentId Id, ReadOnlyMemory<byte> Chunks, ReadOnlyMemory<ChangeHash> Heads);

public enum AppendOutcome : byte
{
    /// <summary>On disk.</summary>
    Stored,

    /// <summary>Nothing was stored: the access decision is out of date. Authorise again; never send again under the new fence.</summary>
    Fenced,

    /// <summary>May or may not be stored. Repeat it.</summary>
    Unknown,
}

/// <summary>The state of the control log an access decision was made under.</summary>
/// <param name="Epoch">Grows when a node loses its lease; 1 for ever in the embedded store.</param>
/// <param name="Control">The last control change that was applied.</param>
public readonly record struct Fence(ulong Epoch, ulong Control);

/// <summary>A place in the store's history.</summary>
public readonly record struct StoreCursor(ulong Position);

/// <summary>Something happened to a document after a cursor.</summary>
public readonly record struct StoreDelta(DocumentId Id, StoreDeltaKind Kind, ulong Sequence, ReadOnlyMemory<byte> Chunks, StoreCursor Position);

public enum StoreDeltaKind : byte
{
    /// <summary><see cref="StoreDelta.Chunks"/> joined the tail; or, when empty, was folded since: load the document.</summary>
    Appended,

    /// <summary>The snapshot was replaced.</summary>
    Compacted,

    /// <summary>The document was deleted.</summary>
    Deleted,
}
