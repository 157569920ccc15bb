using Automerge.Changes;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Shards;

/// <summary>
/// What a shard wants done. It is told during a turn and done after it: the runner's implementation queues bytes on connections (flushed at the end of the turn)
/// and starts storage and worker calls, whose results come back as inputs; a simulation's does the same by its seed.
/// </summary>
/// <remarks>Called by the shard only, within a turn.</remarks>
internal interface IEffects
{
    void Send(PeerSession session, ReadOnlySpan<byte> envelope, SharedBuffer? body);

    void Close(PeerSession session, CloseCode code, string reason);

    /// <summary>Answered by <see cref="ShardInputKind.Loaded"/>.</summary>
    /// <param name="quarantine">Stored changes to leave out; null for none.</param>
    void Load(DocumentId id, IReadOnlySet<ChangeHash>? quarantine);

    void LoadSyncState(DocumentId id, PeerSession session);

    void SaveSyncState(DocumentId id, PeerSession session, ReadOnlyMemory<byte> state);

    /// <summary>Answered by <see cref="ShardInputKind.Appended"/> with the same number.</summary>
    void Append(ulong number, in AppendBatch batch, Fence authorisedUnder);

    /// <summary>Answered by <see cref="ShardInputKind.Appended"/>: Stored, or Fenced when it lost against another writer.</summary>
    void StoreSnapshot(ulong number, DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence authorisedUnder);

    /// <summary>Answered by <see cref="ShardInputKind.AccessAnswered"/>.</summary>
    void Decide(AccessQuestion question);

    /// <summary>Frees what the store has of a document; answered by <see cref="ShardInputKind.Deleted"/>.</summary>
    void Delete(DocumentActor document);

    /// <summary>Runs a job on a worker; answered by <see cref="ShardInputKind.Worked"/>.</summary>
    void Work(DocumentJob job);

    /// <summary>Gives a folded snapshot to the store; answered by <see cref="ShardInputKind.Compacted"/>.</summary>
    void Compact(CompactionJob job, SnapshotBody body, Fence fence);
}
