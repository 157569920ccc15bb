using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine.Sessions;

/// <summary>The rate limits of one connection: its own windows, and its share of its user's and its address's.</summary>
/// <remarks>One caller at a time, the connection's loop.</remarks>
internal sealed class SessionLimits(RateLimiter limiter, string address)
{
    // A user's bytes are told in lots, so that his connections do not meet in one table at every message: 64 KiB are 0.07 % of a minute's.
    private const int BytesToldAtOnce = 64 << 10;

    private RateWindow _messages;
    private RateWindow _bandwidth;
    private long _untoldBytes;

    /// <summary>Whether somebody may have one more connection.</summary>
    public bool TryConnect(Principal principal, Timestamp now, out int retryAfterSeconds) => principal.IsAnonymous
        ? limiter.TryTake(RateLimitKind.AnonymousConnections, address, 1, now, out retryAfterSeconds)
        : limiter.TryTake(RateLimitKind.UserConnections, principal.Id, 1, now, out retryAfterSeconds);

    /// <summary>Whether another token of this address may be looked at.</summary>
    public bool MayTryToken(Timestamp now, out int retryAfterSeconds) => limiter.HasRoom(RateLimitKind.FailedCredentials, address, now, out retryAfterSeconds);

    public void TokenWasBad(Timestamp now) => limiter.TryTake(RateLimitKind.FailedCredentials, address, 1, now, out _);

    public bool TryUndecodable(Timestamp now) => limiter.TryTake(RateLimitKind.UndecodableFrames, address, 1, now, out _);

    /// <summary>Whether a message may be taken.</summary>
    /// <param name="why">For people, when not.</param>
    public bool TryMessage(Principal principal, int bytes, EngineClock clock, out int retryAfterSeconds, out string why)
    {
        retryAfterSeconds = 0;
        why = "";
        if (!principal.IsAnonymous)
        {
            _untoldBytes += bytes;
            if (_untoldBytes < BytesToldAtOnce) return true;
            long lot = _untoldBytes;
            _untoldBytes = 0;
            why = "Too many bytes";
            return limiter.TryTake(RateLimitKind.UserBandwidth, principal.Id, lot, clock.Now, out retryAfterSeconds);
        }

        Timestamp now = clock.Now;
        why = "Too many messages";
        if (!limiter.TryTake(RateLimitKind.AnonymousMessages, ref _messages, 1, now, out retryAfterSeconds)) return false;
        why = "Too many bytes";
        return limiter.TryTake(RateLimitKind.AnonymousBandwidth, ref _bandwidth, bytes, now, out retryAfterSeconds);
    }
}
