using System.Runtime.InteropServices;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Operations;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>
/// The storage thread: drains what is queued, journals it, commits once, applies it to the table, answers. In that order, so that nothing is visible
/// or acknowledged before it is durable, and a failed commit leaves the table as it was.
/// </summary>
/// <remarks>One thread of its own; others only add to <see cref="Queue"/> and read <see cref="Visible"/>.</remarks>
internal sealed class StoreWriter : IDisposable
{
    // After a failed commit the journal is reopened at most this often.
    private static readonly TimeSpan ReopenInterval = TimeSpan.FromSeconds(1);

    // When so many came while one group was committed, as many come in the next millisecond: a commit costs as much for both as for one. Nobody who types is among so many.
    private const int BusyGroup = 8;
    private const int BusyPauseMs = 1;

    // A shard handles so many in one go.
    private const int AnswersAtOnce = 64;

    private readonly FasterStoreOptions _options;
    private readonly DataFolder _folder;
    private readonly DocumentTable _documents;
    private readonly TableWriter _table;
    private readonly CompactionQueue _compactions;
    private readonly Checkpointer _checkpointer;
    private readonly SpaceReclaimer _reclaimer;
    private readonly WriteGate _gate;
    private readonly List<StoreOperation?> _group = [];   // an answered one leaves null: it may be in use again
    private readonly List<DocumentId> _ids = [];
    private Journal _journal;
    private Exception? _broken;
    private long _triedAt;
    private long _lastBefore;               // the last entry that was surely committed when the journal broke
    private bool _applying;
    private bool _isClosed;
    private bool _beyondRepair;
    private long _visible;
    private Fence _lowest = new(1, 0);

    /// <summary>Recovers; to be called on the thread that will <see cref="Run"/>.</summary>
    public StoreWriter(FasterStoreOptions options, DataFolder folder)
    {
        (_options, _folder) = (options, folder);
        Queue = new OperationQueue(options.Callers);
        CheckpointRecord? checkpoint = CheckpointRecord.Read(folder.Files, folder.CheckpointFile);
        _documents = DocumentTable.Open(folder, options, checkpoint);
        if (_documents.Mended is { } mended) options.Logger.DamageMended(mended);
        _gate = new WriteGate(options, folder, _documents);
        try
        {
            _table = new TableWriter(_documents, options) { LiveBytes = checkpoint?.LiveBytes ?? 0 };
            _journal = Journal.Open(folder, options);
            long from = checkpoint?.Journal ?? _journal.BeginAddress;
            (Replayed, JournalEnd end) = Replay.Run(_journal, _table, from, _journal.KnownLastEntry, folder.Journal, options.AcceptDamagedJournal, Damages);
            foreach (string damage in Damages) options.Logger.DamageMended(damage);
            bool isDamaged = end is JournalEnd.Damaged or JournalEnd.Lost;
            if (!isDamaged) _journal.CutBehindTail();
            _compactions = new CompactionQueue(_table);
            _checkpointer = new Checkpointer(options, folder, _documents, checkpoint, Queue);
            _reclaimer = new SpaceReclaimer(options, _documents, _table);
            if (checkpoint is not null && Replayed == 0 && end == JournalEnd.Sound) _checkpointer.IsUpToDate(_journal);
            if (end == JournalEnd.Lost) options.Logger.DamageAccepted(folder.Root);
            // Before anything new is stored behind what cannot be read.
            if (end != JournalEnd.Sound && !_checkpointer.Finish(_journal, _table.LiveBytes)) throw StoreUnavailableException.For("opening", folder.Root, "a checkpoint could not be taken");
            // What was read behind damage may lie behind the tail: only now it is not needed any more.
            if (isDamaged) _journal.ForgetBehindTail();
            _visible = _journal.TailAddress;
        }
        catch
        {
            _journal?.Dispose();
            _table?.Dispose();
            _documents.Dispose();
            throw;
        }
    }

    public OperationQueue Queue { get; }

    public DocumentTable Documents => _documents;

    /// <summary>The journal of now; after a failed device it is another one.</summary>
    public Journal Journal => Volatile.Read(ref _journal);

    /// <summary>Everything before this journal address is in the table.</summary>
    public long Visible => Volatile.Read(ref _visible);

    /// <summary>Journal entries read at the opening.</summary>
    public long Replayed { get; }

    /// <summary>What the opening found that is not as it was written, one line each.</summary>
    public List<string> Damages { get; } = [];

