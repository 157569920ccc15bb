using Ratatoskr.Engine.Documents;

namespace Ratatoskr.Engine.Shards;

/// <summary>The threads and the memory for what would hold up the shards: a few jobs at a time that peers wait for, and one that nobody waits for.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class Workers
{
    // Jobs that wait in the background hold their documents' bytes.
    private const int BackgroundMax = 64;

    private readonly WorkMemory _urgentMemory;
    private readonly WorkMemory _backgroundMemory;
    private readonly WorkerQueue _urgent;
    private readonly WorkerQueue _background;
    private int _inBackground;
    private volatile bool _stopping;

    public Workers(int concurrency, long memoryBudgetBytes, IWorkScheduler scheduler)
    {
        _urgentMemory = new WorkMemory(memoryBudgetBytes / 2);
        _backgroundMemory = new WorkMemory(memoryBudgetBytes / 4);
        _urgent = new WorkerQueue(concurrency, _urgentMemory, scheduler);
        _background = new WorkerQueue(1, _backgroundMemory, scheduler);
    }

    /// <summary>Memory promised to jobs that run; shards keep that much less.</summary>
    public long ReservedBytes => _urgentMemory.Reserved + _backgroundMemory.Reserved;

    /// <summary>Jobs that wait or run, those that nobody waits for.</summary>
    public int BackgroundCount => Volatile.Read(ref _inBackground);

    /// <summary>Jobs that wait or run, those that peers wait for.</summary>
    public int UrgentCount => _urgent.Count;

    public bool HasRoomInBackground => Volatile.Read(ref _inBackground) < BackgroundMax;

    /// <summary>The process is about to end: nothing is begun that nobody waits for.</summary>
    public bool IsStopping
    {
        get => _stopping;
        set => _stopping = value;
    }

    /// <param name="job">What to run.</param>
    /// <param name="done">Called when it has run, on a worker's thread.</param>
    public void Enqueue(DocumentJob job, Action<DocumentJob> done)
    {
        if (job.IsUrgent)
        {
            _urgent.Enqueue(job, done);
            return;
        }

        Interlocked.Increment(ref _inBackground);
        _background.Enqueue(job, finished =>
        {
            Interlocked.Decrement(ref _inBackground);
            done(finished);
        });
    }
}
