namespace Ratatoskr.Engine.Limits;

/// <summary>
/// What was taken of one limit lately: a sliding window made of two fixed ones, the earlier counting in proportion to how much of it still lies within the last period.
/// 32 bytes, whatever the rate; never more than the limit within any period as long as the earlier window was used evenly.
/// </summary>
/// <remarks>One caller at a time.</remarks>
public struct RateWindow
{
    private long _startMs;
    private long _before;
    private long _now;

    /// <summary>Nothing of it counts any more.</summary>
    public readonly bool IsOver(RateLimit limit, Timestamp now) => now.UnixMs - _startMs >= 2 * limit.PeriodMs && _now <= limit.Amount;

    /// <param name="limit">The same at every call.</param>
    /// <param name="cost">More than the limit is given to who has taken nothing yet, who then owes it: it is counted against later periods too.</param>
    /// <param name="now">Not before an earlier call's.</param>
    /// <param name="retryAfterSeconds">At least 1 when refused.</param>
    /// <returns>false: refused, nothing was taken.</returns>
    public bool TryTake(RateLimit limit, long cost, Timestamp now, out int retryAfterSeconds)
    {
        retryAfterSeconds = 0;
        if (limit.IsNone) return true;
        long period = limit.PeriodMs;
        Advance(limit, now);
        long into = now.UnixMs - _startMs;
        long counted = Math.Min(cost, limit.Amount);
        double earlier = (double)_before * (period - into) / period;
        if (earlier + _now + counted <= limit.Amount)
        {
            _now += cost;
            return true;
        }

        retryAfterSeconds = (int)Math.Clamp((WaitMs(limit, counted, into) + 999) / 1000, 1, int.MaxValue);
        return false;
    }

    private readonly long WaitMs(RateLimit limit, long cost, long into)
    {
        long period = limit.PeriodMs;
        if (_now + cost <= limit.Amount) return FadedMs(_before, limit.Amount - _now - cost, period) - into;
        long owedWindows = Math.Max(0, (_now - 1) / limit.Amount);
        return ((1 + owedWindows) * period) - into + FadedMs(_now - (owedWindows * limit.Amount), limit.Amount - cost, period);
    }

    // How far into a window no more than so much of the one before counts.
    private static long FadedMs(long before, long allowed, long period) =>
        before <= allowed ? 0 : (long)Math.Ceiling(period * (1 - ((double)allowed / before)));

    private void Advance(RateLimit limit, Timestamp now)
    {
        if (_startMs == 0) _startMs = now.UnixMs;
        long windows = (now.UnixMs - _startMs) / limit.PeriodMs;
        if (windows <= 0) return;
        _startMs += windows * limit.PeriodMs;

        // What is more than the limit stays owed, one limit less for each window that has passed.
        long left = windows - 1 > _now / limit.Amount ? 0 : Math.Max(0, _now - ((windows - 1) * limit.Amount));
        _before = Math.Min(left, limit.Amount);
        _now = left - _before;
    }
}
