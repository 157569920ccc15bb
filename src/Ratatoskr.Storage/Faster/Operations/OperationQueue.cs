using Ratatoskr.Engine.Shards;
using Ratatoskr.Storage.Threads;

namespace Ratatoskr.Storage.Faster.Operations;

/// <summary>
/// What waits for the writer thread, in call order. It holds references only: the bytes are the callers', who await their answers;
/// so what is in memory is bounded by what they have not yet been answered, and one group takes a bounded number of bytes.
/// </summary>
/// <remarks>Any thread adds, one takes.</remarks>
internal sealed class OperationQueue(IWorkScheduler callers) : IThreadPoolWorkItem, IDisposable
{
    private readonly Lock _gate = new();
    private readonly Queue<StoreOperation> _waiting = new();
    private readonly Doorbell _bell = new();
    private bool _sleeps;                                         // the writer, or will in a moment
    private bool _closed;

    /// <summary>Operations that wait.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <returns>false: closed.</returns>
    public bool TryAdd(StoreOperation operation)
    {
        bool sleeps;
        lock (_gate)
        {
            if (_closed) return false;
            _waiting.Enqueue(operation);
            sleeps = TakeSleep();
        }

        // Whoever is woken at once takes the processor from the caller, and finds one operation where more are about to come.
        if (sleeps && !callers.TryDefer(this)) _bell.Ring();
        return true;
    }

    void IThreadPoolWorkItem.Execute() => _bell.Ring();

    /// <summary>Nothing more is accepted; what waits is still taken.</summary>
    public void Close()
    {
        bool sleeps;
        lock (_gate)
        {
            _closed = true;
            sleeps = TakeSleep();
        }

        if (sleeps) _bell.Ring();
    }

    /// <summary>Moves the next group into <paramref name="group"/>, waiting for one if <paramref name="wait"/>.</summary>
    /// <returns>false: closed and empty.</returns>
    public bool Take(List<StoreOperation?> group, long bytesMax, bool wait)
    {
        while (true)
        {
            lock (_gate)
            {
                long bytes = 0;
                bool any = _waiting.Count > 0;
                while (bytes < bytesMax && _waiting.TryDequeue(out StoreOperation? operation))
                {
                    if (!operation.TryTake()) continue;
                    bytes += operation.Bytes;
                    group.Add(operation);
                }

                if (any) return true;
                if (_closed) return false;
                if (!wait) return true;
                _sleeps = true;
            }

            _bell.Wait();
        }
    }

    /// <summary>For the writer, when <see cref="Take"/> has said that there is no more.</summary>
    public void Dispose() => _bell.Dispose();

    // Whoever takes it rings.
    private bool TakeSleep()
    {
        bool sleeps = _sleeps;
        _sleeps = false;
        return sleeps;
    }
}
