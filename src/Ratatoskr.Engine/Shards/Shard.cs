using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Ephemeral;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.RemoteHeads;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Shards;

/// <summary>
/// One of N loops, sole owner of the documents whose ids hash to it. Handles inputs one by one, then at the end of a turn
/// stores what was taken and speaks once per peer and document that changed. Neither awaits nor reads a clock.
/// </summary>
/// <remarks>One caller at a time: its runner, or a simulation.</remarks>
internal sealed class Shard
{
    // A link, its places in two tables, and a document actor it may have made.
    private const int LinkOverheadBytes = 1024;

    // Documents that time passes for, and links of ended sessions that are let go, in one turn: there may be a hundred thousand of each.
    private const int WalkPerTurn = 256;

    // What documents take of their waiting messages in one turn: about a millisecond's work, so that others' messages come in between.
    private const int ResumeBytesPerTurn = 32 << 10;

    // A document that was used so lately is in use.
    private const int InUseMs = 10_000;

    // Documents in use are evicted if that frees at least so much of what is too much: a quarter.
    private const int InUseShareMin = 4;

    private readonly Dictionary<DocumentId, DocumentActor> _documents = new(DocumentId.Comparer.Instance);
    private readonly Dictionary<DocumentId, DocumentActor>.AlternateLookup<ReadOnlySpan<byte>> _documentsByText;
    private readonly List<DocumentActor> _dirty = [];
    private readonly List<DocumentActor> _retry = [];
    private readonly Queue<DocumentActor> _resuming = new();
    private readonly Queue<DocumentActor> _ticking = new();
    private readonly Queue<PeerLink> _closing = new();
    private readonly List<PeerSession> _halted = [];
    private readonly CountOfSecond _absent = new();
    private readonly CountOfSecond _largeRefusals = new();
    private readonly FanOut _fanOut;
    private readonly EphemeralRelay _ephemeral;
    private readonly long _budget;
    private long _charged;
    private long _linkBytes;
    private int _sessions;                                        // those with a slot here
    private int _linkCount;
    private long _heldBytes;
    private long _resumeBytesLeft = ResumeBytesPerTurn;

    public Shard(ShardContext context, int index)
    {
        Context = context;
        Index = index;
        _documentsByText = _documents.GetAlternateLookup<ReadOnlySpan<byte>>();
        _fanOut = new FanOut(this);
        _ephemeral = new EphemeralRelay(this);
        Intake = new ChangeIntake(this);
        Gossip = new RemoteHeadsGossip(this);
        _budget = Math.Max(1, context.Limits.MemoryBudgetBytes / context.ShardCount);
    }

    public ShardContext Context { get; }

    public int Index { get; }

    public EngineLimits Limits => Context.Limits;

    public IAccessPolicy Access => Context.Access;

    public EngineMetrics Metrics => Context.Metrics;

    public EngineLog Log => Context.Log;

    public ulong HashKey => Context.HashKey;

    public ReadOnlySpan<byte> ServerPeerId => Context.ServerPeerId.Text;

    public Fence CurrentFence => Context.Control.Current;

    public ChangeIntake Intake { get; }

    public RemoteHeadsGossip Gossip { get; }

    /// <summary>Room for any envelope with the longest ids; content lives until the next use.</summary>
    public byte[] Scratch { get; } = new byte[MessageWriter.LengthMax((2 * PeerId.LengthMax) + DocumentId.LengthMax + MessageReader.SessionIdLengthMax)];

    /// <summary>Bytes of messages that wait for a document or are at a worker; read by the runner on any thread.</summary>
    public ref long HeldBytes => ref _heldBytes;

    /// <summary>The moment of the input that is being handled, or of the end of the turn.</summary>
    public Timestamp Now { get; private set; }

    /// <summary>There is work for further turns: messages of documents that wait for nothing any more, walks over many documents or links.</summary>
    public bool HasMore => _resuming.Count > 0 || _ticking.Count > 0 || _closing.Count > 0;

    /// <summary>Store operations have failed and wait for the next tick.</summary>
    public bool HasRetries => _retry.Count > 0;

    /// <summary>Any thread, as the two below.</summary>
    public int DocumentCount => _documents.Count;

