namespace Ratatoskr.Engine.Limits;

/// <summary>What is counted, and by whose key.</summary>
public enum RateLimitKind : byte
{
    /// <summary>Anonymous connections, by address.</summary>
    AnonymousConnections,

    /// <summary>Messages of an anonymous connection, by connection.</summary>
    AnonymousMessages,

    /// <summary>Bytes an anonymous connection sends, by connection.</summary>
    AnonymousBandwidth,

    /// <summary>Ephemeral documents created by the anonymous, by address.</summary>
    AnonymousEphemeral,

    /// <summary>A user's connections, by user.</summary>
    UserConnections,

    /// <summary>Documents created, by user.</summary>
    UserDocuments,

    /// <summary>Bytes a user's connections send together, by user.</summary>
    UserBandwidth,

    /// <summary>Requests without credentials, by address.</summary>
    RestAnonymous,

    /// <summary>Requests with credentials, by user.</summary>
    RestUser,

    /// <summary>Sign-ins begun, by address.</summary>
    PendingLogins,

    /// <summary>Frames that are no message, before a hello or of anonymous peers, by address.</summary>
    UndecodableFrames,

    /// <summary>Tokens that were not valid, by address.</summary>
    FailedCredentials,
}

/// <summary>So much within any such period.</summary>
/// <param name="Amount">0: no limit.</param>
public readonly record struct RateLimit(long Amount, int PeriodSeconds)
{
    public static readonly RateLimit None;

    public bool IsNone => Amount == 0;

    public long PeriodMs => PeriodSeconds * 1000L;

    public static RateLimit PerMinute(long amount) => new(amount, 60);

    public static RateLimit PerHour(long amount) => new(amount, 3600);
}

/// <summary>Every rate limit. The figures of the first eight are those of the original's design; the rest are ours.</summary>
public sealed record RateLimits
{
    /// <summary>No limit at all, as in <c>ACCESS_MODE=open</c>.</summary>
    public static readonly RateLimits None = new()
    {
        AnonymousConnections = RateLimit.None,
        AnonymousMessages = RateLimit.None,
        AnonymousBandwidth = RateLimit.None,
        AnonymousEphemeral = RateLimit.None,
        UserConnections = RateLimit.None,
        UserDocuments = RateLimit.None,
        UserBandwidth = RateLimit.None,
        RestAnonymous = RateLimit.None,
        RestUser = RateLimit.None,
        PendingLogins = RateLimit.None,
        UndecodableFrames = RateLimit.None,
        FailedCredentials = RateLimit.None,
    };

    public RateLimit AnonymousConnections { get; init; } = RateLimit.PerMinute(5);

    public RateLimit AnonymousMessages { get; init; } = RateLimit.PerMinute(100);

    /// <summary>In bytes.</summary>
    public RateLimit AnonymousBandwidth { get; init; } = RateLimit.PerMinute(1_000_000);

    public RateLimit AnonymousEphemeral { get; init; } = RateLimit.PerHour(10);

    public RateLimit UserConnections { get; init; } = RateLimit.PerMinute(100);

    public RateLimit UserDocuments { get; init; } = RateLimit.PerHour(1000);

    /// <summary>In bytes.</summary>
    public RateLimit UserBandwidth { get; init; } = RateLimit.PerMinute(100_000_000);

    public RateLimit RestAnonymous { get; init; } = RateLimit.PerMinute(600);

    /// <summary>None: users are trusted, and what costs (documents, bytes, sign-ins) has limits of its own.</summary>
    public RateLimit RestUser { get; init; } = RateLimit.None;

    public RateLimit PendingLogins { get; init; } = new(100, 600);

    public RateLimit UndecodableFrames { get; init; } = RateLimit.PerMinute(100);

    public RateLimit FailedCredentials { get; init; } = RateLimit.PerMinute(60);

    public RateLimit this[RateLimitKind kind] => kind switch
    {
        RateLimitKind.AnonymousConnections => AnonymousConnections,
        RateLimitKind.AnonymousMessages => AnonymousMessages,
        RateLimitKind.AnonymousBandwidth => AnonymousBandwidth,
        RateLimitKind.AnonymousEphemeral => AnonymousEphemeral,
        RateLimitKind.UserConnections => UserConnections,
        RateLimitKind.UserDocuments => UserDocuments,
        RateLimitKind.UserBandwidth => UserBandwidth,
        RateLimitKind.RestAnonymous => RestAnonymous,
        RateLimitKind.RestUser => RestUser,
        RateLimitKind.PendingLogins => PendingLogins,
        RateLimitKind.UndecodableFrames => UndecodableFrames,
        RateLimitKind.FailedCredentials => FailedCredentials,
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };
}
