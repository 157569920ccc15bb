using System.Diagnostics;
using Automerge.Changes;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Shards;

/// <summary>
/// Gives a shard its thread, its clock and its store. Whoever posts a little to an idle shard runs it, on the thread that read the socket, when that has read what else has come: an edit
/// reaches the other peers' sockets without a hand-off, and what comes together is handled together. Posts to a running shard wait in its mailbox and are taken in the next turn.
/// </summary>
/// <remarks>Post is safe on any thread; the shard itself has one caller at a time.</remarks>
internal sealed class ShardRunner : IThreadPoolWorkItem, IEffects
{
    // Turns run in one go before the thread is given back: its own socket waits meanwhile.
    private const int TurnsMax = 16;

    // What is handled before peers are spoken to: who sends much must not keep the answers of all others back. A few milliseconds at most.
    private const int PartInputsMax = 64;
    private const int PartBytesMax = 32 << 10;

    // Handled in a fraction of a millisecond, as a rule: by the thread that has read it, when it has read what else has come. More is another thread's, so that it reads on meanwhile.
    private const int LittleBytesMax = 8 << 10;

    // What a session may have waiting in a full shard: the messages of somebody who types. 20,000 sessions make 80 MiB of it.
    private const int HeldBytesAlways = 4 << 10;

    private readonly Lock _gate = new();
    private readonly Shard _shard;
    private readonly IChunkStore _store;
    private readonly EngineClock _clock;
    private readonly Workers _workers;
    private readonly IWorkScheduler _scheduler;
    private readonly Action<DocumentJob> _worked;
    private readonly List<PeerSession> _touched = [];
    private List<ShardInput> _mailbox = [];
    private List<ShardInput> _turn = [];
    private long _mailboxBytes;
    private bool _running;
    private int _elsewhere;                                      // calls to the store and to workers that have not come back
    private TaskCompletionSource? _room;

    public ShardRunner(ShardContext context, int index, IChunkStore store, EngineClock clock, IWorkScheduler scheduler)
    {
        _shard = new Shard(context, index);
        _store = store;
        _clock = clock;
        _workers = context.Workers;
        _scheduler = scheduler;
        _worked = job => PostBack(new ShardInput { Kind = ShardInputKind.Worked, Result = job });
    }

    public Shard Shard => _shard;

    /// <summary>Nothing waits, runs, is with the store or a worker, or will be given to the store again.</summary>
    public bool IsIdle
    {
        get
        {
            lock (_gate) return !_running && _mailbox.Count == 0 && Volatile.Read(ref _elsewhere) == 0 && !_shard.HasRetries;
        }
    }

    /// <summary>Bytes of the messages in the mailbox. Any thread.</summary>
    public long MailboxBytes => Volatile.Read(ref _mailboxBytes);

    /// <summary>Takes an input, and has this thread run the shard if it is idle.</summary>
    public void Post(in ShardInput input) => Post(input, inline: true);

    /// <summary>Takes an input that more of the same sender's may follow at once.</summary>
    /// <returns>true: the shard was idle and is this caller's now, who must call <see cref="RunOwed"/> soon; what others post meanwhile waits for that.</returns>
    public bool PostAndOwe(in ShardInput input) => Put(input);

    /// <summary>Runs the shard for whom <see cref="PostAndOwe"/> has told to, here if this thread is one for it.</summary>
    public void RunOwed()
    {
        if (HasLittle && _scheduler.TryDefer(this)) return;
        if (_scheduler.MayRunInline) Run();
        else Schedule(HasLittle);
    }

    /// <summary>
    /// Completes when the sender may be read on: at once, unless too much of its own waits, or the shard is full and some of that is its.
    /// Who sends little is not held up by those who send much.
    /// </summary>
    public ValueTask RoomAsync(SessionBacklog sender)
    {
        if (sender.IsFull || HasPart) _scheduler.RunDeferred();      // enough has gathered
        if (sender.HeldBytes <= HeldBytesAlways) return OwnRoomAsync(sender);
        lock (_gate)
        {
            if (!IsFull) return OwnRoomAsync(sender);             // what fills it ends in a turn, which looks here again
            _shard.Metrics.MailboxFull();
            _room ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return new ValueTask(_room.Task);
        }
    }

    private ValueTask OwnRoomAsync(SessionBacklog sender)
    {
        ValueTask room = sender.RoomAsync();
        if (!room.IsCompleted) _shard.Metrics.SessionPaused();
        return room;
    }

    /// <summary>
    /// Completes when a control change has been applied here, everything it caused has been told to the connections, and what was taken under older decisions
    /// is on disk or given up: nothing of it is stored any more.
    /// </summary>
    public Task ApplyAsync(ControlNumber number, ControlChange change)
    {
        ControlDelivery delivery = new(change);
        PostLater(new ShardInput { Kind = ShardInputKind.ControlChanged, Number = number.Value, Result = delivery });
        return delivery.InForce;
    }

    void IThreadPoolWorkItem.Execute() => Run();

