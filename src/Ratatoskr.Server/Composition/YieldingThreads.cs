using System.IO.Pipelines;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Storage.Threads;

namespace Ratatoskr.Server.Composition;

/// <summary>
/// Threads for work that takes long (verifying and loading large documents, compacting) and for connections that send without a pause: the system runs them with what
/// the others leave of the processors, so that on a small machine a small edit need not wait for their time slices.
/// </summary>
/// <remarks>Safe on any thread. Its queue is bounded by its users: workers' queues schedule themselves as often as they may run at once, connections once each.</remarks>
internal sealed class YieldingThreads : PipeScheduler, IWorkScheduler, IDisposable
{
    [ThreadStatic]
    private static bool s_isOne;

    private readonly WorkQueue<IThreadPoolWorkItem> _work = new();
    private readonly Thread[] _threads;

    public YieldingThreads(int count, string name)
    {
        _threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(Run) { IsBackground = true, Name = name })];
        foreach (Thread thread in _threads) thread.Start();
    }

    /// <summary>Whether the calling thread is one of these.</summary>
    public static bool IsCurrent => s_isOne;

    public void Schedule(IThreadPoolWorkItem work)
    {
        // They have ended; a connection has not quite.
        if (!_work.TryAdd(work)) System.Threading.ThreadPool.UnsafeQueueUserWorkItem(work, preferLocal: false);
    }

    public override void Schedule(Action<object?> action, object? state) => Schedule(new Call(action, state));

    /// <summary>Ends when what was scheduled has run.</summary>
    public void Dispose()
    {
        _work.Close();
        foreach (Thread thread in _threads) thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        Niceness.Yield();
        s_isOne = true;
        while (_work.Take() is { } work)
        {
            Thread.Yield();          // else who has woken this thread, and was pushed aside, waits for the end of its time slice (docs/adr/0016)
            work.Execute();
        }
    }

    private sealed class Call(Action<object?> action, object? state) : IThreadPoolWorkItem
    {
        public void Execute() => action(state);
    }
}
