using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage.Sqlite.Calls;

/// <summary>Something a caller waits for, to be done with a connection on another thread.</summary>
internal abstract class Call
{
    /// <returns>false: the caller gave up, and has been told so.</returns>
    public abstract bool TryTake();

    /// <summary>Does it and keeps the result. What it throws goes to <see cref="Refuse"/>.</summary>
    public abstract void Run(Connection connection);

    /// <summary>Gives the caller the result.</summary>
    public abstract void Complete();

    public abstract void Refuse(Exception reason);
}

/// <remarks>Added by any thread; the rest is its connection's thread.</remarks>
internal sealed class Call<T>(Func<Connection, T> work, CancellationToken stop) : Call
{
    private readonly TaskCompletionSource<T> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private T _result = default!;

    public Task<T> Answer => _answer.Task;

    public override bool TryTake()
    {
        if (!stop.IsCancellationRequested) return true;
        _answer.TrySetCanceled(stop);
        return false;
    }

    public override void Run(Connection connection) => _result = work(connection);

    public override void Complete() => _answer.SetResult(_result);

    public override void Refuse(Exception reason) => _answer.TrySetException(reason);
}
