using Automerge.Changes;
using Automerge.Format;
using Automerge.Sync;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.RemoteHeads;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// One document and the peers that have it open. Takes sync messages, validates their changes, gives them to the store, and marks
/// who has to hear of them; <see cref="FanOut"/> then speaks, once per peer and turn.
/// Content comes from the store when it is first needed and may leave memory whenever nothing depends on it.
/// </summary>
/// <remarks>Owned by its shard: one caller at a time, never awaits. While content is loaded or a worker verifies, inputs wait here.</remarks>
internal sealed class DocumentActor(DocumentId id, Shard shard)
{
    // A document that cannot be loaded is tried again after 1 s, then 2, 4, up to 256 s: it may be large and damaged.
    private const long LoadAgainMs = 1_000;
    private const int LoadAgainDoublingsMax = 8;

    private readonly WaitingInputs _waiting = new(shard);
    private readonly StoreQueue _store = new();
    private readonly List<PeerLink> _held = new(0);           // those that await a commit and do not know yet which
    private bool _loading;
    private int _busy;
    private int _unstoredFrom;
    private bool _recreating;
    private bool _reloadWhenFree;
    private int _loadFailures;
    private Timestamp _loadAgainAt;
    private uint _accessVersion = 1;

    public DocumentId Id { get; } = id;

    public DocumentContent? Content { get; private set; }

    public List<PeerLink> Links { get; } = new(0);

    /// <summary>Links that may have to be sent something in this turn.</summary>
    public List<PeerLink> DirtyLinks { get; } = new(0);

    public RemoteHeadsTable? RemoteHeads { get; set; }

    /// <summary>The last store operation known to be on disk, with all before it.</summary>
    public ulong Committed => _store.Committed;

    /// <summary>In the shard's list of documents to flush at the end of the turn.</summary>
    public bool Listed { get; set; }

    public Timestamp LastUsed { get; set; }

    /// <summary>What the shard's budget was charged for the content.</summary>
    public long ChargedBytes { get; set; }

    /// <summary>Everything in memory can be had again: from the store, and queued changes from the peers that sent them.</summary>
    public bool CanEvict => Content is not null && !_loading && _busy == 0 && _store.Count == 0 && _unstoredFrom == Content.Graph.Count;

    public bool IsForgettable => Links.Count == 0 && _waiting.Count == 0 && !_loading && _busy == 0 && _store.Count == 0 && (Content is null || CanEvict);

    private bool MustWait => _loading || _busy > 0;

    private bool HasUncommitted => _store.Count > 0 || _unstoredFrom < Content!.Graph.Count;

    public PeerLink Open(PeerSession session)
    {
        PeerLink link = new(session, this) { WholeSendsLeft = shard.Limits.WholeDocumentBurst };
        Links.Add(link);
        return link;
    }

    public void Close(PeerLink link)
    {
        link.Closed = true;
        Links.Remove(link);
        shard.ForgetLink(link);
        if (link.Provides) MarkWanting();
    }

    /// <summary>Takes a sync, request or doc-unavailable message.</summary>
    /// <param name="resumed">It has waited already and keeps its place before those that still do.</param>
    public void Receive(PeerLink link, in ShardInput input, Timestamp now, IEffects effects, bool resumed = false)
    {
        LastUsed = now;
        if (MustWait)
        {
            Wait(link, input, effects, resumed);
            return;
        }

        if (input.Message.Kind == MessageKind.DocUnavailable)
        {
            link.Provides = false;
            MarkWanting();
            input.Payload!.Release();
            return;
        }

        bool toldBefore = link.Denied;
        if (!MayRead(link, effects))
        {
            if (toldBefore) effects.SendUnavailable(shard, link.Session, Id);
            input.Payload!.Release();
            return;
        }

        if (Content is null)
        {
            Load(effects);
            Wait(link, input, effects, resumed);
            return;
        }

        if (PeerStates.IsNeededFor(link, Content))
        {
            link.StateAsked = true;
            link.AwaitsState = true;
            _busy++;
            effects.LoadSyncState(Id, link.Session);
            Wait(link, input, effects, resumed);
            return;
        }

        ReceiveSync(link, input, now, effects);
    }

