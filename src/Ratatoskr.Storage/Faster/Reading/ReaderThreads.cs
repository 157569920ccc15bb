using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Reading;

/// <summary>
/// The threads that read: each with a session of its own, so that a slow disk stalls neither the writer nor its callers.
/// What waits is bounded by the callers, who await. They sleep while there is nothing: a <c>BlockingCollection</c> spins first and yields the processor as it does,
/// and beside busy processes each yield costs a time slice.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class ReaderThreads : IDisposable
{
    private readonly object _gate = new();                        // also waited on
    private readonly Queue<Call> _waiting = [];
    private readonly List<Thread> _threads = [];
    private readonly string _folder;
    private bool _isClosed;

    public ReaderThreads(DocumentTable table, FasterStoreOptions options)
    {
        _folder = options.Folder;
        for (int i = 0; i < options.ReaderThreads; i++)
        {
            Thread thread = new(() => Run(table)) { IsBackground = true, Name = $"storage reader {i}" };
            _threads.Add(thread);
            thread.Start();
        }
    }

    /// <summary>Calls that wait.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate) return _waiting.Count;
        }
    }

    /// <summary>Runs <paramref name="work"/> on a reader thread.</summary>
    public Task<T> Run<T>(Func<DocumentReader, T> work, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return Task.FromCanceled<T>(stop);
        Call<T> call = new(work, stop);
        lock (_gate)
        {
            if (!_isClosed)
            {
                _waiting.Enqueue(call);
                Monitor.Pulse(_gate);
                return call.Answer;
            }
        }

        call.Refuse(StoreUnavailableException.For("read", _folder, "the store is closed"));
        return call.Answer;
    }

    /// <summary>Ends when what waits has run.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _isClosed = true;
            Monitor.PulseAll(_gate);
        }

        foreach (Thread thread in _threads) thread.Join();
    }

    private void Run(DocumentTable table)
    {
        using DocumentReader reader = new(table, _folder);
        while (Next() is { } call) call.Run(reader);
    }

    // null: there will be no more.
    private Call? Next()
    {
        lock (_gate)
        {
            while (_waiting.Count == 0)
            {
                if (_isClosed) return null;
                Monitor.Wait(_gate);
            }

            return _waiting.Dequeue();
        }
    }

    private abstract class Call
    {
        public abstract void Run(DocumentReader reader);
    }

    private sealed class Call<T>(Func<DocumentReader, T> work, CancellationToken stop) : Call
    {
        private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<T> Answer => _answer.Task;

        public void Refuse(Exception reason) => _answer.SetException(reason);

        public override void Run(DocumentReader reader)
        {
            if (stop.IsCancellationRequested)
            {
                _answer.SetCanceled(stop);
                return;
            }

            try
            {
                _answer.SetResult(work(reader));
            }
            catch (Exception e)
            {
                _answer.SetException(e);
            }
        }
    }
}
