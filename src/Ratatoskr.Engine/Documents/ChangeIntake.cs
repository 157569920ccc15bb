using Automerge.Changes;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Documents;

/// <summary>What the intake of a message has come to.</summary>
internal enum Intake : byte
{
    /// <summary>The message is dealt with.</summary>
    Done,

    /// <summary>A worker has it; its document must wait.</summary>
    Working,

    /// <summary>Nothing has happened; it is to be offered again when the document has its op set.</summary>
    NeedsOperations,

    /// <summary>Nothing has happened; it is to be offered again when a compaction has made room, or not.</summary>
    NeedsRoom,
}

/// <summary>
/// Takes the changes of sync messages into documents: a little of plain changes here and now, whole documents and large sets through a worker.
/// Nothing is stored, acknowledged or passed on that was not validated. What is refused makes its sender read-only for the document and costs nobody else anything.
/// </summary>
/// <remarks>One per shard. Its documents have content, and wait for nothing.</remarks>
internal sealed class ChangeIntake(Shard shard)
{
    /// <summary>Takes a message of a peer that may read.</summary>
    public Intake Receive(DocumentActor document, PeerLink link, in ShardInput input, Timestamp now, IEffects effects)
    {
        if (!SyncMessageReader.TryRead(input.Message.Data.In(input.Payload!.Span), out SyncMessageReader message, out string? error))
        {
            shard.Metrics.Dropped(MessageDrop.InvalidSync);
            link.Session.LogOnce(error!);
            effects.SendError(shard, link.Session, ErrorCodes.InvalidSyncMessage, error!, document.Id);
            if (input.Bytes > shard.Limits.InlineChangesBytesMax) shard.CountLargeRefusal(link.Session);
            input.Payload.Release();
            return Intake.Done;
        }

        bool ignore = link.IsReadOnly;
        if (message.ChangeCount == 0 || ignore)
        {
            if (message.ChangeCount > 0) shard.Metrics.Dropped(MessageDrop.ReadOnly);
            Finish(document, link, message, document.Content!.Graph.Heads, ignore && message.ChangeCount > 0, now, effects);
            if (ignore && message.ChangeCount > 0) TellReadOnly(document, link, effects);
            input.Payload.Release();
            return Intake.Done;
        }

        if (document.CannotStore)
        {
            RefuseUnstored(document, link, effects);
            Finish(document, link, message, document.Content!.Graph.Heads, true, now, effects);
            input.Payload.Release();
            return Intake.Done;
        }

        if (link.Session.Local is { } local && !local.MayEnter(document.Content!.Graph))
        {
            input.Payload.Release();
            return Intake.Done;
        }

        bool needsWorker = IngressJob.IsNeededFor(message, shard.Limits);
        if (!HasRoom(document, message, reserve: !needsWorker, out QuotaShortage shortage))
        {
            if (document.Quota.MayGainBy(shortage) && document.Compaction.TryMakeRoom(now, effects)) return Intake.NeedsRoom;
            if (!needsWorker)
            {
                RefuseOverQuota(document, link, shortage, effects);
                Finish(document, link, message, document.Content!.Graph.Heads, true, now, effects);
                input.Payload.Release();
                return Intake.Done;
            }
        }

        document.LastWritten = now;
        if (needsWorker)
        {
            shard.HeldBytes += input.Bytes;
            link.Session.Backlog.HandedToWorker();
            document.Verify(new IngressJob(link, input.Payload, input.Message, document.Content!, shard.HashKey, shard.Limits), effects);
            return Intake.Working;
        }

        Span<ChangeHash> headsBefore = CopyHeads(document, stackalloc ChangeHash[8]);
        foreach (ReadOnlySpan<byte> entry in message.Changes)
        {
            ReadOnlySpan<byte> chunks = entry;
            while (!chunks.IsEmpty && !link.Refused)
            {
                if (!ChunkReader.TryRead(chunks, out Chunk chunk, out ChunkError chunkError))
                {
                    Refuse(document, link, AcceptOutcome.Refused, chunkError.Describe(), effects);
                    break;
                }

                // The first change that belongs in the graph needs the op set, so nothing has been taken when it turns out to be missing.
                if (chunk.Type == ChunkType.Change && !TryTake(document, link, chunk.Bytes, effects))
                {
                    document.Quota.Settle();                  // it may not come back: the peer may lose its right, or go
                    return Intake.NeedsOperations;
                }

                chunks = chunks[chunk.Length..];
            }
        }

        document.Quota.Settle();
        Finish(document, link, message, headsBefore, link.Refused, now, effects);
        input.Payload.Release();
        return Intake.Done;
    }