    public void Loaded(DocumentContent? content, Exception? error, Timestamp now, IEffects effects)
    {
        _loading = false;
        if (content is null)
        {
            // The peers keep what they have and are told that we cannot serve; the next message, or time, tries again. What waited is asked for then.
            shard.Log.LoadFailed(Id, error);
            foreach (PeerLink link in Links)
            {
                link.AskAgain();
                effects.SendUnavailable(shard, link.Session, Id);
            }

            _waiting.Clear();
            _loadAgainAt = now.AfterMs(LoadAgainMs << Math.Min(_loadFailures++, LoadAgainDoublingsMax));
            return;
        }

        _loadFailures = 0;
        if (content.Damage is { } damage) shard.Log.Damaged(Id, damage);
        Content = content;
        _unstoredFrom = content.Graph.Count;
        LastUsed = now;
        shard.Recharge(this);
        foreach (PeerLink link in Links)
        {
            if (link.HasQueued) link.AskAgain();                 // the queue did not survive
            else link.State.ForgetSent();
            link.HasQueued = false;
            if (link.Dirty) Mark(link);
        }

        Resume(now, effects);
    }

    public void SyncStateLoaded(PeerLink? link, ReadOnlyMemory<byte> state, Timestamp now, IEffects effects)
    {
        _busy--;
        if (link is { Closed: false })
        {
            link.AwaitsState = false;
            PeerStates.Adopt(link, state.Span);
        }

        Resume(now, effects);
    }

    public void Verified(IngressJob job, Timestamp now, IEffects effects)
    {
        _busy--;
        shard.HeldBytes -= job.Payload.Length;
        PeerLink link = job.Link;
        if (Content is null)
        {
            job.Payload.Release();                            // abandoned meanwhile
            return;
        }

        if (link.Refused || !link.Decision.MayWrite) Finish(job.Payload, job.Message, link, ignoreChanges: true, now, effects);
        else
        {
            Span<ChangeHash> headsBefore = CopyHeads(stackalloc ChangeHash[8]);
            if (job.Adopted is { } graph) Adopt(link, job, graph, effects);
            foreach (byte[] change in job.Changes)
            {
                if (!Take(link, change, effects)) break;
            }

            if (job.Bug is { } bug) shard.Log.Broken(Id.ToString(), bug);
            if (job.Refusal is { } refusal) Refuse(link, refusal, effects);
            Finish(job.Payload, job.Message, link, headsBefore, link.Refused, now, effects);
        }

        Resume(now, effects);
    }

    public void Recreated(RecreateJob job)
    {
        _recreating = false;
        if (Content is null) return;
        if (job.Changes is null)
        {
            shard.Log.Damaged(Id, job.Error!);
            return;
        }

        // Of another snapshot the rows mean other changes: those who wait ask again.
        if (job.Snapshot.Equals(Content.Snapshot)) Content.KeepRecreated(job.Changes);
        foreach (PeerLink link in Links)
        {
            if (link.Dirty) Mark(link);
        }
    }

    public void Appended(ulong number, AppendOutcome outcome, Exception? error, Timestamp now, IEffects effects)
    {
        if (!_store.Awaits(number)) return;                  // the document was read anew meanwhile
        if (outcome == AppendOutcome.Stored && error is null)
        {
            _store.Complete(number);

            foreach (PeerLink link in Links)
            {
                if (link.Dirty && link.OwnChangesIn <= Committed) Mark(link);
            }

            if (!_store.HoldsSnapshot && Content is not null && _unstoredFrom < Content.Graph.Count) shard.MarkDirty(this);
            return;
        }

        if (outcome == AppendOutcome.Fenced)
        {
            // Somebody else has spoken since the decision was made. What we hold beyond the store is given up; its authors still have it,
            // are asked again under a new decision, and were never told that it was safe.
            _accessVersion++;
            Reload(now, effects);
            return;
        }

        shard.Log.AppendFailed(Id, number, error);
        shard.RetryLater(this);
    }

    /// <summary>Sends every unanswered store operation again, in order; repeating one that was stored does no harm.</summary>
    public void Retry(IEffects effects) => _store.Retry(effects);

    public void AccessChanged(IEffects effects, Timestamp now)
    {
        _accessVersion++;
        for (int i = Links.Count - 1; i >= 0; i--)
        {
            PeerLink link = Links[i];
            bool wasDenied = link.Denied, wasRefused = link.Refused;
            Permission before = link.Decision.Permission;
            link.Refused = false;
            if (!MayRead(link, effects)) continue;
            if (wasDenied)
            {
                if (Content is not null && HasUncommitted) Hold(link);
                link.AskAgain();                                  // what it said meanwhile was not listened to
                link.Wants = true;
                link.WantsUntil = now.AfterMs(shard.Limits.ProviderTimeoutMs);
            }

            if (wasDenied || wasRefused || link.Decision.Permission != before) Mark(link);
        }
    }