    public long ContentBytes => Volatile.Read(ref _charged);

    public long LinkBytes => Volatile.Read(ref _linkBytes);

    /// <summary>Documents that sessions have open, counted once per session.</summary>
    public int LinkCount => Volatile.Read(ref _linkCount);

    /// <summary>For tests: what is in memory of a document.</summary>
    public DocumentContent? ContentOf(DocumentId id) => Find(id)?.Content;

    /// <summary>For tests, when everybody has gone: what is still kept or charged; null when nothing is.</summary>
    public string? Leftovers()
    {
        bool isClean = _documents.Count == 0 && _charged == 0 && _linkBytes == 0 && _heldBytes == 0 && _dirty.Count == 0 && _retry.Count == 0 && !HasMore;
        return isClean ? null : $"{_documents.Count} documents, {_charged} bytes of content, {_linkBytes} of links, {_heldBytes} of messages, {_retry.Count} retries";
    }

    public void Handle(ref ShardInput input, Timestamp now, IEffects effects)
    {
        Now = now;
        switch (input.Kind)
        {
            case ShardInputKind.Message:
                Receive(ref input, now, effects);
                break;
            case ShardInputKind.RemoteSubscription:
                if (!IsGone(input.Session!)) Gossip.Subscribe(SlotOf(input.Session!), input.Message, input.Payload!.Span, effects);
                input.Payload!.Release();
                break;
            case ShardInputKind.SessionClosed:
                EndSession(input.Session!, effects);
                break;
            case ShardInputKind.Drained:
                Drained(input.Session!, effects);
                break;
            case ShardInputKind.Loaded:
                if (Find(input.Document) is { } loaded) loaded.Loaded((DocumentContent?)input.Result, input.Error, now, effects);
                break;
            case ShardInputKind.SyncStateLoaded:
                if (Find(input.Document) is { } owner)
                {
                    owner.SyncStateLoaded(FindLink(input.Session!, input.Document), input.Result is byte[] state ? state : default(ReadOnlyMemory<byte>), now, effects);
                }

                break;
            case ShardInputKind.Appended:
                if (Find(input.Document) is { } appended) appended.Appended(input.Number, input.Outcome, input.Error, now, effects);
                break;
            case ShardInputKind.Worked:
                DocumentJob job = (DocumentJob)input.Result!;
                job.Document.Worked(job, now, effects);
                break;
            case ShardInputKind.Compacted:
                CompactionJob compaction = (CompactionJob)input.Result!;
                compaction.Document.Compacted(compaction, input.Outcome, input.Error, now, effects);
                break;
            case ShardInputKind.AccessAnswered:
                AccessQuestion question = (AccessQuestion)input.Result!;
                question.Document.AccessAnswered(question, now, effects);
                break;
            case ShardInputKind.SessionRenewed:
                if (input.Session!.Slots[Index] is { } renewed)
                {
                    foreach (PeerLink link in renewed.Links.Values) link.Document.Access.Renewed(link, effects);
                }

                break;
            case ShardInputKind.MessagesDropped:
                if (input.Session!.Slots[Index] is { } unheard)
                {
                    foreach (PeerLink link in unheard.Links.Values) AskAgain(link);
                }

                break;
            case ShardInputKind.Delete:
                Delete(input.Document, (Deletion)input.Result!, now, effects);
                break;
            case ShardInputKind.Deleted:
                ((DocumentActor)input.Result!).Deleted(input.Outcome == AppendOutcome.Stored && input.Error is null, input.Error, now, effects);
                break;
            case ShardInputKind.ControlChanged:
                ControlChanged((ControlDelivery)input.Result!, now, effects);
                break;
            case ShardInputKind.Rejoined:
            case ShardInputKind.LeaseLost:
                foreach (DocumentActor document in _documents.Values) document.Access.Changed(effects);
                break;
            case ShardInputKind.FeedGap:
                foreach (DocumentActor document in _documents.Values) document.Reload(now, effects);
                break;
            case ShardInputKind.ForeignChunks:
            case ShardInputKind.SnapshotMoved:
                // The store is the truth: what another node has stored is read from there.
                input.Payload?.Release();
                if (Find(input.Document) is { } moved) moved.Reload(now, effects);
                break;
            case ShardInputKind.ForeignEphemeral:
                if (Find(input.Document) is { } target) _ephemeral.RelayForeign(target, input.Payload!, effects);
                input.Payload!.Release();
                break;
            case ShardInputKind.Tick:
                Tick(now, effects);
                break;
        }
    }

