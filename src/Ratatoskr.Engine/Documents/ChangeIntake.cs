using Automerge.Changes;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// Takes the changes of sync messages into documents: a little of plain changes here and now, whole documents and large sets through a worker.
/// What is refused makes its sender read-only for the document and costs nobody else anything.
/// </summary>
/// <remarks>One per shard. Its documents have content, and wait for nothing.</remarks>
internal sealed class ChangeIntake(Shard shard)
{
    /// <summary>Takes a message of a peer that may read.</summary>
    /// <returns>false: a worker verifies it, and its document must wait.</returns>
    public bool Receive(DocumentActor document, PeerLink link, in ShardInput input, Timestamp now, IEffects effects)
    {
        if (!SyncMessageReader.TryRead(input.Message.Data.In(input.Payload!.Span), out SyncMessageReader message, out string? error))
        {
            shard.Metrics.BadSyncMessage();
            link.Session.LogOnce(error!);
            effects.SendError(shard, link.Session, ErrorCodes.InvalidSyncMessage, error!, document.Id);
            input.Payload.Release();
            return true;
        }

        bool ignore = link.Refused || !link.Decision.MayWrite;
        if (message.ChangeCount == 0 || ignore)
        {
            Finish(document, link, message, document.Content!.Graph.Heads, ignore && message.ChangeCount > 0, now, effects);
            if (ignore && message.ChangeCount > 0) TellReadOnly(document, link, effects);
            input.Payload.Release();
            return true;
        }

        if (IngressJob.IsNeededFor(message, shard.Limits))
        {
            shard.HeldBytes += input.Bytes;
            effects.Verify(new IngressJob(link, input.Payload, input.Message, document.Content!, shard.HashKey, shard.Limits));
            return false;
        }

        Span<ChangeHash> headsBefore = CopyHeads(document, stackalloc ChangeHash[8]);
        foreach (ReadOnlySpan<byte> entry in message.Changes)
        {
            ReadOnlySpan<byte> chunks = entry;
            while (!chunks.IsEmpty && !link.Refused)
            {
                if (!ChunkReader.TryRead(chunks, out Chunk chunk, out ChunkError chunkError))
                {
                    Refuse(document, link, chunkError.Describe(), effects);
                    break;
                }

                if (chunk.Type == ChunkType.Change && !Take(document, link, chunk.Bytes, effects)) break;
                chunks = chunks[chunk.Length..];
            }
        }

        Finish(document, link, message, headsBefore, link.Refused, now, effects);
        input.Payload.Release();
        return true;
    }

    /// <summary>Takes what a worker has verified.</summary>
    public void Verified(DocumentActor document, IngressJob job, Timestamp now, IEffects effects)
    {
        shard.HeldBytes -= job.Payload.Length;
        PeerLink link = job.Link;
        if (document.Content is null)
        {
            job.Payload.Release();                            // abandoned meanwhile
            return;
        }

        Span<ChangeHash> headsBefore = CopyHeads(document, stackalloc ChangeHash[8]);
        bool ignore = link.Refused || !link.Decision.MayWrite;
        if (!ignore)
        {
            if (job.Adopted is { } graph) Adopt(document, link, job, graph, effects);
            foreach (byte[] change in job.Changes)
            {
                if (!Take(document, link, change, effects)) break;
            }

            if (job.Bug is { } bug) shard.Log.Broken(document.Id.ToString(), bug);
            if (job.Refusal is { } refusal) Refuse(document, link, refusal, effects);
        }

        if (!link.Closed && SyncMessageReader.TryRead(job.Message.Data.In(job.Payload.Span), out SyncMessageReader reader, out _))
        {
            Finish(document, link, reader, headsBefore, ignore || link.Refused, now, effects);
        }
        else if (!document.Content.Graph.Heads.SequenceEqual(headsBefore))
        {
            document.MarkAll();
        }

        job.Payload.Release();
    }

