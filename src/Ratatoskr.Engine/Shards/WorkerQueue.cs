namespace Ratatoskr.Engine.Shards;

/// <summary>
/// Runs CPU-bound jobs a few at a time, so that verifying large documents never takes every core nor memory for all of them at once.
/// Its length is bounded by its users: one job per document, and the bytes they hold are counted by their shards.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class WorkerQueue(int concurrency, IWorkScheduler scheduler) : IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly Queue<Action> _jobs = new();
    private int _running;

    public void Enqueue(Action job)
    {
        lock (_gate)
        {
            _jobs.Enqueue(job);
            if (_running >= concurrency) return;
            _running++;
        }

        scheduler.Schedule(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        while (true)
        {
            Action? job;
            lock (_gate)
            {
                if (!_jobs.TryDequeue(out job))
                {
                    _running--;
                    return;
                }
            }

            job();
        }
    }
}