    /// <summary>Everything handled since the last call is now stored and spoken about, once per peer and document.</summary>
    public void EndTurn(Timestamp now, IEffects effects)
    {
        Now = now;
        ResumeSome(now, effects);
        TickSome(now, effects);
        CloseSome(effects);
        for (int i = 0; i < _dirty.Count; i++)                   // a flush may mark further documents
        {
            DocumentActor document = _dirty[i];
            document.Listed = false;
            try
            {
                _fanOut.Flush(document, now, effects);
            }
            catch (Exception e)
            {
                _fanOut.Reset();
                Break(document, e, effects);
            }
        }

        _dirty.Clear();
        long budget = Math.Max(_budget / 4, (Limits.MemoryBudgetBytes - Context.Workers.ReservedBytes) / Context.ShardCount);
        if (_charged > budget) Evict(now, budget * 9 / 10);
    }

    public void MarkDirty(DocumentActor document)
    {
        if (document.Listed) return;
        document.Listed = true;
        _dirty.Add(document);
    }

    /// <summary>Whether a document may take a message out of those that wait for it in this turn; otherwise it has its place in one of the next.</summary>
    public bool MayResume(DocumentActor document, int bytes)
    {
        if (_resumeBytesLeft > 0)
        {
            _resumeBytesLeft -= bytes;
            return true;
        }

        if (!document.IsResuming) _resuming.Enqueue(document);
        document.IsResuming = true;
        return false;
    }

    // Each in its turn, at least one of them in every turn.
    private void ResumeSome(Timestamp now, IEffects effects)
    {
        _resumeBytesLeft = ResumeBytesPerTurn;
        for (int i = _resuming.Count; i > 0 && _resumeBytesLeft > 0; i--)
        {
            DocumentActor document = _resuming.Dequeue();
            document.IsResuming = false;
            try
            {
                document.Resume(now, effects);
            }
            catch (Exception e)
            {
                Break(document, e, effects);
            }
        }
    }

    public void RetryLater(DocumentActor document)
    {
        if (!_retry.Contains(document)) _retry.Add(document);
    }

    /// <summary>Accounts for a document's content after it has grown, shrunk or gone.</summary>
    public void Recharge(DocumentActor document)
    {
        if (document.IsLent) return;                              // again when it is back
        long bytes = (document.Content?.MemoryBytes ?? 0) + (document.RemoteHeads?.Bytes ?? 0);
        _charged += bytes - document.ChargedBytes;
        document.ChargedBytes = bytes;
    }

    /// <summary>Accounts for what is kept of a peer's view of a document, which the peer can make large.</summary>
    /// <returns>false: all links together take more than the budget, and those of its session more than their share.</returns>
    public bool RechargeLink(PeerLink link)
    {
        long bytes = LinkOverheadBytes + link.State.MemoryBytes;
        ChargeLink(link, bytes);
        return link.Session.Slots[Index] is not { } slot || HasRoomForLinks(slot);
    }

    public void ForgetLink(PeerLink link)
    {
        _linkCount--;
        ChargeLink(link, 0);
    }

    public PeerLink? FindLink(PeerSession session, DocumentId id) =>
        session.Slots[Index] is { } slot && slot.Links.TryGetValue(id, out PeerLink? link) ? link : null;

    /// <summary>
    /// An invariant of ours is broken: the document the input was for is taken out of memory and its peers' connections are closed,
    /// so that all begin again from what is stored.
    /// </summary>
    public void Break(in ShardInput input, Exception cause, IEffects effects)
    {
        DocumentActor? document = input.Kind switch
        {
            ShardInputKind.Message => FindLinkOf(input)?.Document,
            ShardInputKind.Worked => ((DocumentJob)input.Result!).Document,
            ShardInputKind.AccessAnswered => ((AccessQuestion)input.Result!).Document,
            ShardInputKind.Deleted => (DocumentActor)input.Result!,
            _ => input.Document.IsDefault ? null : Find(input.Document),
        };
        if (document is null) Log.Broken("(none)", cause);
        else Break(document, cause, effects);
    }

