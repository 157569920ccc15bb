using Ratatoskr.Storage.Faster.Tables;
using Ratatoskr.Storage.Threads;

namespace Ratatoskr.Storage.Faster.Reading;

/// <summary>
/// The threads that read: each with a session of its own, so that a slow disk stalls neither the writer nor its callers.
/// What waits is bounded by the callers, who await.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class ReaderThreads : IDisposable
{
    private readonly WorkQueue<Call> _waiting = new();
    private readonly List<Thread> _threads = [];
    private readonly string _folder;

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
    public int Waiting => _waiting.Count;

    /// <summary>Runs <paramref name="work"/> on a reader thread.</summary>
    public Task<T> Run<T>(Func<DocumentReader, T> work, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return Task.FromCanceled<T>(stop);
        Call<T> call = new(work, stop);
        if (!_waiting.TryAdd(call)) call.Refuse(StoreUnavailableException.For("read", _folder, "the store is closed"));
        return call.Answer;
    }

    /// <summary>Ends when what waits has run.</summary>
    public void Dispose()
    {
        _waiting.Close();
        foreach (Thread thread in _threads) thread.Join();
        _waiting.Dispose();
    }

    private void Run(DocumentTable table)
    {
        using DocumentReader reader = new(table, _folder);
        while (_waiting.Take() is { } call) call.Run(reader);
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
