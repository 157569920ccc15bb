using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Work runs when a test says so, on the test's thread, in the order in which it was scheduled.</summary>
internal sealed class ManualScheduler : IWorkScheduler
{
    // Far more than any test has; work that begets work without end is a bug.
    private const int RunsMax = 100_000;

    private readonly List<IThreadPoolWorkItem> _work = [];
    private readonly List<IThreadPoolWorkItem> _deferred = [];
    private readonly Lock _gate = new();

    /// <summary>Whether tests' threads are ones for shards.</summary>
    public bool MayRunInline { get; set; } = true;

    /// <summary>Whether threads defer: what comes together is handled together, when its turn comes or enough has gathered.</summary>
    public bool Defers { get; set; }

    public int Count
    {
        get
        {
            lock (_gate) return _work.Count + _deferred.Count;
        }
    }

    /// <summary>Nothing runs any more: the process is dead.</summary>
    public bool IsStopped { get; set; }

    public void Schedule(IThreadPoolWorkItem work)
    {
        if (IsStopped) return;
        lock (_gate) _work.Add(work);
    }

    public bool TryDefer(IThreadPoolWorkItem work)
    {
        if (!Defers || IsStopped) return false;
        lock (_gate) _deferred.Add(work);
        return true;
    }

    public void RunDeferred()
    {
        while (RunOne(_deferred, 0))
        {
            // The next.
        }
    }

    /// <summary>Runs one piece of work; any one of those that wait may be next.</summary>
    public bool RunOne(int index = 0) => index < _work.Count ? RunOne(_work, index) : RunOne(_deferred, index - _work.Count);

    private bool RunOne(List<IThreadPoolWorkItem> from, int index)
    {
        IThreadPoolWorkItem work;
        lock (_gate)
        {
            if (IsStopped || from.Count == 0) return false;
            work = from[index];
            from.RemoveAt(index);
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