    private void Break(DocumentActor document, Exception cause, IEffects effects)
    {
        Log.Broken(document.Id.ToString(), cause);
        Metrics.DocumentBroken();
        foreach (PeerLink link in document.Links.ToArray()) effects.Close(link.Session, CloseCode.InternalError, "a document met an internal error");
        document.Abandon();
        if (Find(document.Id) == document) _documents.Remove(document.Id);
    }

    // The bytes may have been given back before the exception, then the document cannot be told.
    private PeerLink? FindLinkOf(in ShardInput input) =>
        input.Session!.Slots[Index] is { } slot
        && input.Payload!.Length >= input.Message.DocumentId.End
        && slot.LinksByText.TryGetValue(input.Message.DocumentId.In(input.Payload.Span), out PeerLink? link) ? link : null;

    private static bool IsSyncKind(MessageKind kind) => kind is MessageKind.Sync or MessageKind.Request;

    private DocumentActor? Find(DocumentId id) => _documents.GetValueOrDefault(id);

    private SessionSlot SlotOf(PeerSession session)
    {
        if (session.Slots[Index] is { } slot) return slot;
        _sessions++;
        return session.Slots[Index] = new SessionSlot();
    }

    private void ChargeLink(PeerLink link, long bytes)
    {
        long more = bytes - link.ChargedBytes;
        link.ChargedBytes = bytes;
        _linkBytes += more;
        if (link.Session.Slots[Index] is { } slot) slot.LinkBytes += more;
    }

    // When the budget is used up, those who use more than their share of it are refused, and nobody else: so it is never passed by more than once itself.
    private bool HasRoomForLinks(SessionSlot slot) => _linkBytes <= _budget || slot.LinkBytes <= _budget / Math.Max(1, _sessions);

    private void Receive(ref ShardInput input, Timestamp now, IEffects effects)
    {
        PeerSession session = input.Session!;
        SharedBuffer payload = input.Payload!;
        if (IsGone(session))
        {
            payload.Release();
            return;
        }

        SessionSlot slot = SlotOf(session);
        ReadOnlySpan<byte> idText = input.Message.DocumentId.In(payload.Span);
        if (!slot.LinksByText.TryGetValue(idText, out PeerLink? link))
        {
            // Only asking for a document, or offering it, opens it.
            bool opens = IsSyncKind(input.Message.Kind);
            link = opens ? OpenLink(session, slot, idText, effects) : null;
            if (link is null)
            {
                if (!opens) Metrics.Dropped(MessageDrop.NotOpen);
                payload.Release();
                return;
            }
        }

        switch (input.Message.Kind)
        {
            case MessageKind.Ephemeral:
                _ephemeral.Relay(link, input.Message, payload, effects);
                payload.Release();
                break;
            case MessageKind.RemoteHeadsChanged:
                if (link.Document.Access.MayRead(link, effects)) Gossip.HeadsChanged(link, input.Message, payload.Span, now, effects);
                payload.Release();
                break;
            default:
                link.Document.Receive(link, input, now, effects);
                break;
        }
    }

    private PeerLink? OpenLink(PeerSession session, SessionSlot slot, ReadOnlySpan<byte> idText, IEffects effects)
    {
        if (!_documentsByText.TryGetValue(idText, out DocumentActor? document))
        {
            if (idText.Length > Limits.DocumentIdBytesMax || !DocumentId.TryParse(idText, out DocumentId id))
            {
                Metrics.DocumentRefused(DocumentRefusal.InvalidId);
                session.LogOnce("a document id that is not base58check");
                effects.SendError(this, session, ErrorCodes.InvalidDocumentId, "The document id is not base58check", default);
                return null;
            }

            document = new DocumentActor(id, this);
        }

        bool hasRoom = HasRoomForLinks(slot);
        if (slot.Links.Count >= Limits.DocumentsPerSessionMax || !hasRoom)
        {
            Metrics.DocumentRefused(hasRoom ? DocumentRefusal.TooMany : DocumentRefusal.Memory);
            effects.SendError(this, session, ErrorCodes.TooManyDocuments, "This connection has too many documents open", document.Id);
            effects.SendUnavailable(this, session, document.Id);
            return null;
        }

        _documents.TryAdd(document.Id, document);
        PeerLink link = document.Open(session, slot);
        _linkCount++;
        RechargeLink(link);
        slot.Links.Add(document.Id, link);
        return link;
    }