    /// <summary>Goes on with a message that a worker has verified, or whose changes it has taken.</summary>
    public Intake Worked(DocumentActor document, IngressJob job, Timestamp now, IEffects effects)
    {
        PeerLink link = job.Link;
        if (document.Content != job.Content)
        {
            link.AskForLost();                                // given up meanwhile
            Release(job);
            return Intake.Done;
        }

        if (job.IsTaking)
        {
            if (job.Bug is { } broken)
            {
                Release(job);
                throw new InvalidOperationException("taking changes failed half way", broken);
            }

            if (document.Access.MayStillWrite(link) && !document.HoldsRevoked)
            {
                AccountFor(document, job, effects);
            }
            else
            {
                document.GiveUp();                            // revoked, or changed, while a worker had the content: nothing of it is stored
                link.AskForLost();
            }

            document.Quota.Settle();
            if (job.NeedsOperations && document.Content is not null) return Intake.NeedsOperations;
        }
        else if (job.HasChanges && !link.IsReadOnly)
        {
            if (!document.Access.MayStillWrite(link))
            {
                link.AskForLost();                            // access has changed meanwhile: it is asked again when that is decided
                Release(job);
                return Intake.Done;
            }

            if (document.Quota.TryReserve(job.GrowthBytes, out QuotaShortage shortage))
            {
                job.BeginTaking(link.Decision.AuthorisedUnder);
                document.Lend(job, effects);
                return Intake.Working;
            }

            RefuseOverQuota(document, link, shortage, effects);
        }

        if (job.Bug is { } bug) shard.Log.Broken(document.Id.ToString(), bug);
        bool ignored = link.IsReadOnly;
        if (document.Content is { } content)
        {
            if (!ignored && job.Refusal is { } refusal)
            {
                Refuse(document, link, job.RefusedAs, refusal, effects);
                shard.CountLargeRefusal(link.Session);
            }

            ReadOnlySpan<ChangeHash> headsBefore = job.IsTaking ? job.HeadsBefore : content.Graph.Heads;
            if (!link.Closed && SyncMessageReader.TryRead(job.Message.Data.In(job.Payload.Span), out SyncMessageReader reader, out _))
            {
                Finish(document, link, reader, headsBefore, ignored || link.Refused, now, effects);
            }
            else if (!content.Graph.Heads.SequenceEqual(headsBefore))
            {
                document.MarkAll();
            }
        }

        Release(job);
        return Intake.Done;
    }

    /// <summary>Read-only until the store works again: it keeps its changes and is asked for them then.</summary>
    public void RefuseUnstored(DocumentActor document, PeerLink link, IEffects effects)
    {
        if (link.Unstored || link.Closed) return;
        link.Unstored = true;
        shard.Metrics.ChangeRefused(ChangeRefusal.Unstored);
        link.UpdateReadOnly();
        effects.SendError(shard, link.Session, ErrorCodes.StorageUnavailable, "The server cannot store changes now; it asks for them again when it can", document.Id);
        document.Mark(link);
    }

    /// <summary>Lets go of a message that nobody takes any more.</summary>
    public void Release(IngressJob job)
    {
        shard.HeldBytes -= job.Payload.Length;
        job.Link.Session.Backlog.BackFromWorker();
        job.Payload.Release();
    }

