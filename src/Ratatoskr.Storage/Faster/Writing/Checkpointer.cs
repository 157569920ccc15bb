using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Operations;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>
/// Takes checkpoints of the table as journal or table grow. In this order, so that a crash at any point finds a whole one and the journal from there on:
/// data on disk, names synced, <see cref="CheckpointRecord"/> replaced; only then the journal is cut, table files are freed, older checkpoints removed.
/// </summary>
/// <remarks>The writer thread's; the disk work of a checkpoint runs beside it.</remarks>
internal sealed class Checkpointer
{
    // Checkpoints' worth of journal that may follow one which is under way.
    private const int BehindMax = 2;
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);

    private readonly FasterStoreOptions _options;
    private readonly DataFolder _folder;
    private readonly DocumentTable _table;
    private readonly OperationQueue _queue;
    private readonly List<Action> _waiting = [];
    private readonly List<Action> _served = [];
    private CheckpointRecord? _running;
    private long _began;
    private Task _work = Task.CompletedTask;
    private long _dueJournal;
    private long _dueTable;
    private long _tableAtLast = -1;
    private long _entryAtLast = -1;
    private bool _demanded;

    public Checkpointer(FasterStoreOptions options, DataFolder folder, DocumentTable table, CheckpointRecord? last, OperationQueue queue)
    {
        (_options, _folder, _table, _queue) = (options, folder, table, queue);
        // A crash may have left a checkpoint that never counted, or one that no longer did.
        table.RemoveCheckpointsExcept(last?.Token);
        SetDue(last?.Journal ?? 0);
    }

    /// <summary>Takes one at the next opportunity.</summary>
    public void Demand(Action? done = null)
    {
        _demanded = true;
        if (done is not null) _waiting.Add(done);
    }

    public bool IsRunning => _running is not null;

    /// <summary>Between two groups: ends what is done.</summary>
    public void Complete(Journal journal)
    {
        if (_running is not null && _work.IsCompleted) End(journal);
    }

    /// <summary>Between two groups. A disk that takes checkpoints more slowly than the journal grows holds the writer back, so that what a restart replays stays bounded.</summary>
    public void BeginIfDue(Journal journal, long liveBytes)
    {
        while (_running is not null && journal.TailAddress - _running.Journal > BehindMax * _options.CheckpointBytes && _table.WriteFault is null)
        {
            if (((IAsyncResult)_work).AsyncWaitHandle.WaitOne(LookEvery)) End(journal);
        }

        if (_running is null && (_demanded || journal.TailAddress >= _dueJournal || _table.TailAddress >= _dueTable)) Begin(journal, liveBytes);
    }

    /// <summary>The checkpoint that was opened is all there is: nothing was replayed onto it.</summary>
    public void IsUpToDate(Journal journal) => (_tableAtLast, _entryAtLast) = (_table.TailAddress, journal.LastCommitted);

    /// <summary>A last one, unless nothing changed since the one before. (The journal's tail moves by its own commit records: entries count.)</summary>
    /// <returns>false: it could not be taken.</returns>
    public bool Finish(Journal journal, long liveBytes)
    {
        Await(journal);
        if (_table.TailAddress == _tableAtLast && journal.LastCommitted == _entryAtLast) return true;
        Begin(journal, liveBytes);
        Await(journal);
        return _tableAtLast >= 0;
    }

    /// <summary>Waits for one that runs, and lets it be worth nothing.</summary>
    public void Abandon() => ((IAsyncResult)_work).AsyncWaitHandle.WaitOne();

    private void Await(Journal journal)
    {
        if (_running is null) return;
        ((IAsyncResult)_work).AsyncWaitHandle.WaitOne();
        End(journal);
    }

    private void Begin(Journal journal, long liveBytes)
    {
        if (_table.BeginCheckpoint() is not { } checkpoint) return;
        CheckpointRecord record = new(checkpoint.Token, journal.TailAddress, liveBytes, CheckpointSums.None);
        _running = record;
        _began = _options.Time.GetTimestamp();
        _demanded = false;
        _served.AddRange(_waiting);
        _waiting.Clear();
        IsUpToDate(journal);
        _work = FinishAsync(checkpoint.Done, record);
        // Wakes the writer, which looks whether the work has ended: so only after it has.
        _ = _work.ContinueWith(
            _ => _queue.TryAdd(new WriterCall(static () => { })), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private async Task FinishAsync(Task<CheckpointSums> data, CheckpointRecord record)
    {
        CheckpointSums sums = await data.ConfigureAwait(false);
        (record with { Files = sums }).Write(_folder.Files, _folder.CheckpointFile);
    }

    private void End(Journal journal)
    {
        CheckpointRecord record = _running!;
        _running = null;
        SetDue(journal.TailAddress);
        if (_work.Exception is { } failure)
        {
            _tableAtLast = -1;
            _options.Metrics?.CheckpointFailed();
            _options.Logger.CheckpointFailed(_folder.Root, failure);
            return;
        }

        journal.TruncateUntil(record.Journal);
        _table.FreeSpace();
        _table.RemoveCheckpointsExcept(record.Token);
        _options.Metrics?.CheckpointTaken(_options.Time.GetElapsedTime(_began));
        _options.Logger.CheckpointTaken(record.Journal, record.LiveBytes, _table.TailAddress - _table.BeginAddress);
        foreach (Action done in _served) done();
        _served.Clear();
    }

    private void SetDue(long journal) => (_dueJournal, _dueTable) = (journal + _options.CheckpointBytes, _table.TailAddress + _options.CheckpointBytes);
}
