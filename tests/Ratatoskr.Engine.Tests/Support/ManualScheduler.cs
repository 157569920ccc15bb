using System.Collections.Concurrent;
using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Work runs when a test says so, on the test's thread, in the order in which it was scheduled.</summary>
internal sealed class ManualScheduler : IWorkScheduler
{
    private readonly ConcurrentQueue<IThreadPoolWorkItem> _work = new();

    public int Count => _work.Count;

    /// <summary>Nothing runs any more: the process is dead.</summary>
    public bool IsStopped { get; set; }

    public void Schedule(IThreadPoolWorkItem work)
    {
        if (!IsStopped) _work.Enqueue(work);
    }

    public bool RunOne()
    {
        if (IsStopped || !_work.TryDequeue(out IThreadPoolWorkItem? work)) return false;
        work.Execute();
        return true;
    }

    public void RunAll()
    {
        while (RunOne())
        {
        }
    }
}