    /// <summary>Verifies one change chunk (format §10, rules 1–3) and takes it. Rule 4 (its references exist) has its place here, before the graph.</summary>
    /// <returns>false: refused; the link is read-only from now on.</returns>
    private bool Take(DocumentActor document, PeerLink link, ReadOnlySpan<byte> chunk, IEffects effects)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(chunk, shard.Limits.Change, out ChangeHeader header);
        if (!verdict.IsOk)
        {
            Refuse(document, link, verdict.What, effects);
            return false;
        }

        GraphVerdict added = document.Content!.Accept(header, shard.Limits, out bool freed);
        if (freed) document.Writes.HoldAll();
        switch (added)
        {
            case GraphVerdict.Added:
                link.Wrote = true;
                document.Writes.Hold(link);
                shard.Metrics.ChangeTaken();
                return true;
            case GraphVerdict.Duplicate:
                // Perhaps not on disk yet, and not this peer's own: what it sent is confirmed with the rest.
                if (document.Writes.HasUncommitted) document.Writes.Hold(link);
                return true;
            case GraphVerdict.MissingDeps:
                link.HasQueued = true;
                return true;
            default:
                Refuse(document, link, $"change {header.Hash}: {added}", effects);
                return false;
        }
    }

    private void Adopt(DocumentActor document, PeerLink link, IngressJob job, ChangeGraph graph, IEffects effects)
    {
        SnapshotBody body = new(job.AdoptedChunk, job.AdoptedIndex, graph.Heads.ToArray());
        if (document.Content!.ReplaceSnapshot(graph, job.AdoptedChunk)) document.Writes.HoldAll();
        foreach (PeerLink other in document.Links) other.State.ForgetSent();
        shard.Metrics.ChangeTaken();
        document.Writes.StoreSnapshot(link, body, effects);
    }

    /// <summary>The protocol's side of a message whose changes were taken (or ignored).</summary>
    private void Finish(DocumentActor document, PeerLink link, in SyncMessageReader message, ReadOnlySpan<ChangeHash> headsBefore, bool ignoreChanges, Timestamp now, IEffects effects)
    {
        ChangeGraph graph = document.Content!.Graph;
        bool changed = !graph.Heads.SequenceEqual(headsBefore);
        document.Writes.HoldIfPerhapsAuthor(link);
        link.Heard = true;
        link.ClaimsUnknown = !SyncSession.Receive(graph, link.State, message, headsBefore, ignoreChanges).WeHaveTheirHeads;
        if (!shard.RechargeLink(link)) effects.Close(link.Session, CloseCode.TryAgainLater, "the states of all peers take too much memory");
        link.Provides = graph.Count == 0 && message.Heads.Length > 0;
        link.Wants = graph.Count == 0 && message.Heads.Length == 0;
        if (link.Wants) link.WantsUntil = now.AfterMs(shard.Limits.ProviderTimeoutMs);
        if (changed) document.MarkAll();
        document.Mark(link);
        shard.Gossip.PeerHasHeads(link, message.Heads, now, effects);
    }

    private void Refuse(DocumentActor document, PeerLink link, string why, IEffects effects)
    {
        shard.Metrics.ChangeRefused();
        link.Refused = true;
        link.State.ReadOnly = true;
        link.Session.LogOnce(why);
        effects.SendError(shard, link.Session, ErrorCodes.InvalidChange, why, document.Id);
        document.Mark(link);
    }

    private void TellReadOnly(DocumentActor document, PeerLink link, IEffects effects)
    {
        if (link.Refused) return;
        link.Refused = true;
        link.State.ReadOnly = true;
        effects.SendError(shard, link.Session, ErrorCodes.PermissionDenied, "Write access required to apply changes", document.Id);
    }

    private static Span<ChangeHash> CopyHeads(DocumentActor document, Span<ChangeHash> buffer)
    {
        ReadOnlySpan<ChangeHash> heads = document.Content!.Graph.Heads;
        Span<ChangeHash> copy = heads.Length <= buffer.Length ? buffer[..heads.Length] : new ChangeHash[heads.Length];
        heads.CopyTo(copy);
        return copy;
    }
}
