namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>A clock that stands until it is moved. The engine has one timer, which fires on the way; it goes with its process.</summary>
internal sealed class SimulatedTime : TimeProvider
{
    private readonly List<Timer> _timers = [];

    public long NowMs { get; private set; } = 1_700_000_000_000;

    public override long TimestampFrequency => 1_000;

    public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(NowMs);

    public override long GetTimestamp() => NowMs;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        Timer timer = new(this, callback, state);
        timer.Change(dueTime, period);
        _timers.Add(timer);
        return timer;
    }

    public void Advance(long milliseconds)
    {
        long end = NowMs + milliseconds;
        while (NextDue(end) is { } next)
        {
            NowMs = Math.Max(NowMs, next.DueMs);
            next.Fire();
        }

        NowMs = end;
    }

    /// <summary>The process whose timers these were is dead.</summary>
    public void StopTimers() => _timers.Clear();

    private Timer? NextDue(long end)
    {
        Timer? next = null;
        foreach (Timer timer in _timers)
        {
            if (timer.DueMs <= end && (next is null || timer.DueMs < next.DueMs)) next = timer;
        }

        return next;
    }

    private sealed class Timer(SimulatedTime time, TimerCallback callback, object? state) : ITimer
    {
        private long _periodMs;

        public long DueMs { get; private set; } = long.MaxValue;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            DueMs = dueTime == Timeout.InfiniteTimeSpan ? long.MaxValue : time.NowMs + (long)dueTime.TotalMilliseconds;
            _periodMs = period == Timeout.InfiniteTimeSpan ? 0 : (long)period.TotalMilliseconds;
            return true;
        }

        public void Fire()
        {
            DueMs = _periodMs == 0 ? long.MaxValue : DueMs + _periodMs;
            callback(state);
        }

        public void Dispose() => time._timers.Remove(this);

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