    /// <summary>
    /// A peer was told that a document is not there, or not for it. Ids can be made up faster than anything else, and each costs the collector: who asks for many such,
    /// or for more than his share when all together ask for too many, waits for the next second.
    /// </summary>
    public void CountAbsent(PeerSession session)
    {
        if (session.Slots[Index] is { } slot
            && IsOverItsShare(_absent, slot.Absent, Limits.AbsentDocumentsPerSecond, Limits.AbsentDocumentsPerSecondOfAll, Limits.AbsentDocumentsShareMin))
        {
            Halt(session, SessionHalt.AbsentDocuments);
        }
    }

    /// <summary>A peer was refused what was large: it takes the server far longer to read than the peer to make up. Who sends many such waits for the next second.</summary>
    public void CountLargeRefusal(PeerSession session)
    {
        if (session.Slots[Index] is { } slot
            && IsOverItsShare(_largeRefusals, slot.LargeRefusals, Limits.LargeRefusalsPerSecond, Limits.LargeRefusalsPerSecondOfAll, Limits.LargeRefusalsShareMin))
        {
            Halt(session, SessionHalt.LargeRefusals);
        }
    }

    private bool IsOverItsShare(CountOfSecond ofAll, CountOfSecond ofSession, int perSecond, int perSecondOfAll, int shareMin)
    {
        int share = ofAll.Add(Now) < perSecondOfAll ? perSecond : Math.Min(perSecond, Math.Max(shareMin, perSecondOfAll / _sessions));
        if (ofSession.Add(Now) < share) return false;
        ofSession.Clear();
        return true;
    }

    private void Halt(PeerSession session, SessionHalt reason)
    {
        Metrics.SessionHalted(reason);
        session.Backlog.Halt();
        _halted.Add(session);
    }

    /// <summary>Its session has left and nothing of it waits any more.</summary>
    public void CloseLater(PeerLink link) => _closing.Enqueue(link);

    // What somebody has sent before he left is taken, unless his credential was revoked. What comes after his end finds no session.
    private bool IsGone(PeerSession session) => session.IsRevoked || session.EndedIn[Index];

    private void EndSession(PeerSession session, IEffects effects)
    {
        session.EndedIn[Index] = true;
        if (session.Slots[Index] is not { } slot) return;
        session.Slots[Index] = null;
        _sessions--;
        EphemeralRelay.Forget(slot);
        Gossip.Forget(slot);
        foreach (PeerLink link in slot.Links.Values)
        {
            if (!session.IsRevoked)
            {
                _closing.Enqueue(link);                           // as if the end had been noticed a little later
                continue;
            }

            link.Document.ForgetQueued(link, Now, effects);
            link.Document.Close(link);
        }
    }

    private void Drained(PeerSession session, IEffects effects)
    {
        if (session.Slots[Index] is not { } slot) return;
        EphemeralRelay.SendKept(slot, session, effects);
        foreach (PeerLink link in slot.Links.Values)
        {
            if (link.Dirty) link.Document.Mark(link);
        }
    }

    private void ControlChanged(ControlDelivery delivery, Timestamp now, IEffects effects)
    {
        ControlChange change = delivery.Change;
        if (change.Kind == ControlSubject.Revoked)
        {
            // Its sessions have been ended; some had left before, and what they sent may still be looked at.
            foreach (DocumentActor document in _documents.Values) document.Revoked(delivery, now, effects);
        }
        else if (change.Document.IsDefault)
        {
            foreach (DocumentActor document in _documents.Values) document.AccessChanged(delivery, now, effects);
        }
        else if (Find(change.Document) is { } document)
        {
            document.AccessChanged(delivery, now, effects);
        }
    }

