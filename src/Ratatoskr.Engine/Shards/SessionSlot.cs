using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Ephemeral;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Shards;

/// <summary>What one shard keeps of one session.</summary>
/// <remarks>Owned by the shard.</remarks>
internal sealed class SessionSlot
{
    private long _queueRoom;
    private Timestamp _queueRoomAt;

    public SessionSlot() => LinksByText = Links.GetAlternateLookup<ReadOnlySpan<byte>>();

    public Dictionary<DocumentId, PeerLink> Links { get; } = new(DocumentId.Comparer.Instance);

    /// <summary>The same, asked with a frame's bytes.</summary>
    public Dictionary<DocumentId, PeerLink>.AlternateLookup<ReadOnlySpan<byte>> LinksByText { get; }

    /// <summary>What the shard was charged for the links.</summary>
    public long LinkBytes { get; set; }

    /// <summary>Storage ids whose heads the session wants to hear of; null for none.</summary>
    public HashSet<StorageId>? Follows { get; set; }

    /// <summary>Documents that the session was told are not there, or not for it, within a second.</summary>
    public CountOfSecond Absent { get; } = new();

    /// <summary>Large messages of the session that were refused within a second.</summary>
    public CountOfSecond LargeRefusals { get; } = new();

    /// <summary>In the runner's list of connections to flush at the end of the turn.</summary>
    public bool Touched { get; set; }

    /// <summary>Ephemeral messages that its full socket could not take yet; null for none.</summary>
    public Queue<KeptEphemeral>? KeptEphemerals { get; set; }

    /// <summary>Whether a change of this session may wait for its dependencies: room comes back evenly, all of it within <see cref="EngineLimits.QueueRefillMs"/>.</summary>
    public bool HasQueueRoom(Timestamp now, EngineLimits limits)
    {
        if (now == _queueRoomAt) return _queueRoom > 0;
        long passed = Math.Min(now.UnixMs - _queueRoomAt.UnixMs, limits.QueueRefillMs);
        _queueRoom = Math.Min(limits.QueueBytesPerSession, _queueRoom + (limits.QueueBytesPerSession * passed / limits.QueueRefillMs));
        _queueRoomAt = now;
        return _queueRoom > 0;
    }

    /// <summary>One does.</summary>
    public void Queued(long bytes) => _queueRoom -= bytes;
}
