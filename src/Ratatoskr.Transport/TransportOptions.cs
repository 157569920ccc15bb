using System.IO.Pipelines;

namespace Ratatoskr.Transport;

/// <summary>Limits and times of all connections. Sizes are bytes.</summary>
public sealed record TransportOptions
{
    private const int KiB = 1024;
    private const int MiB = 1024 * KiB;

    /// <summary>Open WebSockets; the next upgrade gets 503.</summary>
    public int ConnectionCountMax { get; init; } = 20_000;

    /// <summary>
    /// The largest message of anyone (1009). 100 MiB is what the reference server takes, and a whole document is one message.
    /// Sessions may ask for less (<see cref="Engine.Sessions.IPeerSession.MaxMessageBytes"/>).
    /// </summary>
    public int MessageBytesMax { get; init; } = 100 * MiB;

    /// <summary>
    /// Messages of all connections that have begun and not been taken by their sessions. A connection that would pass it is told to come back (1013).
    /// A buffer may grow to twice its message and is copied while it grows, so less than three of <see cref="MessageBytesMax"/> refuses some that it allows.
    /// </summary>
    public long InboundBytesMax { get; init; } = 320L * MiB;

    /// <summary>A large message that has been arriving for this long gives way, with 1013, when others have no room for theirs.</summary>
    public TimeSpan MessageGrace { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>The upgrade request, all of it; a longer one is left to HTTP and its own limits.</summary>
    public int UpgradeBytesMax { get; init; } = 16 * KiB;

    /// <summary>Queue of one connection above which it counts as not writable.</summary>
    public long OutboundHighWaterBytes { get; init; } = MiB;

    /// <summary>Queue at or below which a connection is writable again.</summary>
    public long OutboundLowWaterBytes { get; init; } = 256 * KiB;

    /// <summary>Queue that no further message may join: the connection closes with 1013. So a queue is at most this and one message.</summary>
    public long OutboundHardLimitBytes { get; init; } = 64L * MiB;

    /// <summary>All send queues together, those of less than 32 KiB left out: beyond it a queue that is longer and is to grow closes its connection with 1013.</summary>
    public long OutboundBytesMax { get; init; } = 256L * MiB;

    /// <summary>Connections that have not said yet what they are; one more takes the place of the oldest.</summary>
    public int PendingUpgradesMax { get; init; } = 4096;

    /// <summary>Connections with plain HTTP requests. Beyond all three counts together a connection is closed as soon as it is there.</summary>
    public int HttpConnectionCountMax { get; init; } = 1024;

    /// <summary>
    /// Whether pages of this origin may open a socket; null: all may. Not asked about pages of the server's own host, nor about programs, which name no origin. Others get 403.
    /// </summary>
    public Func<string, bool>? AllowsOrigin { get; init; }

    /// <summary>
    /// Where a connection goes on that has kept its thread busy for long, and one that ends for want of words: those who send without a pause, and those who say nothing, should not
    /// be ahead of those who type. Its threads may run with what all others leave of the processors.
    /// </summary>
    public PipeScheduler BusyScheduler { get; init; } = PipeScheduler.ThreadPool;

    /// <summary>From the first byte of a request that may be ours to its last header line; then 408.</summary>
    public TimeSpan UpgradeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>From the upgrade to an accepted hello; then 1008.</summary>
    public TimeSpan HelloTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Silence after which a ping is sent.</summary>
    public TimeSpan PingInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Pings a peer may send from one sweep to the next, a second at most; then 1008. Each is answered, and programs that ping do so a few times a minute.</summary>
    public int PingsPerSecondMax { get; init; } = 100;

    /// <summary>Pings without any byte in return after which a connection is dead: with the interval above, 30 s of silence.</summary>
    public int MissedPingsMax { get; init; } = 2;

    /// <summary>From our close frame to the peer's; then the socket is cut.</summary>
    public TimeSpan CloseTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>From the start of a stop to the moment when sockets are cut.</summary>
    public TimeSpan StopTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Connections of all kinds.</summary>
    internal long SocketCountMax => (long)ConnectionCountMax + PendingUpgradesMax + HttpConnectionCountMax;

    /// <param name="origin">As the browser says; null for a program.</param>
    /// <param name="host">Whom it says it speaks to.</param>
    internal bool Allows(string? origin, string? host)
    {
        if (origin is null || AllowsOrigin is not { } allows || allows(origin)) return true;
        int authority = origin.IndexOf("://", StringComparison.Ordinal);
        return authority > 0 && host is not null && origin.AsSpan(authority + 3).Equals(host, StringComparison.OrdinalIgnoreCase);
    }

    internal void Validate()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(ConnectionCountMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MessageBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(InboundBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(UpgradeBytesMax, 256);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutboundLowWaterBytes, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutboundHighWaterBytes, OutboundLowWaterBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutboundHardLimitBytes, OutboundHighWaterBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(OutboundBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PendingUpgradesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(HttpConnectionCountMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PingsPerSecondMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(MissedPingsMax, 1);
        foreach (TimeSpan time in (ReadOnlySpan<TimeSpan>)[UpgradeTimeout, HelloTimeout, PingInterval, CloseTimeout, StopTimeout, MessageGrace])
            ArgumentOutOfRangeException.ThrowIfLessThanOrEqual(time, TimeSpan.Zero);
    }
}