    // A few bytes too many, because nobody has looked yet which of the changes are new, are given back when they are taken.
    private static bool HasRoom(DocumentActor document, in SyncMessageReader message, bool reserve, out QuotaShortage shortage)
    {
        long bytes = document.Content!.Queue?.MemoryBytes ?? 0;
        foreach (ReadOnlySpan<byte> entry in message.Changes) bytes += entry.Length;
        if (Try(bytes, out shortage)) return true;
        bytes = document.Content.Queue?.MemoryBytes ?? 0;
        foreach (ReadOnlySpan<byte> entry in message.Changes)
        {
            ReadOnlySpan<byte> chunks = entry;
            while (ChunkReader.TryRead(chunks, out Chunk chunk, out _))
            {
                if (chunk.Type != ChunkType.Change || !document.Content.Graph.Contains(chunk.ComputeHash())) bytes += chunk.Length;
                chunks = chunks[chunk.Length..];
            }
        }

        return Try(bytes, out shortage);

        bool Try(long bytes, out QuotaShortage shortage) =>
            reserve ? document.Quota.TryReserve(bytes, out shortage) : document.Quota.HasRoomFor(bytes, out shortage);
    }

    // Read-only until there is room: it keeps its changes and is asked for them then.
    private void RefuseOverQuota(DocumentActor document, PeerLink link, in QuotaShortage shortage, IEffects effects)
    {
        shard.Metrics.QuotaExceeded(shortage.Name);
        shard.Metrics.ChangeRefused(ChangeRefusal.OverQuota);
        link.OverQuotaBytes = Math.Max(1, shortage.Missing + shortage.Limit - shortage.Current);
        link.UpdateReadOnly();
        effects.SendQuotaError(shard, link.Session, shortage, document.Id);
        document.Mark(link);
    }

    /// <summary>Verifies one change chunk (format §10, rules 1 and 2) and offers it to the document, which checks the rest: its place in the graph and its operations.</summary>
    /// <returns>false: nothing has happened, the op set is missing.</returns>
    private bool TryTake(DocumentActor document, PeerLink link, ReadOnlySpan<byte> chunk, IEffects effects)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(chunk, shard.Limits.Change, out ChangeHeader header);
        if (!verdict.IsOk)
        {
            Refuse(document, link, AcceptOutcome.Refused, verdict.What, effects);
            return true;
        }