    /// <summary>Ends when the queue is closed and empty.</summary>
    public void Run()
    {
        while (Queue.Take(_group, _options.GroupBytesMax, wait: !HasWork))
        {
            bool isBusy = _group.Count >= BusyGroup;
            try
            {
                Process();
                if (isBusy) Thread.Sleep(BusyPauseMs);
            }
            catch (Exception e)
            {
                Fail(e);
            }
            finally
            {
                _group.Clear();
            }
        }

        _compactions.Fail(StoreUnavailableException.For("compact", _folder.Root, "the store is closed"));
    }

    /// <summary>After <see cref="Run"/>: leaves a checkpoint behind, so that the next start replays nothing.</summary>
    public void TakeLastCheckpoint()
    {
        if (_broken is null && _gate.Closed() is null) _checkpointer.Finish(_journal, _table.LiveBytes);
    }

    public void Dispose()
    {
        _checkpointer.Abandon();
        _table.Dispose();
        _journal.Dispose();
        _documents.Dispose();
        Queue.Dispose();
    }

    /// <summary>Appends authorised under another epoch, or an earlier control number, are fenced from here on. On the writer thread.</summary>
    public void RaiseFence(Fence lowest) => _lowest = lowest;

    /// <summary>On the writer thread.</summary>
    public void DemandCheckpoint(Action done) => _checkpointer.Demand(done);

    // While nothing may be written there is nothing to do unasked.
    private bool HasWork => _broken is null && !_isClosed && (!_compactions.IsEmpty || _reclaimer.IsActive);

    private void Process()
    {
        if (_broken is not null) Reopen();
        Prefetch();
        StoreUnavailableException? closed = _gate.Closed();
        _isClosed = closed is not null;
        bool any = JournalGroup(closed);
        if (closed is not null) _compactions.Fail(closed);
        any |= _compactions.Journal(_journal, _options.GroupBytesMax, InForce);
        if (any) _journal.Commit();
        _applying = true;
        Apply();
        _applying = false;
        Volatile.Write(ref _visible, _journal.TailAddress);
        Answer();

        _checkpointer.Complete(_journal);
        if (closed is not null) return;
        if (_reclaimer.Step(_compactions.BodyInProgress, _checkpointer.IsRunning)) _checkpointer.Demand();
        _checkpointer.BeginIfDue(_journal, _table.LiveBytes);
    }

    private void Prefetch()
    {
        foreach (StoreOperation? operation in _group)
        {
            if (operation is { Id.IsDefault: false }) _ids.Add(operation.Id);
        }

        _table.Prefetch(_ids);
        _ids.Clear();
    }

    private bool JournalGroup(StoreUnavailableException? closed)
    {
        long bytes = 0;
        foreach (StoreOperation? operation in _group) bytes += operation!.Bytes;
        StoreUnavailableException? full = closed ?? _gate.RefusalOf(bytes);
        bool any = false;
        for (int i = 0; i < _group.Count; i++)
        {
            StoreOperation operation = _group[i]!;
            try
            {
                if (full is not null && operation is AppendOperation or CompactOperation) throw full;
                if (closed is not null && operation is DeleteOperation) throw closed;
                switch (operation)
                {
                    case AppendOperation append: any |= JournalAppend(append); break;
                    case DeleteOperation delete: any |= JournalDelete(delete); break;
                    case CompactOperation compact:
                        _compactions.Add(compact);
                        _group[i] = null;
                        break;
                }
            }
            catch (Exception e) when (e is StoreDamagedException or StoreUnavailableException)
            {
                // This document's trouble, or the disk's: nothing was journaled, the others go on.
                _group[i] = null;
                operation.Refuse(e);
            }
        }

        return any;
    }

    private bool JournalAppend(AppendOperation append)
    {
        append.Outcome = AppendOutcome.Fenced;
        if (!InForce(append.Fence)) return false;

        AppendBatch batch = append.Batch;
        Manifest manifest = _table.GetWhole(batch.Id);
        long before = manifest.LiveBytes(batch.Id.Text.Length);
        append.Sequence = manifest.LastSequence + 1;
        append.Outcome = AppendOutcome.Stored;
        ReadOnlySpan<byte> heads = MemoryMarshal.AsBytes(batch.Heads.Span);
        int parts = PartsOf(batch.Chunks.Length);
        EntryPosition entry = default;
        for (int part = 0; part < parts; part++)
        {
            JournalHeader header = new(EntryKind.Append, append.Sequence) { Part = part, PartCount = parts, WholeLength = batch.Chunks.Length };
            entry = _journal.Enqueue(header, batch.Id, part == parts - 1 ? heads : default, PartAt(batch.Chunks.Span, part));
        }

        manifest.Append(append.Sequence, batch.Chunks.Length, heads, entry);
        _table.Changed(batch.Id, manifest, before);
        return true;
    }

