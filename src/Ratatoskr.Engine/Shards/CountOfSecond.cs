namespace Ratatoskr.Engine.Shards;

/// <summary>How often something has happened within a second.</summary>
/// <remarks>Owned by its shard.</remarks>
internal sealed class CountOfSecond
{
    private int _count;
    private Timestamp _since;

    /// <summary>One more.</summary>
    /// <returns>How many these are.</returns>
    public int Add(Timestamp now)
    {
        if (now.UnixMs - _since.UnixMs >= 1_000) (_count, _since) = (0, now);
        return ++_count;
    }

    public void Clear() => _count = 0;
}
