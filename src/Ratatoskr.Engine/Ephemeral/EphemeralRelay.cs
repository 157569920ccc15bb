using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol.Cbor;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Ephemeral;

/// <summary>
/// Forwards ephemeral messages to the other peers that have the document open, changing only the target. Nothing is stored; a reader whose socket is full
/// keeps a short ring of the newest ones.
/// </summary>
/// <remarks>One per shard.</remarks>
internal sealed class EphemeralRelay(Shard shard)
{
    // Nesting of an application's values; JSON libraries stop at about the same.
    private const int EphemeralDepthMax = 64;

    public void Relay(PeerLink from, in RepoMessage message, SharedBuffer payload, IEffects effects)
    {
        if (!from.Document.Access.MayRead(from, effects)) return;
        Forward(from.Document, from, from.Session.PeerId.Text, message, payload.Span, effects);
    }

    /// <summary>A whole ephemeral message that another node took from one of its peers.</summary>
    public void RelayForeign(DocumentActor document, SharedBuffer payload, IEffects effects)
    {
        if (MessageReader.Read(payload.Span, out RepoMessage message, out _) != ReadOutcome.Message || message.Kind != MessageKind.Ephemeral) return;
        Forward(document, null, message.SenderId.In(payload.Span), message, payload.Span, effects);
    }

    public static void SendKept(SessionSlot slot, PeerSession session, IEffects effects)
    {
        while (session.Connection.IsWritable && slot.KeptEphemerals is { Count: > 0 } kept)
        {
            (SharedBuffer message, PeerLink link) = kept.Dequeue();
            if (!link.Closed && link.Document.Access.MayRead(link, effects)) effects.Send(session, message.Span, null);
            message.Release();
        }
    }

    public static void Forget(SessionSlot slot)
    {
        while (slot.KeptEphemerals is { Count: > 0 } kept) kept.Dequeue().Message.Release();
    }

    private void Forward(DocumentActor document, PeerLink? from, ReadOnlySpan<byte> sender, in RepoMessage message, ReadOnlySpan<byte> bytes, IEffects effects)
    {
        if (document.Links.Count < 2 && from is not null) return;

        // Receivers decode it without a net: what is not CBOR is not passed on.
        if (!CborCursor.IsWellFormed(message.Data.In(bytes), EphemeralDepthMax))
        {
            shard.Metrics.Dropped(MessageDrop.Malformed);
            from?.Session.LogOnce("an ephemeral message whose data is not CBOR");
            return;
        }

        SharedBuffer? body = null;
        byte[] envelope = shard.Scratch;
        int sent = 0;
        foreach (PeerLink link in document.Links)
        {
            if (link == from || !document.Access.MayRead(link, effects)) continue;
            body ??= SharedBuffer.Copy(message.Data.In(bytes));
            int length = MessageWriter.WriteEphemeralEnvelope(
                envelope, sender, link.Session.PeerId.Text, document.Id.Text, message.Count, message.SessionId.In(bytes), body.Length);
            bool waits = link.Session.Slots[shard.Index]?.KeptEphemerals is { Count: > 0 };      // then it must not be overtaken: counts rise
            if (link.Session.Connection.IsWritable && !waits) effects.Send(link.Session, envelope.AsSpan(0, length), body);
            else Keep(link, envelope.AsSpan(0, length), body);
            sent++;
        }

        body?.Release();
        shard.Metrics.Sent(SentMessage.Ephemeral, sent);
    }

    private void Keep(PeerLink link, ReadOnlySpan<byte> envelope, SharedBuffer body)
    {
        if (link.Session.Slots[shard.Index] is not { } slot) return;
        if (envelope.Length + body.Length > shard.Limits.EphemeralKeptBytesMax)
        {
            shard.Metrics.Dropped(HintDrop.EphemeralTooLarge);
            return;
        }

        Queue<KeptEphemeral> kept = slot.KeptEphemerals ??= new Queue<KeptEphemeral>();
        if (kept.Count >= shard.Limits.EphemeralRingCount)
        {
            kept.Dequeue().Message.Release();
            shard.Metrics.Dropped(HintDrop.EphemeralOldest);
        }

        SharedBuffer whole = SharedBuffer.Rent(envelope.Length + body.Length);
        envelope.CopyTo(whole.Writable);
        body.Span.CopyTo(whole.Writable[envelope.Length..]);
        kept.Enqueue(new KeptEphemeral(whole, link));
    }
}
