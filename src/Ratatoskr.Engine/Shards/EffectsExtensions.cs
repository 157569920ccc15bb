using System.Text;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Shards;

internal static class EffectsExtensions
{
    /// <summary>Tells a peer, in the original's form, that something was not done; stock clients log it. Rare: allocates.</summary>
    public static void SendError(this IEffects effects, Shard shard, PeerSession session, ReadOnlySpan<byte> error, string message, DocumentId document)
    {
        ErrorFrame content = new()
        {
            Error = error,
            Message = Encoding.UTF8.GetBytes(message),
            DocumentId = document.Text,
            SenderId = shard.ServerPeerId,
            TargetId = session.PeerId.Text,
        };
        byte[] frame = new byte[MessageWriter.LengthMax(content)];
        effects.Send(session, frame.AsSpan(0, MessageWriter.WriteError(frame, content)), null);
        shard.Metrics.Sent(SentMessage.Error);
    }

    /// <summary>Tells a peer which quota its changes would exceed.</summary>
    public static void SendQuotaError(this IEffects effects, Shard shard, PeerSession session, in QuotaShortage shortage, DocumentId document)
    {
        ErrorFrame content = new()
        {
            Error = ErrorCodes.QuotaExceeded,
            Message = Encoding.UTF8.GetBytes(shortage.Message),
            DocumentId = document.Text,
            SenderId = shard.ServerPeerId,
            TargetId = session.PeerId.Text,
            Quota = Encoding.UTF8.GetBytes(shortage.Name),
            Current = (ulong)Math.Max(0, shortage.Current),
            Limit = (ulong)Math.Max(0, shortage.Limit),
        };
        byte[] frame = new byte[MessageWriter.LengthMax(content)];
        effects.Send(session, frame.AsSpan(0, MessageWriter.WriteError(frame, content)), null);
        shard.Metrics.Sent(SentMessage.Error);
    }

    /// <summary>Tells a peer that a document cannot be had, so that its find settles. It stays subscribed.</summary>
    public static void SendUnavailable(this IEffects effects, Shard shard, PeerSession session, DocumentId document)
    {
        byte[] frame = shard.Scratch;
        int length = MessageWriter.WriteDocUnavailable(frame, shard.ServerPeerId, session.PeerId.Text, document.Text);
        effects.Send(session, frame.AsSpan(0, length), null);
        shard.Metrics.Sent(SentMessage.Unavailable);
    }
}