    private void Delete(DocumentId id, Deletion deletion, Timestamp now, IEffects effects)
    {
        DocumentActor document = Find(id) ?? new DocumentActor(id, this);
        _documents.TryAdd(document.Id, document);
        document.Delete(deletion, now, effects);
    }

    private static void AskAgain(PeerLink link)
    {
        link.AskAgain();
        link.Document.Mark(link);
    }

    private void Tick(Timestamp now, IEffects effects)
    {
        foreach (PeerSession session in _halted) session.Backlog.Continue();
        _halted.Clear();
        foreach (DocumentActor document in _retry) document.Writes.Retry(effects);
        _retry.Clear();
        if (_ticking.Count > 0) return;                           // more than a second for all: it goes on
        foreach (DocumentActor document in _documents.Values) _ticking.Enqueue(document);
    }

    private void TickSome(Timestamp now, IEffects effects)
    {
        for (int i = 0; i < WalkPerTurn && _ticking.TryDequeue(out DocumentActor? document); i++)
        {
            if (Find(document.Id) != document) continue;          // forgotten meanwhile
            document.Tick(now, effects);
            bool idle = now.UnixMs - document.LastUsed.UnixMs > Limits.IdleDocumentMs || document.IsEmpty;
            if (!idle || !document.IsForgettable) continue;
            document.Evict();
            Forget(document);
        }
    }

    private void CloseSome(IEffects effects)
    {
        for (int i = 0; i < WalkPerTurn && _closing.TryDequeue(out PeerLink? link); i++) Close(link, effects);
    }

    private void Close(PeerLink link, IEffects effects)
    {
        if (link.Closed) return;                                  // its document was taken out of memory
        if (link.WaitingInputs > 0)
        {
            link.Leaves = true;
            return;
        }

        PeerStates.Save(link, effects);
        link.Document.Close(link);
        if (!link.Document.IsEmpty || !link.Document.IsForgettable || Find(link.Document.Id) != link.Document) return;
        link.Document.Evict();                                    // nothing of it is worth a second
        Forget(link.Document);
    }

    private void Forget(DocumentActor document)
    {
        document.Quota.Detach();
        _documents.Remove(document.Id);
    }

    // Op sets before anything else: who only reads does not need them. Documents with open peers keep their links; their content is read again when it is needed.
    private void Evict(Timestamp now, long target)
    {
        Evict(now, target, static document => document.CanEvictOperations, static document => document.LastWritten, document =>
        {
            document.EvictOperations();
            Metrics.OperationsEvicted();
        });
        Evict(now, target, static document => document.CanEvict, static document => document.LastUsed, document =>
        {
            document.Evict();
            Metrics.DocumentEvicted();
            if (document.IsForgettable) Forget(document);
        });
    }

    // Least recently used first. Of those that are in use the largest first, and none when all that are left would not make up for much of what is too much: then it is a
    // document at a worker that takes it, which gives it back by itself, and everybody else would only be made to read his small document again and again.
    private void Evict(Timestamp now, long target, Predicate<DocumentActor> canBe, Func<DocumentActor, Timestamp> lastUsed, Action<DocumentActor> evict)
    {
        if (_charged <= target) return;
        List<DocumentActor> idle = [], inUse = [];
        long inUseBytes = 0;
        foreach (DocumentActor document in _documents.Values)
        {
            Timestamp used = lastUsed(document);
            if (used >= now || !canBe(document)) continue;
            bool isIdle = now.UnixMs - used.UnixMs > InUseMs;
            (isIdle ? idle : inUse).Add(document);
            if (!isIdle) inUseBytes += document.ChargedBytes;
        }

        idle.Sort((a, b) => lastUsed(a).CompareTo(lastUsed(b)));
        foreach (DocumentActor document in idle)
        {
            if (_charged <= target) return;
            evict(document);
        }

        inUse.Sort(static (a, b) => b.ChargedBytes.CompareTo(a.ChargedBytes));
        foreach (DocumentActor document in inUse)
        {
            if (_charged <= target || inUseBytes < (_charged - target) / InUseShareMin) return;
            inUseBytes -= document.ChargedBytes;
            evict(document);
        }
    }
}
