namespace Ratatoskr.Storage.Threads;

/// <summary>
/// What waits for threads that sleep while there is nothing (<see cref="Doorbell"/>). The framework's <c>BlockingCollection</c> spins first and yields the processor as it does,
/// and beside busy processes each yield costs a time slice.
/// </summary>
/// <remarks>Safe on any thread. As long as its users add; they bound it.</remarks>
public sealed class WorkQueue<T> : IDisposable
    where T : class
{
    private readonly Lock _gate = new();
    private readonly Queue<T> _waiting = [];
    private readonly Doorbell _bell = new();
    private int _sleepers;                                        // who is owed no ring yet
    private bool _isClosed;

    public int Count
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <returns>false: closed.</returns>
    public bool TryAdd(T work)
    {
        lock (_gate)
        {
            if (_isClosed) return false;
            _waiting.Enqueue(work);
            if (_sleepers == 0) return true;
            _sleepers--;
        }

        _bell.Ring();
        return true;
    }

    /// <summary>The next in order, or sleep until there is one.</summary>
    /// <returns>null: closed, and nothing waits any more.</returns>
    public T? Take()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_waiting.TryDequeue(out T? work)) return work;
                if (_isClosed) return null;
                _sleepers++;
            }

            _bell.Wait();
        }
    }

    /// <summary>Nothing more is accepted; what waits is still taken.</summary>
    public void Close()
    {
        int sleepers;
        lock (_gate)
        {
            _isClosed = true;
            (sleepers, _sleepers) = (_sleepers, 0);
        }

        for (int i = 0; i < sleepers; i++) _bell.Ring();
    }

    /// <summary>When nobody takes any more.</summary>
    public void Dispose() => _bell.Dispose();
}
