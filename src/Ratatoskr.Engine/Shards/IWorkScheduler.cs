namespace Ratatoskr.Engine.Shards;

/// <summary>Where work runs that must not run on the caller's stack: the thread pool, or a simulation's seeded list.</summary>
/// <remarks>Safe on any thread.</remarks>
public interface IWorkScheduler
{
    /// <summary>Whether work that others wait for may run on the calling thread; not if that runs with what others leave of the processors.</summary>
    bool MayRunInline => true;

    void Schedule(IThreadPoolWorkItem work);

    /// <summary>The same, for what comes often.</summary>
    /// <param name="work">Runs once.</param>
    /// <param name="lane">Work of the same number runs on the same thread where that can be chosen: a shard's number.</param>
    /// <param name="isSmall">Whether it takes a fraction of a millisecond.</param>
    void Schedule(IThreadPoolWorkItem work, int lane, bool isSmall) => Schedule(work);

    /// <summary>Has the calling thread run work when it has done what has come to it together: more for the same work may be among it.</summary>
    /// <returns>false: this thread does one thing after the other.</returns>
    bool TryDefer(IThreadPoolWorkItem work) => false;

    /// <summary>Runs here and now what <see cref="TryDefer"/> has taken from the calling thread.</summary>
    void RunDeferred()
    {
    }
}

/// <summary>The process's thread pool.</summary>
public sealed class ThreadPoolScheduler : IWorkScheduler
{
    public static readonly ThreadPoolScheduler Instance = new();

    public void Schedule(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
}
