using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Server.Composition;

/// <summary>The thread pool, for work that others wait for: shards, which must not be kept by a thread that yields to everybody.</summary>
internal sealed class UrgentScheduler : IWorkScheduler
{
    public bool MayRunInline => !YieldingThreads.IsCurrent;

    public void Schedule(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
}