    void IEffects.Send(PeerSession session, ReadOnlySpan<byte> envelope, SharedBuffer? body)
    {
        session.Connection.Send(envelope, body);
        SessionSlot? slot = session.Slots[_shard.Index];
        if (slot is null or { Touched: false })
        {
            if (slot is not null) slot.Touched = true;
            _touched.Add(session);
        }
    }

    void IEffects.Close(PeerSession session, CloseCode code, string reason) => session.Connection.Close(code, reason);

    void IEffects.Load(DocumentId id, IReadOnlySet<ChangeHash>? quarantine)
    {
        Interlocked.Increment(ref _elsewhere);
        _ = LoadAsync(id, quarantine);
    }

    void IEffects.LoadSyncState(DocumentId id, PeerSession session)
    {
        Interlocked.Increment(ref _elsewhere);
        _ = LoadSyncStateAsync(id, session);
    }

    void IEffects.SaveSyncState(DocumentId id, PeerSession session, ReadOnlyMemory<byte> state) => _ = SaveSyncStateAsync(id, session, state);

    void IEffects.Append(ulong number, in AppendBatch batch, Fence authorisedUnder)
    {
        Interlocked.Increment(ref _elsewhere);
        _ = AppendAsync(number, batch, authorisedUnder);
    }

    void IEffects.StoreSnapshot(ulong number, DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence authorisedUnder)
    {
        Interlocked.Increment(ref _elsewhere);
        _ = StoreSnapshotAsync(number, id, read, body, folded, authorisedUnder);
    }

    void IEffects.Decide(AccessQuestion question)
    {
        Interlocked.Increment(ref _elsewhere);
        _ = DecideAsync(question);
    }

    void IEffects.Delete(DocumentActor document)
    {
        Interlocked.Increment(ref _elsewhere);
        _ = DeleteAsync(document);
    }

    void IEffects.Work(DocumentJob job)
    {
        Interlocked.Increment(ref _elsewhere);
        _workers.Enqueue(job, _worked);
    }

    void IEffects.Compact(CompactionJob job, SnapshotBody body, Fence fence)
    {
        Interlocked.Increment(ref _elsewhere);
        _ = CompactAsync(job, body, fence);
    }

    // In this order: at no moment does it look as if nothing were under way.
    private void PostBack(in ShardInput input)
    {
        PostLater(input);
        Interlocked.Decrement(ref _elsewhere);
    }

    /// <summary>Takes an input from a store or worker thread, which has better things to do than run the shard.</summary>
    private void PostLater(in ShardInput input) => Post(input, inline: false);

    private void Post(in ShardInput input, bool inline)
    {
        if (!Put(input)) return;
        if (inline) RunOwed();
        else Schedule(HasLittle && Volatile.Read(ref _shard.HeldBytes) <= LittleBytesMax);      // an answer may let documents take what has waited for it
    }

    // Whether the shard was idle: the caller must see to it that it runs.
    private bool Put(in ShardInput input)
    {
        if (IsFromPeer(input)) input.Session!.Backlog.Posted(input.Bytes);
        lock (_gate)
        {
            _mailbox.Add(input);
            _mailboxBytes += input.Bytes;
            bool wasIdle = !_running;
            _running = true;
            return wasIdle;
        }
    }


    private void Schedule(bool isSmall) => _scheduler.Schedule(this, _shard.Index, isSmall);

    // Without the lock these two are guesses.
    private bool HasLittle => MailboxBytes <= LittleBytesMax && _mailbox.Count <= PartInputsMax;

    private bool HasPart => MailboxBytes >= PartBytesMax || _mailbox.Count >= PartInputsMax;

    private static bool IsFromPeer(in ShardInput input) => input.Kind is ShardInputKind.Message or ShardInputKind.RemoteSubscription;

    private bool IsFull => _mailboxBytes + Volatile.Read(ref _shard.HeldBytes) > _shard.Limits.MailboxBytesMax;

    // Takes turns until the mailbox is empty, or for a while.
    private void Run()
    {
        for (int turn = 0; turn < TurnsMax; turn++)
        {
            lock (_gate)
            {
                if (_room is not null && !IsFull)
                {
                    _room.SetResult();
                    _room = null;
                }

                if (_mailbox.Count == 0 && !_shard.HasMore)
                {
                    _running = false;
                    return;
                }

                (_mailbox, _turn) = (_turn, _mailbox);
                _mailboxBytes = 0;
            }

            RunTurn();
        }

        Schedule(HasLittle);
    }

    private void RunTurn()
    {
        Timestamp now = _clock.Now;
        int count = 0, partBytes = 0;
        Span<ShardInput> inputs = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_turn);
        foreach (ref ShardInput input in inputs)
        {
            if (count == PartInputsMax || partBytes >= PartBytesMax)
            {
                EndTurn(now);
                now = _clock.Now;
                count = partBytes = 0;
            }

            int bytes = input.Bytes;                  // given back when it is handled
            count++;
            partBytes += bytes;
            try
            {
                _shard.Handle(ref input, now, this);
            }
            catch (Exception e)
            {
                _shard.Break(input, e, this);         // a bug of ours: that document stops, the others go on
            }

            if (IsFromPeer(input)) input.Session!.Backlog.Handled(bytes);
        }

