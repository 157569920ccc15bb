namespace Ratatoskr.Engine;

/// <summary>Wall time that never goes back: read once at the start, then advanced by the monotonic clock.</summary>
internal sealed class EngineClock(TimeProvider time)
{
    private readonly long _startUnixMs = time.GetUtcNow().ToUnixTimeMilliseconds();
    private readonly long _start = time.GetTimestamp();

    /// <summary>For measuring how long something takes.</summary>
    public long Start() => time.GetTimestamp();

    public double SecondsSince(long start) => time.GetElapsedTime(start).TotalSeconds;

    public Timestamp Now => new(_startUnixMs + (long)time.GetElapsedTime(_start).TotalMilliseconds);
}
