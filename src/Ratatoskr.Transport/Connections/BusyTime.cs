namespace Ratatoskr.Transport.Connections;

/// <summary>
/// How long a read loop has kept its thread without giving it back. What the socket takes to hand over bytes that are there already counts as well: the
/// loop and the socket take turns on one thread for as long as bytes keep coming.
/// </summary>
/// <remarks>One thread at a time.</remarks>
internal struct BusyTime(TimeProvider time)
{
    // Threads that poll sockets run what they wake, so a connection that sends without a pause would keep all others of its thread waiting.
    // 0.5 ms cost a hop to another thread, about 10 µs.
    private static readonly TimeSpan Max = TimeSpan.FromMicroseconds(500);

    // A read that took longer has waited for bytes: the thread was elsewhere meanwhile. Copying a full buffer out of the kernel takes some 20 µs.
    private static readonly TimeSpan ReadMax = TimeSpan.FromMicroseconds(200);

    private long _since;
    private long _paused;
    private bool _foundMore;                                  // by a read since then

    /// <summary>It goes on, after a read.</summary>
    public void Resume()
    {
        long now = time.GetTimestamp();
        _foundMore = _paused != 0 && time.GetElapsedTime(_paused, now) <= ReadMax;
        if (!_foundMore) _since = now;
    }

    /// <summary>It goes on, on a thread that others had before.</summary>
    public void Restart() => _since = time.GetTimestamp();

    /// <summary>Whether it is time to let others go first.</summary>
    public readonly bool IsOver => time.GetElapsedTime(_since) > Max;

    /// <summary>It is about to read.</summary>
    /// <returns>
    /// Whether it is time to let others go first. Not for what the first read brought: that may have taken long because the thread was pushed aside, a collection ran, or the shard had
    /// others' work to do, and behind thousands of connections that end, somebody who types would wait for milliseconds.
    /// </returns>
    public bool Pause()
    {
        _paused = time.GetTimestamp();
        return _foundMore && time.GetElapsedTime(_since, _paused) > Max;
    }
}