    /// <summary>Gives the content up and reads it again: another writer has moved the truth.</summary>
    public void Reload(Timestamp now, IEffects effects)
    {
        if (MustWait)
        {
            _reloadWhenFree = true;
            return;
        }

        _reloadWhenFree = false;
        _store.Clear();
        Evict();
        foreach (PeerLink link in _held)
        {
            link.Wrote = false;
            link.AwaitsCommit = false;
        }

        _held.Clear();
        foreach (PeerLink link in Links)
        {
            link.AskAgain();
        }

        if (Links.Count == 0) return;
        LastUsed = now;
        Load(effects);
    }

    /// <summary>Gets the content from the store because somebody is owed some of it; not at once if that has just failed.</summary>
    public void LoadAgain(Timestamp now, IEffects effects)
    {
        if (_loadFailures == 0 || now >= _loadAgainAt) Load(effects);
    }

    private void Load(IEffects effects)
    {
        if (Content is not null || _loading) return;
        _loading = true;
        effects.Load(Id);
    }

    /// <summary>Lets everything go after an internal error; results that still arrive find nobody.</summary>
    public void Abandon()
    {
        foreach (PeerLink link in Links)
        {
            link.Closed = true;
            link.Session.Slots[shard.Index]?.Links.Remove(Id);
            shard.ForgetLink(link);
        }

        Links.Clear();
        _waiting.Clear();
        _store.Clear();
        Evict();
    }

    public void Evict()
    {
        Content = null;
        RemoteHeads = null;
        shard.Recharge(this);
    }

    /// <summary>Whether the cached decision, renewed if the document's access has moved, lets the peer read; tells it when it no longer does.</summary>
    public bool MayRead(PeerLink link, IEffects effects)
    {
        if (link.DecidedAtVersion != _accessVersion)
        {
            link.Decision = shard.Access.Decide(link.Session.Principal, Id);
            link.DecidedAtVersion = _accessVersion;
            link.State.ReadOnly = link.Refused || !link.Decision.MayWrite;
            if (link.Decision.MayRead) link.Denied = false;
        }

        if (link.Decision.MayRead) return true;
        if (link.Denied) return false;
        link.Denied = true;
        effects.SendError(shard, link.Session, ErrorCodes.PermissionDenied, "Read access required", Id);
        effects.SendUnavailable(shard, link.Session, Id);
        return false;
    }

    /// <summary>At the end of a turn: the changes taken in it go to the store, in one operation where their bytes lie together.</summary>
    public void StoreChanges(IEffects effects)
    {
        if (Content is not { } content) return;
        if (_unstoredFrom < content.Graph.Count)
        {
            foreach (PeerLink link in Links)
            {
                if (link.ClaimsUnknown) Hold(link);
            }
        }

        if (_store.HoldsSnapshot) return;
        while (_unstoredFrom < content.Graph.Count)
        {
            ReadOnlyMemory<byte> chunks = content.Tail.ContiguousFrom(_unstoredFrom - content.SnapshotRows, out int next);
            _unstoredFrom = content.SnapshotRows + next;
            content.LastSequence++;
            AppendBatch batch = new(Id, chunks, content.Graph.Heads.ToArray());
            _store.Start(new StoreOperation(_store.NextNumber(), batch, WriteFence()), effects);
        }

        foreach (PeerLink link in _held)
        {
            link.Wrote = false;
            link.AwaitsCommit = false;
            link.OwnChangesIn = _store.Last;
        }

        _held.Clear();
        shard.Recharge(this);
    }

    public void AskToRecreate(HashSet<int> rows, IEffects effects)
    {
        if (_recreating) return;
        _recreating = true;
        effects.Recreate(new RecreateJob(this, Content!.Snapshot, rows, shard.Limits));
    }

    public void Mark(PeerLink link)
    {
        link.Dirty = true;
        if (!link.Listed)
        {
            link.Listed = true;
            DirtyLinks.Add(link);
        }

        shard.MarkDirty(this);
    }

    public bool HasProvider()
    {
        foreach (PeerLink link in Links)
        {
            if (link.Provides) return true;
        }

        return false;
    }

    public void Tick(Timestamp now, IEffects effects)
    {
        foreach (PeerLink link in Links)
        {
            link.WholeSendsLeft = Math.Min(shard.Limits.WholeDocumentBurst, link.WholeSendsLeft + 1);
            if (link.Dirty || (link.Wants && now >= link.WantsUntil)) Mark(link);
            PeerStates.Save(link, effects);
        }
    }

