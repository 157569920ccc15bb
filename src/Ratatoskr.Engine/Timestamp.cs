namespace Ratatoskr.Engine;

/// <summary>A moment as the engine is told it: milliseconds since 1970, never going back within a process.</summary>
public readonly record struct Timestamp(long UnixMs) : IComparable<Timestamp>
{
    public static readonly Timestamp Never = new(long.MaxValue);

    public int CompareTo(Timestamp other) => UnixMs.CompareTo(other.UnixMs);

    public static bool operator <(Timestamp left, Timestamp right) => left.UnixMs < right.UnixMs;

    public static bool operator >(Timestamp left, Timestamp right) => left.UnixMs > right.UnixMs;

    public static bool operator <=(Timestamp left, Timestamp right) => left.UnixMs <= right.UnixMs;

    public static bool operator >=(Timestamp left, Timestamp right) => left.UnixMs >= right.UnixMs;

    public Timestamp AfterMs(long milliseconds) => new(UnixMs + milliseconds);
}
