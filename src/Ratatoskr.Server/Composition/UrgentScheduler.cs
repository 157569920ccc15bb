using Ratatoskr.Engine.Shards;
using Ratatoskr.Transport.Sockets;

namespace Ratatoskr.Server.Composition;

/// <summary>
/// For work that others wait for: shards, which must not be kept by a thread that yields to everybody. What is small runs on the threads that poll sockets, between two looks at them: messages
/// gather while they read, and who has read a message sends what comes of it. What is not runs in the thread pool: who polls sleeps most of the time then, and is woken before others.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
/// <param name="threads">null: there are none here.</param>
internal sealed class UrgentScheduler(SocketThreads? threads) : IWorkScheduler
{
    public bool MayRunInline => !YieldingThreads.IsCurrent && !SocketThreads.IsCurrent;

    public void Schedule(IThreadPoolWorkItem work) => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);

    public void Schedule(IThreadPoolWorkItem work, int lane, bool isSmall)
    {
        if (threads is not null && isSmall && threads.TryRun(work, lane)) return;
        if (threads is not null && YieldingThreads.IsCurrent && threads.TryRun(new ForPool(work), lane)) return;
        Schedule(work);
    }

    public bool TryDefer(IThreadPoolWorkItem work) => SocketThreads.TryRunAfterEvents(work);

    public void RunDeferred() => SocketThreads.RunNow();

    // The pool wakes its threads inside a lock. A thread that yields may not have the processor again for long, and whom it wakes would wait for that.
    private sealed class ForPool(IThreadPoolWorkItem work) : IThreadPoolWorkItem
    {
        public void Execute() => ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
    }
}
