using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>Those who append, as one thread that is busy until a test lets it go on.</summary>
internal sealed class HeldCallers : IWorkScheduler
{
    private readonly List<IThreadPoolWorkItem> _deferred = [];
    private readonly SemaphoreSlim _scheduled = new(0);
    private readonly Queue<IThreadPoolWorkItem> _work = [];

    public void Schedule(IThreadPoolWorkItem work)
    {
        lock (_work) _work.Enqueue(work);
        _scheduled.Release();
    }

    public bool TryDefer(IThreadPoolWorkItem work)
    {
        _deferred.Add(work);
        return true;
    }

    /// <summary>Lets it do what it has deferred.</summary>
    public void Proceed()
    {
        IThreadPoolWorkItem[] deferred = [.. _deferred];
        _deferred.Clear();
        foreach (IThreadPoolWorkItem work in deferred) work.Execute();
    }

    /// <summary>Runs the next work that somebody gives it.</summary>
    public async Task RunNextAsync(CancellationToken cancel)
    {
        await _scheduled.WaitAsync(cancel).ConfigureAwait(false);
        IThreadPoolWorkItem work;
        lock (_work) work = _work.Dequeue();
        work.Execute();
    }
}
