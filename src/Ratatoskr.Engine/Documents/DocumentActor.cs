using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.RemoteHeads;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// One document and the peers that have it open. Lets in what peers say, which <see cref="ChangeIntake"/> takes, and marks who has to hear of it;
/// <see cref="FanOut"/> then speaks, once per peer and turn.
/// Content comes from the store when it is first needed and may leave memory whenever nothing depends on it.
/// </summary>
/// <remarks>Owned by its shard: one caller at a time, never awaits. While content is loaded or a worker verifies, inputs wait here.</remarks>
internal sealed class DocumentActor
{
    // A document that cannot be loaded is tried again after 1 s, then 2, 4, up to 256 s: it may be large and damaged.
    private const long LoadAgainMs = 1_000;
    private const int LoadAgainDoublingsMax = 8;

    private readonly Shard _shard;
    private readonly WaitingInputs _waiting;
    private bool _loading;
    private bool _loadIsHeld;                                 // until the store has answered all that was given up
    private int _busy;
    private bool _recreating;
    private bool _awaitsRoom;
    private Deletion? _deletion;
    private bool _isDeleting;
    private IngressJob? _ingress;                             // a worker has it, or it waits for one
    private bool _isSuspended;                                // it waits for the op set
    private bool _hasQueuedOfGone;                            // who sent some of the queued changes has left
    private HashSet<ChangeHash>? _quarantine;
    private bool _reloadWhenFree;
    private int _loadFailures;
    private Timestamp _loadAgainAt;

    public DocumentActor(DocumentId id, Shard shard)
    {
        Id = id;
        _shard = shard;
        _waiting = new WaitingInputs(shard);
        Access = new DocumentAccess(this, shard);
        Quota = new DocumentQuota(this, shard);
        Writes = new DocumentWrites(this, shard);
        Compaction = new DocumentCompaction(this, shard);
    }

    public DocumentId Id { get; }

    public DocumentContent? Content { get; private set; }

    public List<PeerLink> Links { get; } = new(1);

    /// <summary>Links that may have to be sent something in this turn.</summary>
    public List<PeerLink> DirtyLinks { get; } = new(1);

    public RemoteHeadsTable? RemoteHeads { get; set; }

    public DocumentAccess Access { get; }

    public DocumentQuota Quota { get; }

    public DocumentWrites Writes { get; }

    public DocumentCompaction Compaction { get; }

    /// <summary>In the shard's queue of documents that go on with what waits in one of the next turns.</summary>
    public bool IsResuming { get; set; }

    /// <summary>In the shard's list of documents to flush at the end of the turn.</summary>
    public bool Listed { get; set; }

    public Timestamp LastUsed { get; set; }

    /// <summary>When a peer last sent changes.</summary>
    public Timestamp LastWritten { get; set; }

    /// <summary>Changes that were taken cannot be stored now: until they are, nothing new is taken, and the document can be read.</summary>
    public bool CannotStore { get; private set; }

    /// <summary>Some of what is in memory came with a credential that was revoked since; it is given up as soon as nobody is at work on it.</summary>
    public bool HoldsRevoked { get; private set; }

    /// <summary>A worker has the content and changes it: until it is back nothing here reads it, and nobody is spoken to.</summary>
    public bool IsLent { get; private set; }

    /// <summary>What the shard's budget was charged for the content.</summary>
    public long ChargedBytes { get; set; }

    /// <summary>The op set can be had again, from snapshot and tail.</summary>
    public bool CanEvictOperations => Content?.Operations is not null && !MustWait;

    /// <summary>Everything in memory can be had again: from the store, and queued changes from the peers that sent them.</summary>
    public bool CanEvict => Content is not null && !MustWait && !Writes.HasUncommitted && !Compaction.IsStoring;

    public bool IsForgettable => Links.Count == 0 && _waiting.Count == 0 && !MustWait && !Writes.IsStoring && !Writes.IsSettling && !Compaction.IsStoring && _quarantine is null && (Content is null || CanEvict);

    /// <summary>Nothing of it is in memory, or there is nothing of it.</summary>
    public bool IsEmpty => Content is null or { Graph.Count: 0 };

    /// <summary>A worker, or a message that waits for one, depends on the content as it is.</summary>
    public bool IsBusy => _busy > 0;

    private bool MustWait => _loading || _busy > 0 || _awaitsRoom || _deletion is not null;

    public PeerLink Open(PeerSession session, SessionSlot slot)
    {
        PeerLink link = new(session, slot, this) { WholeSendsLeft = _shard.Limits.WholeDocumentBurst };
        Links.Add(link);
        return link;
    }

