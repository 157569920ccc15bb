namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>
/// Where everything in a schedule that was awaited goes on: on the schedule's own thread, first come first served, when the schedule says so.
/// Nothing depends on threads, and the same plan always runs the same way.
/// </summary>
internal sealed class ScheduleContext : SynchronizationContext
{
    // Far more than a step can cause; work that begets work without end is a bug.
    private const int RunsMax = 100_000;

    private readonly Queue<(SendOrPostCallback Callback, object? State)> _posted = new();
    private readonly int _thread = Environment.CurrentManagedThreadId;
    private volatile bool _wasLeft;

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (Environment.CurrentManagedThreadId != _thread) _wasLeft = true;
        else _posted.Enqueue((d, state));
    }

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException();

    public override SynchronizationContext CreateCopy() => this;

    public void RunAll()
    {
        for (int runs = 0; _posted.TryDequeue(out (SendOrPostCallback Callback, object? State) next); runs++)
        {
            if (runs == RunsMax) throw new InvalidOperationException("the server does not come to rest");
            next.Callback(next.State);
        }

        if (_wasLeft) throw new InvalidOperationException("something in the server has gone to another thread");
    }

    /// <summary>The process is dead: nothing of it goes on.</summary>
    public void Clear() => _posted.Clear();
}
