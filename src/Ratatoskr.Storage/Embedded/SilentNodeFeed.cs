using System.Threading.Channels;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Embedded;

/// <summary>The feed of a node that is alone: nobody listens and nobody speaks.</summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class SilentNodeFeed : INodeFeed
{
    private readonly Channel<FeedInput> _inputs = Channel.CreateBounded<FeedInput>(1);

    public ChannelReader<FeedInput> Inputs => _inputs.Reader;

    public void Join(DocumentId id)
    {
    }

    public void Leave(DocumentId id)
    {
    }

    public void Publish(DocumentId id, FeedKind kind, SharedBuffer bytes)
    {
    }
}