        SessionSlot slot = link.Slot;
        long queuedBefore = document.Content!.Queue?.MemoryBytes ?? 0;
        Acceptance result = document.Content.Accept(header, slot.HasQueueRoom(shard.Now, shard.Limits));
        if (result.Freed) document.Writes.HoldAll();
        switch (result.Outcome)
        {
            case AcceptOutcome.NeedsOperations:
                return false;
            case AcceptOutcome.Taken:
                document.Writes.Wrote(link, link.Decision.AuthorisedUnder);
                shard.Metrics.ChangeTaken();
                if (result.Why is not null) Observe(document, link, result.Why);
                return true;
            case AcceptOutcome.Duplicate:
                // Perhaps not on disk yet, and not this peer's own: what it sent is confirmed with the rest.
                if (document.Writes.HasUncommitted) document.Writes.Hold(link);
                return true;
            case AcceptOutcome.Queued or AcceptOutcome.QueueFull:
                link.HasQueued = true;
                if (result.Outcome == AcceptOutcome.QueueFull) shard.Metrics.ChangeRefused(ChangeRefusal.QueueFull);
                else slot.Queued(document.Content.Queue!.MemoryBytes - queuedBefore);
                return true;
            default:
                Refuse(document, link, result.Outcome, result.Why!, effects);
                return true;
        }
    }

    // The same for what a worker has taken.
    private void AccountFor(DocumentActor document, IngressJob job, IEffects effects)
    {
        PeerLink link = job.Link;
        IngressJob.Account account = job.Settle();
        if (account.Snapshot is not null || account.Taken > 0) document.Writes.Wrote(link, job.AuthorisedUnder);
        if (account.Snapshot is { } snapshot)
        {
            foreach (PeerLink other in document.Links) other.State.ForgetSent();
            shard.Metrics.ChangeTaken();
            document.Writes.StoreSnapshot(snapshot, effects);
        }

        if (account.HasFreed) document.Writes.HoldAll();
        if (account.HasDuplicates && document.Writes.HasUncommitted) document.Writes.Hold(link);
        if (account.HasQueued) link.HasQueued = true;
        if (account.Dropped > 0) shard.Metrics.ChangeRefused(ChangeRefusal.QueueFull, account.Dropped);
        shard.Metrics.ChangeTaken(account.Taken);
        foreach (string why in account.Observed ?? []) Observe(document, link, why);
    }

    /// <summary>The protocol's side of a message whose changes were taken (or ignored).</summary>
    private void Finish(DocumentActor document, PeerLink link, in SyncMessageReader message, ReadOnlySpan<ChangeHash> headsBefore, bool ignoreChanges, Timestamp now, IEffects effects)
    {
        ChangeGraph graph = document.Content!.Graph;
        bool changed = !graph.Heads.SequenceEqual(headsBefore);
        link.HasNothing = message.Heads.Length == 0;
        link.HadSomething |= !link.HasNothing;
        if (link.HadSomething) document.Writes.HoldIfPerhapsAuthor(link);                 // who never had anything is nobody's author
        if (document.CannotStore && link.AwaitsCommit) RefuseUnstored(document, link, effects);   // it will not be spoken to until then
        link.Heard = true;
        bool knowsAll = SyncSession.Receive(graph, link.State, message, headsBefore, ignoreChanges).WeHaveTheirHeads;
        link.ClaimsUnknown = !knowsAll || (link.HasNothing && link.HadSomething);
        if (!shard.RechargeLink(link))
        {
            shard.Metrics.DocumentRefused(DocumentRefusal.Memory);
            effects.Close(link.Session, CloseCode.TryAgainLater, "the states of all peers take too much memory");
        }

        link.Provides = graph.Count == 0 && message.Heads.Length > 0;
        link.Wants = graph.Count == 0 && link.HasNothing;
        if (link.Wants) link.WantsUntil = now.AfterMs(shard.Limits.ProviderTimeoutMs);
        if (changed) document.MarkAll();
        document.Mark(link);
        shard.Gossip.PeerHasHeads(link, message.Heads, now, effects);
    }

    private void Refuse(DocumentActor document, PeerLink link, AcceptOutcome outcome, string why, IEffects effects)
    {
        shard.Metrics.ChangeRefused(outcome switch
        {
            AcceptOutcome.TooLarge => ChangeRefusal.TooLarge,
            AcceptOutcome.Damaged => ChangeRefusal.Damaged,
            _ => ChangeRefusal.Invalid,
        });
        link.Refused = true;
        link.UpdateReadOnly();
        link.Session.LogOnce(why);
        ReadOnlySpan<byte> code = outcome switch
        {
            AcceptOutcome.TooLarge => ErrorCodes.DocumentTooLarge,
            AcceptOutcome.Damaged => ErrorCodes.InternalError,
            _ => ErrorCodes.InvalidChange,
        };
        effects.SendError(shard, link.Session, code, why, document.Id);
        document.Mark(link);
    }

    private void Observe(DocumentActor document, PeerLink link, string why)
    {
        shard.Metrics.ChangeObserved();
        link.Session.LogOnce($"document {document.Id}: would be refused: {why}");
    }

    private void TellReadOnly(DocumentActor document, PeerLink link, IEffects effects)
    {
        if (link.Refused || link.OverQuotaBytes > 0 || link.Unstored) return;     // it was told why
        link.Refused = true;
        link.UpdateReadOnly();
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
