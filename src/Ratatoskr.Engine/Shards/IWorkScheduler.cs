namespace Ratatoskr.Engine.Shards;

/// <summary>Where work runs that must not run on the caller's stack: the thread pool, or a simulation's seeded list.</summary>
/// <remarks>Safe on any thread.</remarks>
public interface IWorkScheduler
{
    /// <summary>Whether work that others wait for may run on the calling thread; not if that runs with what others leave of the processors.</summary>
    bool MayRunInline => true;

    void Schedule(IThreadPoolWorkItem work);
}

/// <summary>The process's thread pool.</summary>
public sealed class ThreadPoolScheduler : IWorkScheduler
{
    public static readonly ThreadPoolScheduler Instance = new();

    public void Schedule(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
}
