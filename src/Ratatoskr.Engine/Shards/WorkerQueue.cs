using Ratatoskr.Engine.Documents;

namespace Ratatoskr.Engine.Shards;

/// <summary>
/// Runs CPU-bound jobs a few at a time, so that verifying large documents never takes every core, and each only when the memory it may take is free.
/// Its length is bounded by its users: a few jobs per document, and the bytes they hold are counted by their shards.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class WorkerQueue(int concurrency, WorkMemory memory, IWorkScheduler scheduler) : IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly Queue<Entry> _jobs = new();
    private readonly Queue<Entry> _starved = new();               // measured, and too large for the memory that was free
    private int _running;

    /// <summary>Jobs that wait or run.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _jobs.Count + _starved.Count + _running;
        }
    }

    /// <param name="job">What to run.</param>
    /// <param name="done">Called when it has run.</param>
    public void Enqueue(DocumentJob job, Action<DocumentJob> done)
    {
        lock (_gate)
        {
            _jobs.Enqueue(new Entry(job, done, -1));
            if (_running >= concurrency) return;
            _running++;
        }

        scheduler.Schedule(this);
    }

    void IThreadPoolWorkItem.Execute()
    {
        if (!TryTake(out Entry entry)) return;
        if (entry.Bytes >= 0 || TryAdmit(ref entry))
        {
            entry.Job.Run();
            memory.Return(entry.Bytes);
            entry.Done(entry.Job);
        }

        scheduler.Schedule(this);             // between two jobs the thread is others', if they wait
    }

    // Whoever gives memory back looks here again, so a job that starves is taken up by the last one that has any.
    private bool TryTake(out Entry entry)
    {
        lock (_gate)
        {
            if (_starved.TryPeek(out entry) && memory.TryReserve(entry.Bytes))
            {
                _starved.Dequeue();
                return true;
            }

            if (_jobs.TryDequeue(out entry)) return true;
            _running--;
            return false;
        }
    }

    // Behind a job that starves only those go ahead that need nothing, or it might starve for ever.
    private bool TryAdmit(ref Entry entry)
    {
        entry = entry with { Bytes = entry.Job.Measure() };
        lock (_gate)
        {
            if ((entry.Bytes == 0 || _starved.Count == 0) && memory.TryReserve(entry.Bytes)) return true;
            _starved.Enqueue(entry);
            return false;
        }
    }

    // Bytes: -1 while not measured.
    private readonly record struct Entry(DocumentJob Job, Action<DocumentJob> Done, long Bytes);
}