    public void Close(PeerLink link)
    {
        link.Closed = true;
        Links.Remove(link);
        _shard.ForgetLink(link);
        _hasQueuedOfGone |= link.HasQueued;
        if (link.Provides) MarkWanting();
    }

    /// <summary>Takes a sync, request or doc-unavailable message.</summary>
    /// <param name="resumed">It has waited already and keeps its place before those that still do.</param>
    public void Receive(PeerLink link, in ShardInput input, Timestamp now, IEffects effects, bool resumed = false)
    {
        LastUsed = now;
        if (MustWait || (!resumed && _waiting.Count > 0))
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
        if (!Access.MayRead(link, effects))
        {
            if (MustWait)                                        // for the decision
            {
                Wait(link, input, effects, resumed);
                return;
            }

            if (toldBefore) effects.SendUnavailable(_shard, link.Session, Id);
            Drop(link, input);
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

        switch (_shard.Intake.Receive(this, link, input, now, effects))
        {
            case Intake.Working:
                _busy++;
                break;
            case Intake.NeedsOperations:
                BuildOperations(effects);
                Wait(link, input, effects, resumed);
                break;
            case Intake.NeedsRoom:
                _awaitsRoom = true;
                Wait(link, input, effects, resumed);
                break;
        }
    }

    /// <summary>Inputs wait until a decision is made.</summary>
    public void AwaitAccess() => _busy++;

    /// <summary>A decision was made.</summary>
    public void AccessAnswered(AccessQuestion question, Timestamp now, IEffects effects)
    {
        _busy--;
        Access.Answered(question, effects);
        Resume(now, effects);
    }

    /// <summary>Frees the content, in memory and in the store. Who may still ask for it, and be told that it is gone, is access's business.</summary>
    public void Delete(Deletion deletion, Timestamp now, IEffects effects)
    {
        if (_deletion is not null)
        {
            Deletion first = _deletion;
            first.Done.Task.ContinueWith(
                static (done, second) => CompleteLike(done, (TaskCompletionSource)second!), deletion.Done, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            return;
        }

        bool mustWait = MustWait;
        _deletion = deletion;
        if (!mustWait) StartDeletion(effects);
    }

    /// <summary>The store has freed the content, or failed to.</summary>
    public void Deleted(bool done, Exception? error, Timestamp now, IEffects effects)
    {
        Deletion deletion = _deletion!;
        _deletion = null;
        _isDeleting = false;
        if (done) deletion.Done.TrySetResult();
        else deletion.Done.TrySetException(error ?? new IOException($"document {Id} could not be deleted from the store"));
        Resume(now, effects);
    }

    /// <summary>A compaction was stored, or lost.</summary>
    public void Compacted(CompactionJob job, AppendOutcome outcome, Exception? error, Timestamp now, IEffects effects)
    {
        Compaction.Stored(job, outcome, error, now, effects);
        CompactionEnded(now, effects);
    }

    public void Loaded(DocumentContent? content, Exception? error, Timestamp now, IEffects effects)
    {
        _loading = false;
        if (content is null)
        {
            // The peers keep what they have and are told that we cannot serve; the next message, or time, tries again. What waited is asked for then.
            _shard.Log.LoadFailed(Id, error);
            DropWaiting();
            foreach (PeerLink link in Links)
            {
                link.AskAgain();
                effects.SendUnavailable(_shard, link.Session, Id);
            }

            _loadAgainAt = now.AfterMs(LoadAgainMs << Math.Min(_loadFailures++, LoadAgainDoublingsMax));
            if (_deletion is not null) Resume(now, effects);
            return;
        }

        _loadFailures = 0;
        _shard.Metrics.DocumentLoaded();
        if (content.Damage is { } damage)
        {
            _shard.Metrics.DocumentDamaged();
            _shard.Log.Damaged(Id, damage);
        }

        Content = content;
        Writes.Begin(content);
        Quota.Settle();
        Quota.Report(now);
        LastUsed = now;
        _shard.Recharge(this);
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

    /// <summary>A worker is done.</summary>
    public void Worked(DocumentJob job, Timestamp now, IEffects effects)
    {
        switch (job)
        {
            case IngressJob ingress:
                Continue(ingress, now, effects);
                break;
            case OperationsJob operations:
                Built(operations, now, effects);
                break;
            case RecreateJob recreate:
                Recreated(recreate);
                break;
            case CompactionJob compaction:
                Compaction.Worked(compaction, now, effects);
                CompactionEnded(now, effects);
                break;
        }
    }

    /// <summary>Gives a message to a worker that looks at its changes.</summary>
    public void Verify(IngressJob job, IEffects effects)
    {
        _ingress = job;
        effects.Work(job);
    }

    /// <summary>Gives the content to a worker that changes it.</summary>
    public void Lend(IngressJob job, IEffects effects)
    {
        IsLent = true;
        effects.Work(job);
    }

    /// <summary>Who may do what has changed. What was taken under older decisions is on disk, or given up, before the change counts as in force.</summary>
    public void AccessChanged(ControlDelivery delivery, Timestamp now, IEffects effects)
    {
        // Whose queued changes they are is not kept; whoever may still write sends them again. What a worker has is judged when it is back.
        if (!IsLent && Content?.Queue is { Count: > 0 }) Reload(now, effects);
        Access.Changed(effects);
        Settle(delivery, now, effects);
    }

    /// <summary>A control change is in force here when what was taken before it is on disk, or given up.</summary>
    public void Settle(ControlDelivery delivery, Timestamp now, IEffects effects)
    {
        if (Writes.HasFailed) Reload(now, effects);          // the store may refuse for long: the authors are asked again, under what they may now
        Writes.Settle(delivery);
    }

    /// <summary>A credential was revoked: whoever is here with it has been sent away. What others sent with it before they left, and nobody has taken, is given up.</summary>
    public void Revoked(ControlDelivery delivery, Timestamp now, IEffects effects)
    {
        if (_ingress?.Link.Session is { } author && author.Principal.IsMeantBy(delivery.Change.Subject)) author.RevokeLate();
        foreach (PeerLink link in Links)
        {
            if (!link.Session.IsEnded || !link.Session.Principal.IsMeantBy(delivery.Change.Subject)) continue;
            link.Session.RevokeLate();
            _hasQueuedOfGone |= link.HasQueued;
        }

        if (_hasQueuedOfGone)
        {
            HoldsRevoked = true;                              // perhaps: whose they are is not kept
            Reload(now, effects);
        }

        Settle(delivery, now, effects);
    }

    /// <summary>The peer's credential was revoked: what it has sent and waits for other changes is given up.</summary>
    public void ForgetQueued(PeerLink link, Timestamp now, IEffects effects)
    {
        if (link.HasQueued) Reload(now, effects);
    }

    public void Appended(ulong number, AppendOutcome outcome, Exception? error, Timestamp now, IEffects effects)
    {
        Writes.Returned(number);
        if (_loadIsHeld && !Writes.HasGivenUp) StartLoad(effects);
        if (!Writes.Awaits(number)) return;                  // given up meanwhile
        if (outcome == AppendOutcome.Stored && error is null)
        {
            Writes.Complete(number);
            if (CannotStore && !Writes.IsStoring) StoreWorksAgain();
            Quota.Report(now);
            Compaction.StartIfDue(now, effects);
            return;
        }

        if (outcome == AppendOutcome.Fenced)
        {
            // Somebody else has spoken since the decision was made. What we hold beyond the store is given up; its authors still have it,
            // are asked again under a new decision, and were never told that it was safe.
            Access.Forget();
            Reload(now, effects);
            return;
        }

        if (!CannotStore) _shard.Log.AppendFailed(Id, number, error);
        if (error is not null) StoreFails(effects);
        Writes.Failed();
        if (Writes.IsSettling) Reload(now, effects);
        else _shard.RetryLater(this);
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
        GiveUp();
        if (Links.Count == 0) return;
        LastUsed = now;
        Load(effects);
    }

    /// <summary>Gives up what is in memory. What is not in the store is with its authors, who are asked again.</summary>
    public void GiveUp()
    {
        if (CannotStore) StoreWorksAgain();                       // or not: the next change will show it
        Writes.Clear();
        Evict();
        HoldsRevoked = false;
        foreach (PeerLink link in Links)
        {
            link.AskAgain();
            if (!link.HasNothing) continue;
            link.Wants = true;                                    // it waits for what may be there no more
            link.WantsUntil = LastUsed.AfterMs(_shard.Limits.ProviderTimeoutMs);
        }
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
        _loadIsHeld = Writes.HasGivenUp;
        if (!_loadIsHeld) StartLoad(effects);
    }

    private void StartLoad(IEffects effects)
    {
        _loadIsHeld = false;
        effects.Load(Id, _quarantine);
    }

    /// <summary>Lets everything go after an internal error; results that still arrive find nobody.</summary>
    public void Abandon()
    {
        IsLent = false;
        if (_isSuspended) _shard.Intake.Release(_ingress!);
        (_ingress, _isSuspended) = (null, false);
        foreach (PeerLink link in Links)
        {
            link.Closed = true;
            link.Session.Slots[_shard.Index]?.Links.Remove(Id);
            _shard.ForgetLink(link);
        }

        Links.Clear();
        _waiting.Clear();
        Writes.Abandon();
        Evict();
        Quota.Detach();
        _deletion?.Done.TrySetException(new InvalidOperationException($"document {Id} met an internal error"));
    }

    /// <summary>The store has a snapshot that holds more of the tail than ours.</summary>
    public void Fold(CompactionJob job)
    {
        Content!.Fold(job.Body!.Chunk, job.Stored.Rows);
        _shard.Recharge(this);
        Quota.Settle();
    }

    /// <summary>Lets the op set go; the next change waits until it is built again.</summary>
    public void EvictOperations()
    {
        Content!.Operations = null;
        _shard.Recharge(this);
    }

    public void Evict()
    {
        Content = null;
        RemoteHeads = null;
        _hasQueuedOfGone = false;
        _shard.Recharge(this);
    }

    public void AskToRecreate(HashSet<int> rows, IEffects effects)
    {
        if (_recreating) return;
        _recreating = true;
        effects.Work(new RecreateJob(this, Content!.Snapshot, rows, _shard.Limits));
    }

    public void Mark(PeerLink link)
    {
        link.Dirty = true;
        if (!link.Listed)
        {
            link.Listed = true;
            DirtyLinks.Add(link);
        }

        _shard.MarkDirty(this);
    }

    public void MarkAll()
    {
        foreach (PeerLink link in Links) Mark(link);
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
        Access.Tick(effects);
        Compaction.StartIfDue(now, effects);
        if (CanEvictOperations && now.UnixMs - LastWritten.UnixMs > _shard.Limits.IdleOperationsMs) EvictOperations();
        foreach (PeerLink link in Links)
        {
            link.WholeSendsLeft = Math.Min(_shard.Limits.WholeDocumentBurst, link.WholeSendsLeft + 1);
            if (link.OverQuotaBytes > 0 && !IsLent && Quota.HasRoomFor(link.OverQuotaBytes, out _)) LiftQuota(link);
            if (link.Dirty || (link.Wants && now >= link.WantsUntil)) Mark(link);
            PeerStates.Save(link, effects);
        }
    }

    private void Continue(IngressJob job, Timestamp now, IEffects effects)
    {
        if (IsLent) _shard.MarkDirty(this);                   // what was not said meanwhile
        IsLent = false;
        LastUsed = now;
        Compaction.Returned(now, effects);
        switch (_shard.Intake.Worked(this, job, now, effects))
        {
            case Intake.Done:
                _ingress = null;
                _busy--;
                Resume(now, effects);
                break;
            case Intake.NeedsOperations:
                _isSuspended = true;
                BuildOperations(effects);
                break;
        }
    }

    private void BuildOperations(IEffects effects)
    {
        _busy++;
        effects.Work(new OperationsJob(this, Content!, _shard.Limits));
    }

    private void Built(OperationsJob job, Timestamp now, IEffects effects)
    {
        _busy--;
        LastUsed = now;
        if (Content == job.Content)
        {
            if (job.Bug is { } bug) throw new InvalidOperationException("building an op set failed", bug);
            _shard.Metrics.OperationsBuilt();
            if (job.Fault is { Outcome: AcceptOutcome.Damaged } damage) _shard.Log.Damaged(Id, damage.Why);
            Content.Operations = job.Operations;
            Content.HasUnsound |= job.Unsound is not null;
            Content.Fault = job.Fault;
            _shard.Recharge(this);
            if (job.Unsound is { } unsound && _shard.Limits.Validation == ValidationMode.Enforce)
            {
                Quarantine(unsound);
                _reloadWhenFree = true;
            }
        }

        if (_isSuspended)
        {
            IngressJob ingress = _ingress!;
            _isSuspended = false;
            if (Content == ingress.Content && !_reloadWhenFree)
            {
                Lend(ingress, effects);
                return;
            }

            _shard.Intake.Release(ingress);
            _ingress = null;
            _busy--;
            foreach (PeerLink link in Links) link.AskAgain();
            ingress.Link.AskForLost();                                // what it brought is not heard
        }

        Resume(now, effects);
    }

    private void Quarantine(IReadOnlyList<(ChangeHash Hash, string Why)> unsound)
    {
        _quarantine = [.. _quarantine ?? [], .. unsound.Select(change => change.Hash)];
        foreach ((ChangeHash hash, string why) in unsound)
        {
            _shard.Log.Quarantined(Id, hash, why);
            _shard.Metrics.ChangeQuarantined();
        }
    }

    private void Recreated(RecreateJob job)
    {
        _recreating = false;
        if (Content is null) return;
        if (job.Changes is null)
        {
            _shard.Log.Damaged(Id, job.Error ?? job.Bug?.ToString() ?? "");
            return;
        }

        // Of another snapshot the rows mean other changes: those who wait ask again.
        if (!IsLent && job.Snapshot.Equals(Content.Snapshot)) Content.KeepRecreated(job.Changes);
        foreach (PeerLink link in Links)
        {
            if (link.Dirty) Mark(link);
        }
    }

    private void StartDeletion(IEffects effects)
    {
        _isDeleting = true;
        _reloadWhenFree = false;
        _quarantine = null;
        GiveUp();
        Quota.Deleted(_deletion!);
        effects.Delete(this);
    }

    private static void CompleteLike(Task done, TaskCompletionSource second)
    {
        if (done.Exception is { } failure) second.SetException(failure.InnerExceptions);
        else second.SetResult();
    }

    // Whether or not it has made room: who waited for it is judged again.
    private void CompactionEnded(Timestamp now, IEffects effects)
    {
        if (!IsLent) Quota.Settle();
        Quota.Report(now);
        if (!_awaitsRoom || Compaction.IsUnderWay) return;
        _awaitsRoom = false;
        Resume(now, effects);
    }

    // What was taken is sent to the store again and again. Who waits for it, and who brings more, is told why nothing comes of it.
    private void StoreFails(IEffects effects)
    {
        CannotStore = true;
        foreach (PeerLink link in Links)
        {
            if (Writes.IsOwedTo(link)) _shard.Intake.RefuseUnstored(this, link, effects);
        }
    }

    private void StoreWorksAgain()
    {
        CannotStore = false;
        foreach (PeerLink link in Links)
        {
            if (!link.Unstored) continue;
            link.Unstored = false;
            link.UpdateReadOnly();
            Mark(link);
        }
    }

    private void LiftQuota(PeerLink link)
    {
        link.OverQuotaBytes = 0;
        link.UpdateReadOnly();
        Mark(link);
    }

    // A peer does not offer again by itself what it has sent.
    private static void Drop(PeerLink link, in ShardInput input)
    {
        if (SyncMessageReader.TryRead(input.Message.Data.In(input.Payload!.Span), out SyncMessageReader message, out _)) link.HasLostChanges |= message.ChangeCount > 0;
        input.Payload.Release();
    }

    private void DropWaiting()
    {
        while (_waiting.TryDequeue(out WaitingInput waiting))
        {
            Drop(waiting.Link, waiting.Input);
            CloseIfLast(waiting.Link);
        }
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
            _waiting.PutBack(link, input);
            return;
        }

        if (_waiting.TryEnqueue(link, input)) return;
        _shard.Metrics.Dropped(MessageDrop.DocumentBusy);
        effects.Close(link.Session, CloseCode.TryAgainLater, "the document is busy and too much is waiting for it");
        input.Payload!.Release();
    }

    private void CloseIfLast(PeerLink link)
    {
        if (link.Leaves && link.WaitingInputs == 0 && !link.Closed) _shard.CloseLater(link);
    }

    /// <summary>Goes on with what waits, as far as this turn allows.</summary>
    public void Resume(Timestamp now, IEffects effects)
    {
        if (_deletion is not null && !_isDeleting && !_loading && _busy == 0 && !_awaitsRoom)
        {
            StartDeletion(effects);
            return;
        }

        if (_reloadWhenFree) Reload(now, effects);
        while (!MustWait && _waiting.Count > 0 && _shard.MayResume(this, _waiting.NextBytes) && _waiting.TryDequeue(out WaitingInput waiting))
        {
            if (waiting.Link.Closed || waiting.Link.Session.IsRevoked) waiting.Input.Payload!.Release();
            else Receive(waiting.Link, waiting.Input, now, effects, resumed: true);
            CloseIfLast(waiting.Link);
            if (Content is null && _loading) return;
        }
    }
}
