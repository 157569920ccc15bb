using System.Runtime.InteropServices;
using Automerge.Changes;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.RemoteHeads;

/// <summary>
/// Remote-heads gossip: tells a session that follows a storage id what that store has of the documents the session has open.
/// News come first-hand (a persistent peer syncs with us) or from peers that pass on what they heard.
/// </summary>
/// <remarks>One per shard.</remarks>
internal sealed class RemoteHeadsGossip(Shard shard)
{
    // Sessions that follow anybody at all; while it is 0, sync messages cost nothing here.
    private int _followers;

    public void Subscribe(SessionSlot slot, in RepoMessage message, ReadOnlySpan<byte> bytes, IEffects effects)
    {
        foreach (Slice removed in MessageReader.StorageIds(bytes, message.Remove))
        {
            if (slot.Follows is { } follows && follows.Remove(StorageId.FromTrusted(removed.In(bytes))) && follows.Count == 0) Forget(slot);
        }

        foreach (Slice added in MessageReader.StorageIds(bytes, message.Add))
        {
            if (slot.Follows is null)
            {
                slot.Follows = new HashSet<StorageId>(StorageId.Comparer.Instance);
                _followers++;
            }

            if (slot.Follows.Count >= shard.Limits.RemoteSubscriptionsPerSessionMax)
            {
                shard.Metrics.Dropped(HintDrop.SubscriptionsTooMany);
                break;
            }

            StorageId storageId = StorageId.FromTrusted(added.In(bytes));
            if (slot.Follows.Add(storageId)) SendKnown(slot, storageId, effects);
        }
    }

    public void Forget(SessionSlot slot)
    {
        if (slot.Follows is null) return;
        slot.Follows = null;
        _followers--;
    }

    /// <summary>A persistent peer has told us its heads.</summary>
    public void PeerHasHeads(PeerLink link, ReadOnlySpan<ChangeHash> heads, Timestamp now, IEffects effects)
    {
        if (!link.Session.IsPersistent) return;
        if (heads.Length > shard.Limits.RemoteHeadsMax)
        {
            shard.Metrics.Dropped(HintDrop.HeadsTooMany);
            return;
        }

        if (link.Document.RemoteHeads is null && _followers == 0 && heads.IsEmpty) return;
        byte[] encoded = new byte[MessageWriter.HeadsLengthMax(heads.Length)];
        int length = MessageWriter.WriteHeads(encoded, MemoryMarshal.AsBytes(heads));
        // First-hand news are the newest there are, also within one millisecond and after somebody's clock that runs ahead.
        double known = link.Document.RemoteHeads?.Find(link.Session.StorageId)?.Timestamp ?? 0;
        Spread(link, link.Session.StorageId, encoded.AsSpan(0, length), Math.Max(now.UnixMs, known + 1), effects);
    }

    /// <summary>A peer passes on what it heard of others.</summary>
    public void HeadsChanged(PeerLink from, in RepoMessage message, ReadOnlySpan<byte> bytes, Timestamp now, IEffects effects)
    {
        foreach (Protocol.Messages.RemoteHeads entry in MessageReader.RemoteHeads(bytes, message.NewHeads))
        {
            ReadOnlySpan<byte> heads = entry.Heads.In(bytes);
            if (heads.Length > MessageWriter.HeadsLengthMax(shard.Limits.RemoteHeadsMax))
            {
                shard.Metrics.Dropped(HintDrop.HeadsTooMany);
                continue;
            }

            // A clock far ahead must not silence the true owner's later news.
            if (entry.Timestamp > now.UnixMs + shard.Limits.RemoteHeadsClockSkewMs)
            {
                shard.Metrics.Dropped(HintDrop.HeadsFromFuture);
                continue;
            }

            Spread(from, StorageId.FromTrusted(entry.StorageId.In(bytes)), heads, entry.Timestamp, effects);
        }
    }

    /// <summary>A session has opened a document: it hears at once what is known of the stores it follows.</summary>
    public void Opened(PeerLink link, IEffects effects)
    {
        if (link.Session.Slots[shard.Index] is not { Follows: not null } slot || link.Document.RemoteHeads is not { } table) return;
        foreach (StorageId storageId in slot.Follows)
        {
            if (table.Find(storageId) is { } known) Send(link, storageId, known.Heads, known.Timestamp, effects);
        }
    }

    private void SendKnown(SessionSlot slot, StorageId storageId, IEffects effects)
    {
        foreach (PeerLink link in slot.Links.Values)
        {
            if (link.Document.RemoteHeads?.Find(storageId) is { } known && link.Document.Access.MayRead(link, effects))
            {
                Send(link, storageId, known.Heads, known.Timestamp, effects);
            }
        }
    }

    private void Spread(PeerLink from, StorageId storageId, ReadOnlySpan<byte> heads, double timestamp, IEffects effects)
    {
        DocumentActor document = from.Document;
        document.RemoteHeads ??= new RemoteHeadsTable(shard.Limits.RemoteHeadsPerDocumentMax);
        if (!document.RemoteHeads.TryUpdate(storageId, heads, timestamp, out bool kept)) return;
        if (!kept) shard.Metrics.Dropped(HintDrop.HeadsNotKept);
        shard.Recharge(document);
        if (_followers == 0) return;
        foreach (PeerLink link in document.Links)
        {
            if (link == from || link.Session.Slots[shard.Index]?.Follows is not { } follows || !follows.Contains(storageId)) continue;
            if (document.Access.MayRead(link, effects)) Send(link, storageId, heads, timestamp, effects);
        }
    }

    private void Send(PeerLink link, StorageId storageId, ReadOnlySpan<byte> heads, double timestamp, IEffects effects)
    {
        if (!link.Session.Connection.IsWritable)
        {
            shard.Metrics.Dropped(HintDrop.HeadsForSlowReader);       // newer news will come; these are hints
            return;
        }

        ReadOnlySpan<byte> peer = link.Session.PeerId.Text;
        ReadOnlySpan<byte> document = link.Document.Id.Text;
        byte[] frame = new byte[MessageWriter.LengthMax(shard.ServerPeerId.Length + peer.Length + document.Length + storageId.Text.Length + heads.Length)];
        int length = MessageWriter.WriteRemoteHeadsChanged(frame, shard.ServerPeerId, peer, document, storageId.Text, heads, timestamp);
        effects.Send(link.Session, frame.AsSpan(0, length), null);
        shard.Metrics.Sent(SentMessage.RemoteHeads);
    }
}