        EndTurn(now);
        foreach (ref ShardInput input in inputs)
        {
            if (input.Result is ControlDelivery delivery) delivery.Release();
        }

        _turn.Clear();
    }

    private void EndTurn(Timestamp now)
    {
        _shard.EndTurn(now, this);
        foreach (PeerSession session in _touched)
        {
            if (session.Slots[_shard.Index] is { } slot) slot.Touched = false;
            session.Connection.Flush();
        }

        _touched.Clear();
    }

    private async Task LoadAsync(DocumentId id, IReadOnlySet<ChangeHash>? quarantine)
    {
        ShardInput input = new() { Kind = ShardInputKind.Loaded, Document = id };
        using Activity? span = EngineMetrics.Traces.StartActivity("load");
        long start = _clock.Start();
        try
        {
            StoredDocument stored = await _store.LoadAsync(id, CancellationToken.None);
            input.Result = DocumentContent.FromStore(stored, quarantine, _shard.HashKey, _shard.Limits);
        }
        catch (Exception e)
        {
            _shard.Metrics.StoreFailed(StoreCall.Load);
            input.Error = e;
        }

        _shard.Metrics.LoadDuration.Record(_clock.SecondsSince(start));
        PostBack(input);
    }

    private async Task LoadSyncStateAsync(DocumentId id, PeerSession session)
    {
        ShardInput input = new() { Kind = ShardInputKind.SyncStateLoaded, Document = id, Session = session };
        try
        {
            input.Result = (await _store.LoadSyncStateAsync(id, session.StorageId.TextMemory, CancellationToken.None)).ToArray();
        }
        catch (Exception e)
        {
            _shard.Metrics.StoreFailed(StoreCall.LoadSyncState);            // advisory: the protocol finds out what is shared
            input.Error = e;
        }

        PostBack(input);
    }

    private async Task SaveSyncStateAsync(DocumentId id, PeerSession session, ReadOnlyMemory<byte> state)
    {
        try
        {
            await _store.SaveSyncStateAsync(id, session.StorageId.TextMemory, state, CancellationToken.None);
        }
        catch (Exception)
        {
            _shard.Metrics.StoreFailed(StoreCall.SaveSyncState);            // advisory: the protocol finds out what is shared
        }
    }

    private async Task DecideAsync(AccessQuestion question)
    {
        try
        {
            question.Answer = await _shard.Access.DecideAsync(question.Link.Session.Principal, question.Document.Id, _clock.Now, CancellationToken.None);
        }
        catch (Exception e)
        {
            question.Error = e;
        }

        PostBack(new ShardInput { Kind = ShardInputKind.AccessAnswered, Result = question });
    }

    private async Task DeleteAsync(DocumentActor document)
    {
        ShardInput input = new() { Kind = ShardInputKind.Deleted, Result = document };
        try
        {
            input.Outcome = await _store.DeleteAsync(document.Id, _shard.CurrentFence, CancellationToken.None) ? AppendOutcome.Stored : AppendOutcome.Fenced;
        }
        catch (Exception e)
        {
            _shard.Metrics.StoreFailed(StoreCall.Delete);
            input.Error = e;
        }

        PostBack(input);
    }

    private async Task AppendAsync(ulong number, AppendBatch batch, Fence fence)
    {
        ShardInput input = new() { Kind = ShardInputKind.Appended, Document = batch.Id, Number = number };
        try
        {
            input.Outcome = await _store.AppendAsync(batch, fence, CancellationToken.None);
        }
        catch (Exception e)
        {
            _shard.Metrics.StoreFailed(StoreCall.Append);
            input.Error = e;
        }

        PostBack(input);
    }

    private async Task StoreSnapshotAsync(ulong number, DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence)
    {
        ShardInput input = new() { Kind = ShardInputKind.Appended, Document = id, Number = number };
        try
        {
            input.Outcome = await _store.CompactAsync(id, read, body, folded, fence, CancellationToken.None) ? AppendOutcome.Stored : AppendOutcome.Fenced;
        }
        catch (Exception e)
        {
            _shard.Metrics.StoreFailed(StoreCall.Snapshot);
            input.Error = e;
        }

        PostBack(input);
    }

    private async Task CompactAsync(CompactionJob job, SnapshotBody body, Fence fence)
    {
        ShardInput input = new() { Kind = ShardInputKind.Compacted, Document = job.Document.Id, Result = job, Outcome = AppendOutcome.Unknown };
        using Activity? span = EngineMetrics.Traces.StartActivity("compact");
        try
        {
            bool swapped = await _store.CompactAsync(job.Document.Id, job.Read, body, new TailRange(job.Stored.Sequence), fence, CancellationToken.None);
            input.Outcome = swapped ? AppendOutcome.Stored : AppendOutcome.Fenced;
        }
        catch (Exception e)
        {
            _shard.Metrics.StoreFailed(StoreCall.Compact);
            input.Error = e;
        }

        PostBack(input);
    }
}
