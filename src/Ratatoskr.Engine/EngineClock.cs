namespace Ratatoskr.Engine;

/// <summary>Wall time that never goes back: read once at the start, then advanced by the monotonic clock.</summary>
internal sealed class EngineClock(TimeProvider time)
{
    private readonly long _startUnixMs = time.GetUtcNow().ToUnixTimeMilliseconds();
    private readonly long _start = time.GetTimestamp();

    public Timestamp Now => new(_startUnixMs + (long)time.GetElapsedTime(_start).TotalMilliseconds);
}