    private void ReceiveSync(PeerLink link, in ShardInput input, Timestamp now, IEffects effects)
    {
        if (!SyncMessageReader.TryRead(input.Message.Data.In(input.Payload!.Span), out SyncMessageReader message, out string? error))
        {
            shard.Metrics.BadSyncMessage();
            link.Session.LogOnce(error!);
            effects.SendError(shard, link.Session, ErrorCodes.InvalidSyncMessage, error!, Id);
            input.Payload.Release();
            return;
        }

        bool ignore = link.Refused || !link.Decision.MayWrite;
        if (message.ChangeCount == 0 || ignore)
        {
            Finish(link, message, Content!.Graph.Heads, ignore && message.ChangeCount > 0, now, effects);
            if (ignore && message.ChangeCount > 0) TellReadOnly(link, effects);
            input.Payload.Release();
            return;
        }

        if (IngressJob.IsNeededFor(message, shard.Limits))
        {
            _busy++;
            shard.HeldBytes += input.Bytes;
            effects.Verify(new IngressJob(link, input.Payload, input.Message, Content!, shard.HashKey, shard.Limits));
            return;
        }

        Span<ChangeHash> headsBefore = CopyHeads(stackalloc ChangeHash[8]);
        foreach (ReadOnlySpan<byte> entry in message.Changes)
        {
            ReadOnlySpan<byte> chunks = entry;
            while (!chunks.IsEmpty && !link.Refused)
            {
                if (!ChunkReader.TryRead(chunks, out Chunk chunk, out ChunkError chunkError))
                {
                    Refuse(link, chunkError.Describe(), effects);
                    break;
                }

                if (chunk.Type == ChunkType.Change && !Take(link, chunk.Bytes, effects)) break;
                chunks = chunks[chunk.Length..];
            }
        }

        Finish(link, message, headsBefore, link.Refused, now, effects);
        input.Payload.Release();
    }

    /// <summary>Verifies one change chunk (format §10, rules 1–3) and takes it. Rule 4 (its references exist) has its place here, before the graph.</summary>
    /// <returns>false: refused; the link is read-only from now on.</returns>
    private bool Take(PeerLink link, ReadOnlySpan<byte> chunk, IEffects effects)
    {
        ChangeVerdict verdict = ChangeVerifier.Verify(chunk, shard.Limits.Change, out ChangeHeader header);
        if (!verdict.IsOk)
        {
            Refuse(link, verdict.What, effects);
            return false;
        }

        GraphVerdict added = Content!.Accept(header, shard.Limits, out bool freed);
        if (freed) HoldAll();
        switch (added)
        {
            case GraphVerdict.Added:
                link.Wrote = true;
                Hold(link);
                shard.Metrics.ChangeTaken();
                return true;
            case GraphVerdict.Duplicate:
                // Perhaps not on disk yet, and not this peer's own: what it sent is confirmed with the rest.
                if (HasUncommitted) Hold(link);
                return true;
            case GraphVerdict.MissingDeps:
                link.HasQueued = true;
                return true;
            default:
                Refuse(link, $"change {header.Hash}: {added}", effects);
                return false;
        }
    }

    // Whose queued changes came free is not kept, and their authors may have another connection by now: nobody is answered before they are on disk.
    private void HoldAll()
    {
        foreach (PeerLink link in Links) Hold(link);
    }

    private void Hold(PeerLink link)
    {
        if (link.AwaitsCommit) return;
        link.AwaitsCommit = true;
        _held.Add(link);
    }

    // A peer that has what we have not given it may be its author: it came to us through another peer, or on the peer's last connection.
    private void HoldIfPerhapsAuthor(PeerLink link)
    {
        if (!link.State.HasTheirHeads && HasUncommitted) Hold(link);
    }

    private void Adopt(PeerLink link, IngressJob job, ChangeGraph graph, IEffects effects)
    {
        DocumentContent content = Content!;
        SnapshotBody body = new(job.AdoptedChunk, job.AdoptedIndex, graph.Heads.ToArray());
        if (content.ReplaceSnapshot(graph, job.AdoptedChunk)) HoldAll();
        foreach (PeerLink other in Links) other.State.ForgetSent();
        shard.Metrics.ChangeTaken();
        StoreOperation operation = new(_store.NextNumber(), Id, content.Version, body, new TailRange(content.LastSequence), WriteFence());
        content.Version = new SnapshotVersion(content.Version.Value + 1);
        _unstoredFrom = content.SnapshotRows;
        link.OwnChangesIn = _store.Last;
        _store.Start(operation, effects);
    }

