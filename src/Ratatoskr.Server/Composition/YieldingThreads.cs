using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Server.Composition;

/// <summary>
/// Threads for work that takes long (verifying and loading large documents, compacting): the system runs them with what the others leave of the processors, so that on a
/// small machine a small edit need not wait for a large document's time slice.
/// </summary>
/// <remarks>Safe on any thread. Its queue is bounded by its users: workers' queues schedule themselves as often as they may run at once.</remarks>
internal sealed partial class YieldingThreads : IWorkScheduler, IDisposable
{
    // Of 19: about a tenth of an ordinary thread's share when both want to run.
    private const int Niceness = 10;
    private const int OfThread = 0;

    private readonly BlockingCollection<IThreadPoolWorkItem> _work = [];
    private readonly Thread[] _threads;

    public YieldingThreads(int count)
    {
        _threads = [.. Enumerable.Range(0, count).Select(_ => new Thread(Run) { IsBackground = true, Name = "Worker" })];
        foreach (Thread thread in _threads) thread.Start();
    }

    public void Schedule(IThreadPoolWorkItem work) => _work.Add(work);

    /// <summary>Ends when what was scheduled has run.</summary>
    public void Dispose()
    {
        _work.CompleteAdding();
        foreach (Thread thread in _threads) thread.Join();
        _work.Dispose();
    }

    private void Run()
    {
        if (OperatingSystem.IsLinux()) _ = SetPriority(OfThread, 0, Niceness);      // refused, it is a thread like others
        foreach (IThreadPoolWorkItem work in _work.GetConsumingEnumerable()) work.Execute();
    }

    // Of the calling thread, for 0: on Linux priorities are threads'.
    [LibraryImport("libc", EntryPoint = "setpriority")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SetPriority(int which, int who, int priority);
}
