namespace Ratatoskr.Storage.Faster.Operations;

/// <summary>
/// What waits for the writer thread, in call order. It holds references only: the bytes are the callers', who await their answers;
/// so what is in memory is bounded by what they have not yet been answered, and one group takes a bounded number of bytes.
/// </summary>
/// <remarks>Any thread adds, one takes.</remarks>
internal sealed class OperationQueue
{
    private readonly object _gate = new();
    private readonly Queue<StoreOperation> _waiting = new();
    private bool _taking;
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
        lock (_gate)
        {
            if (_closed) return false;
            _waiting.Enqueue(operation);
            if (_taking) Monitor.Pulse(_gate);
            return true;
        }
    }

    /// <summary>Nothing more is accepted; what waits is still taken.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _closed = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Moves the next group into <paramref name="group"/>, waiting for one if <paramref name="wait"/>.</summary>
    /// <returns>false: closed and empty.</returns>
    public bool Take(List<StoreOperation?> group, long bytesMax, bool wait)
    {
        lock (_gate)
        {
            while (_waiting.Count == 0)
            {
                if (_closed) return false;
                if (!wait) return true;
                _taking = true;
                Monitor.Wait(_gate);
                _taking = false;
            }

            long bytes = 0;
            while (bytes < bytesMax && _waiting.TryDequeue(out StoreOperation? operation))
            {
                if (!operation.TryTake()) continue;
                bytes += operation.Bytes;
                group.Add(operation);
            }

            return true;
        }
    }
}
