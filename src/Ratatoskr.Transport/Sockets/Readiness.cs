namespace Ratatoskr.Transport.Sockets;

/// <summary>
/// One direction of a socket whose readiness is told once, when it changes (edge-triggered): whether it has been told since the last try, and whether somebody waits for it.
/// </summary>
/// <remarks>One caller at a time tries and waits; signals come from the poller's thread, and anybody may give up for him who waits.</remarks>
internal struct Readiness
{
    private const int Unknown = 0;
    private const int Told = 1;
    private const int Awaited = 2;

    private int _state;

    /// <summary>It is ready.</summary>
    /// <returns>Somebody waited, and is the caller's to wake.</returns>
    public bool Signal()
    {
        if (Interlocked.Exchange(ref _state, Told) != Awaited) return false;
        Volatile.Write(ref _state, Unknown);
        return true;
    }

    /// <summary>A try has found it not ready.</summary>
    /// <returns>The caller waits now. If not, it has become ready meanwhile: try again.</returns>
    public bool TryWait()
    {
        if (Interlocked.CompareExchange(ref _state, Awaited, Unknown) == Unknown) return true;
        Volatile.Write(ref _state, Unknown);        // a signal that this wipes out came before the try that follows
        return false;
    }

    /// <returns>Somebody waited, and is the caller's to wake.</returns>
    public bool TryGiveUp() => Interlocked.CompareExchange(ref _state, Unknown, Awaited) == Awaited;
}
