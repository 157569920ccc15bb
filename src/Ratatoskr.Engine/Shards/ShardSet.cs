using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Shards;

/// <summary>All shards, and which of them owns a document.</summary>
internal sealed class ShardSet(IReadOnlyList<ShardRunner> runners)
{
    public int Count => runners.Count;

    public ShardRunner this[int index] => runners[index];

    public ShardRunner For(ReadOnlySpan<byte> documentIdText) => runners[(int)(DocumentId.StableHash(documentIdText) % (uint)runners.Count)];

    public void PostToAll(in ShardInput input)
    {
        for (int i = 0; i < runners.Count; i++) runners[i].Post(input);
    }

    /// <summary>Completes when every mailbox has room.</summary>
    public async ValueTask RoomAsync(SessionBacklog sender)
    {
        for (int i = 0; i < runners.Count; i++) await runners[i].RoomAsync(sender);
    }

    /// <summary>Gives every shard its own copy of the message.</summary>
    public void PostToAll(ShardInput input, ReadOnlySpan<byte> message)
    {
        for (int i = 0; i < runners.Count; i++)
        {
            input.Payload = SharedBuffer.Copy(message, input.Session!.Backlog);
            runners[i].Post(input);
        }
    }
}
