namespace Ratatoskr.Storage.Threads;

/// <summary>
/// Threads for what waits for a disk, so that none of the pool's are taken for it: started when there is work and nobody free; one that had none for a while ends.
/// They sleep while they wait. The framework's own queues spin first and yield the processor as they do, and beside busy processes each yield costs a time slice.
/// </summary>
/// <remarks>Safe on any thread. The queue is as long as callers wait.</remarks>
internal abstract class TransientThreads<TWork>(int threadsMax, string name)
    where TWork : class
{
    private const int StackBytes = 256 << 10;

    private static readonly TimeSpan IdleMax = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();                        // also waited on
    private readonly Queue<TWork> _waiting = [];
    private int _threads;
    private int _idle;
    private bool _isClosed;

    /// <summary>What is queued is still done.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <returns>false: closed.</returns>
    protected bool TryAdd(TWork work)
    {
        lock (_gate)
        {
            if (_isClosed) return false;
            _waiting.Enqueue(work);
            if (_idle < _waiting.Count && _threads < threadsMax)
            {
                _threads++;
                new Thread(Live, StackBytes) { IsBackground = true, Name = name }.Start();
            }

            Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>A thread's life: takes with <see cref="Next"/> until there is nothing.</summary>
    protected abstract void Live();

    /// <returns>null: the thread is not needed any more.</returns>
    protected TWork? Next()
    {
        lock (_gate)
        {
            bool woken = true;
            while (_waiting.Count == 0)
            {
                if (_isClosed || !woken)
                {
                    _threads--;
                    return null;
                }

                _idle++;
                woken = Monitor.Wait(_gate, IdleMax);
                _idle--;
            }

            return _waiting.Dequeue();
        }
    }
}
