using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Work runs when a test says so, on the test's thread, in the order in which it was scheduled.</summary>
internal sealed class ManualScheduler : IWorkScheduler
{
    // Far more than any test has; work that begets work without end is a bug.
    private const int RunsMax = 100_000;

    private readonly List<IThreadPoolWorkItem> _work = [];
    private readonly Lock _gate = new();

    /// <summary>Whether tests' threads are ones for shards.</summary>
    public bool MayRunInline { get; set; } = true;

    public int Count
    {
        get
        {
            lock (_gate) return _work.Count;
        }
    }

    /// <summary>Nothing runs any more: the process is dead.</summary>
    public bool IsStopped { get; set; }

    public void Schedule(IThreadPoolWorkItem work)
    {
        if (IsStopped) return;
        lock (_gate) _work.Add(work);
    }

    /// <summary>Runs one piece of work; any one of those that wait may be next.</summary>
    public bool RunOne(int index = 0)
    {
        IThreadPoolWorkItem work;
        lock (_gate)
        {
            if (IsStopped || _work.Count == 0) return false;
            work = _work[index];
            _work.RemoveAt(index);
        }

        work.Execute();
        return true;
    }

    public void RunAll()
    {
        for (int runs = 0; RunOne(); runs++)
        {
            if (runs == RunsMax) throw new InvalidOperationException("the engine does not come to rest");
        }
    }
}