    private bool JournalDelete(DeleteOperation delete)
    {
        if (!InForce(delete.Fence)) return false;
        Manifest manifest = _table.Get(delete.Id);
        long before = manifest.LiveBytes(delete.Id.Text.Length);
        ulong version = manifest.Version + 1;
        EntryPosition entry = _journal.Enqueue(new JournalHeader(EntryKind.Deleted, version), delete.Id, default, default);
        manifest.Delete(version, entry);
        _table.Changed(delete.Id, manifest, before);
        delete.Outcome = true;
        return true;
    }

    private void Apply()
    {
        _compactions.Apply();
        for (int i = 0; i < _group.Count; i++)
        {
            switch (_group[i])
            {
                case AppendOperation { Sequence: not 0 } append:
                    ReadOnlySpan<byte> chunks = append.Batch.Chunks.Span;
                    int parts = PartsOf(chunks.Length);
                    for (int part = 0; part < parts; part++) _table.WriteTailPart(append.Id, append.Sequence, part, chunks.Length, PartAt(chunks, part));
                    break;
                case DeleteOperation { Outcome: true } delete:
                    _table.DropSyncStates(delete.Id);
                    break;
                case SaveSyncStateOperation save:
                    if (!TrySaveSyncState(save)) _group[i] = null;
                    break;
                case WriterCall call:
                    call.Run();
                    break;
            }
        }

        _table.WriteManifests();
    }

    // false: it was refused. The state there is of the document, or its list, could not be read.
    private bool TrySaveSyncState(SaveSyncStateOperation save)
    {
        try
        {
            _table.SaveSyncState(save.Id, save.StorageId.Span, save.State.Span);
            return true;
        }
        catch (Exception e) when (e is StoreUnavailableException or StoreDamagedException)
        {
            save.Refuse(e);
            return false;
        }
    }

    private void Answer()
    {
        AppendAnswers? answers = null;
        for (int i = 0; i < _group.Count; i++)
        {
            StoreOperation? operation = _group[i];
            _group[i] = null;
            if (operation is AppendOperation append) (answers ??= new AppendAnswers()).Add(append);
            else operation?.Complete();
        }

        if (answers is not null) _options.Callers.Schedule(answers, lane: 0, answers.Count <= AnswersAtOnce);
        _compactions.Answer();
    }

    // Nothing of this group was applied, unless it broke while being applied. What was journaled may be on disk or not.
    private void Fail(Exception reason)
    {
        if (_broken is null)
        {
            _options.Logger.StoreFailed(_folder.Root, reason);
            _triedAt = _options.Time.GetTimestamp();
            _lastBefore = _journal.LastCommitted;
        }

        _broken = reason;
        _beyondRepair |= _applying;
        _table.Forget();
        StoreUnavailableException unavailable = StoreUnavailableException.For("write", _folder.Root, reason.Message, reason);
        for (int i = 0; i < _group.Count; i++)
        {
            StoreOperation? operation = _group[i];
            _group[i] = null;
            if (operation is AppendOperation { Sequence: 0 }) operation.Refuse(unavailable);
            else operation?.AnswerUnknown(unavailable);
        }

        _compactions.Fail(unavailable);
    }

    // The table holds what was committed and no more. So does the journal, once what came after the last commit is cut off.
    private void Reopen()
    {
        if (_beyondRepair || _options.Time.GetElapsedTime(_triedAt) < ReopenInterval) throw _broken!;
        _triedAt = _options.Time.GetTimestamp();
        if (_gate.Closed() is { } closed) throw closed;
        _journal.Dispose();
        _journal.Rewind();
        Journal journal = Journal.Open(_folder, _options);
        journal.ContinueAfter(_lastBefore);
        Volatile.Write(ref _journal, journal);
        Volatile.Write(ref _visible, journal.TailAddress);
        _broken = null;
        _options.Logger.StoreRecovered(_folder.Root);
    }

    private bool InForce(Fence fence) => fence.Epoch == _lowest.Epoch && fence.Control >= _lowest.Control;

    private int PartsOf(int length) => Math.Max(1, Manifest.PartCount(length, _table.PartSize));

    private ReadOnlySpan<byte> PartAt(ReadOnlySpan<byte> whole, int part)
    {
        int start = part * _table.PartSize;
        return whole.Slice(start, Math.Min(_table.PartSize, whole.Length - start));
    }
}
