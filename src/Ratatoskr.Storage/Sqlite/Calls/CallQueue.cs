using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Calls;

/// <summary>Calls on their way to the threads that have connections. When it is full, callers wait without a thread.</summary>
/// <remarks>Any thread adds and takes.</remarks>
internal sealed class CallQueue(int length, string operation, string file)
{
    private readonly Channel<Call> _waiting = Channel.CreateBounded<Call>(new BoundedChannelOptions(length)
    {
        FullMode = BoundedChannelFullMode.Wait,
        // Wakes the thread that waits without a detour over the pool. Callers' continuations do not run there: those of answers are told not to.
        AllowSynchronousContinuations = true,
    });

    /// <summary>Calls that wait inside.</summary>
    public int Count => _waiting.Reader.Count;

    public ValueTask<T> Add<T>(Func<Connection, T> work, CancellationToken stop)
    {
        Call<T> call = new(work, stop);
        return new ValueTask<T>(_waiting.Writer.TryWrite(call) ? call.Answer : WaitToAdd(call, stop));
    }

    /// <summary>Nothing more is accepted; what waits is still taken.</summary>
    public void Close() => _waiting.Writer.TryComplete();

    public bool TryTake([NotNullWhen(true)] out Call? call) => _waiting.Reader.TryRead(out call);

    /// <summary>Blocks until there is one.</summary>
    /// <returns>null: closed and empty.</returns>
    public Call? Take()
    {
        if (TryTake(out Call? call)) return call;
        try
        {
            Task<Call> next = _waiting.Reader.ReadAsync(CancellationToken.None).AsTask();
            Block(next);
            return next.GetAwaiter().GetResult();
        }
        catch (ChannelClosedException)
        {
            return null;
        }
    }

    /// <summary>Blocks until there is something to take, or time is over.</summary>
    /// <param name="waiting">What is waited for, if time was over the last time; kept by the caller.</param>
    /// <returns>false: closed and empty.</returns>
    public bool Wait(TimeSpan time, ref Task<bool>? waiting)
    {
        waiting ??= _waiting.Reader.WaitToReadAsync(CancellationToken.None).AsTask();
        if (!waiting.Wait(time)) return true;
        bool open = waiting.Result;
        waiting = null;
        return open;
    }

    // Waiting for a task as such spins first, which on one core keeps from running what is waited for: a tenth of what a short list cost.
    private static void Block(Task task)
    {
        ManualResetEventSlim done = new(initialState: false, spinCount: 0);       // not disposed: whoever sets it may not have left it yet; it has no handle
        task.ContinueWith(static (_, set) => ((ManualResetEventSlim)set!).Set(), done, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        done.Wait();
    }

    private async Task<T> WaitToAdd<T>(Call<T> call, CancellationToken stop)
    {
        try
        {
            await _waiting.Writer.WriteAsync(call, stop).ConfigureAwait(false);
        }
        catch (ChannelClosedException)
        {
            throw StoreUnavailableException.For(operation, file, "the store is closed");
        }

        return await call.Answer.ConfigureAwait(false);
    }
}
