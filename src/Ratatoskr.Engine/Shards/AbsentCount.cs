namespace Ratatoskr.Engine.Shards;

/// <summary>How many answers within a second said that a document is not there, or not for who asked.</summary>
/// <remarks>Owned by its shard.</remarks>
internal sealed class AbsentCount
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