    private void Finish(SharedBuffer payload, RepoMessage message, PeerLink link, ReadOnlySpan<ChangeHash> headsBefore, bool ignoreChanges, Timestamp now, IEffects effects)
    {
        if (!link.Closed && SyncMessageReader.TryRead(message.Data.In(payload.Span), out SyncMessageReader reader, out _))
        {
            Finish(link, reader, headsBefore, ignoreChanges, now, effects);
        }
        else if (Content is not null && !Content.Graph.Heads.SequenceEqual(headsBefore))
        {
            MarkAll();
        }

        payload.Release();
    }

    private void Finish(SharedBuffer payload, RepoMessage message, PeerLink link, bool ignoreChanges, Timestamp now, IEffects effects) =>
        Finish(payload, message, link, Content!.Graph.Heads, ignoreChanges, now, effects);

    /// <summary>The protocol's side of a message whose changes were taken (or ignored).</summary>
    private void Finish(PeerLink link, in SyncMessageReader message, ReadOnlySpan<ChangeHash> headsBefore, bool ignoreChanges, Timestamp now, IEffects effects)
    {
        ChangeGraph graph = Content!.Graph;
        bool changed = !graph.Heads.SequenceEqual(headsBefore);
        HoldIfPerhapsAuthor(link);
        link.Heard = true;
        link.ClaimsUnknown = !SyncSession.Receive(graph, link.State, message, headsBefore, ignoreChanges).WeHaveTheirHeads;
        if (!shard.RechargeLink(link)) effects.Close(link.Session, CloseCode.TryAgainLater, "the states of all peers take too much memory");
        link.Provides = graph.Count == 0 && message.Heads.Length > 0;
        link.Wants = graph.Count == 0 && message.Heads.Length == 0;
        if (link.Wants) link.WantsUntil = now.AfterMs(shard.Limits.ProviderTimeoutMs);
        if (changed) MarkAll();
        Mark(link);
        shard.Gossip.PeerHasHeads(link, message.Heads, now, effects);
    }

    private void Refuse(PeerLink link, string why, IEffects effects)
    {
        shard.Metrics.ChangeRefused();
        link.Refused = true;
        link.State.ReadOnly = true;
        link.Session.LogOnce(why);
        effects.SendError(shard, link.Session, ErrorCodes.InvalidChange, why, Id);
        Mark(link);
    }

    private void TellReadOnly(PeerLink link, IEffects effects)
    {
        if (link.Refused) return;
        link.Refused = true;
        link.State.ReadOnly = true;
        effects.SendError(shard, link.Session, ErrorCodes.PermissionDenied, "Write access required to apply changes", Id);
    }

    private void MarkAll()
    {
        foreach (PeerLink link in Links) Mark(link);
    }

    private void MarkWanting()
    {
        foreach (PeerLink link in Links)
        {
            if (link.Wants) Mark(link);
        }
    }

    private void Wait(PeerLink link, in ShardInput input, IEffects effects, bool resumed)
    {
        if (resumed)
        {
            _waiting.PutBack(input);
            return;
        }

        if (_waiting.TryEnqueue(input)) return;
        effects.Close(link.Session, CloseCode.TryAgainLater, "the document is busy and too much is waiting for it");
        input.Payload!.Release();
    }

    private void Resume(Timestamp now, IEffects effects)
    {
        if (_reloadWhenFree) Reload(now, effects);
        while (!MustWait && _waiting.TryDequeue(out ShardInput input))
        {
            if (shard.FindLink(input.Session!, Id) is { } link) Receive(link, input, now, effects, resumed: true);
            else input.Payload!.Release();
            if (Content is null && _loading) return;
        }
    }

    // The oldest decision among this turn's writers: what any of them may no longer do must not be stored.
    private Fence WriteFence()
    {
        Fence? fence = null;
        foreach (PeerLink link in _held)
        {
            if (!link.Wrote) continue;
            Fence own = link.Decision.AuthorisedUnder;
            if (fence is not { } oldest || (own.Epoch, own.Control).CompareTo((oldest.Epoch, oldest.Control)) < 0) fence = own;
        }

        return fence ?? shard.CurrentFence;
    }

    private Span<ChangeHash> CopyHeads(Span<ChangeHash> buffer)
    {
        ReadOnlySpan<ChangeHash> heads = Content!.Graph.Heads;
        Span<ChangeHash> copy = heads.Length <= buffer.Length ? buffer[..heads.Length] : new ChangeHash[heads.Length];
        heads.CopyTo(copy);
        return copy;
    }
}
