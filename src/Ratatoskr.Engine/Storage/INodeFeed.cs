using System.Threading.Channels;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Storage;

/// <summary>
/// What other nodes say. May lose, repeat and delay; in order per sender; loss is reported as <see cref="FeedGap"/> before anything later.
/// Never blocks: when full it drops and reports the gap. In the embedded store nobody speaks.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public interface INodeFeed
{
    void Join(DocumentId id);

    void Leave(DocumentId id);

    /// <summary>Chunks are published only after they are stored. The buffer is retained as long as needed.</summary>
    void Publish(DocumentId id, FeedKind kind, SharedBuffer bytes);

    ChannelReader<FeedInput> Inputs { get; }
}

public enum FeedKind : byte
{
    Chunks,
    Ephemeral,
    RemoteHeads,
    Session,
}

public abstract record FeedInput;

/// <summary>Bytes from another node; the receiver owns one reference to <paramref name="Bytes"/>.</summary>
public sealed record FeedDelivered(DocumentId Id, FeedKind Kind, SharedBuffer Bytes) : FeedInput;

/// <summary>Something was lost: read on from the store.</summary>
public sealed record FeedGap : FeedInput;
