using System.Security.Cryptography;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Tokens;

/// <summary>A session's token, just made.</summary>
internal readonly record struct IssuedToken(string Token, DateTimeOffset ExpiresAt);

/// <summary>Begins, renews and ends the sessions of people who signed in.</summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class UserSessions(IAccountStore store, SessionTokens tokens, CredentialRevocation revocation, TimeProvider time)
{
    public async Task<IssuedToken> BeginAsync(string userId, CancellationToken stop)
    {
        DateTimeOffset now = time.GetUtcNow();
        SessionRecord session = new(RandomNumberGenerator.GetHexString(32, lowercase: true), userId, now, now + SessionTokens.SessionLifetime, EndedAt: null);
        await store.AddSessionAsync(session, stop).ConfigureAwait(false);
        return Issue(session, now);
    }

    /// <summary>null: it has ended, or the thirty days are over.</summary>
    public async Task<IssuedToken?> RenewAsync(Principal principal, CancellationToken stop)
    {
        DateTimeOffset now = time.GetUtcNow();
        SessionRecord? session = await store.FindSessionAsync(principal.CredentialId, stop).ConfigureAwait(false);
        return session is { EndedAt: null } && session.UserId == principal.Id && now < session.ExpiresAt ? Issue(session, now) : null;
    }

    public async Task EndAsync(Principal principal, CancellationToken stop)
    {
        await store.EndSessionAsync(principal.CredentialId, stop).ConfigureAwait(false);
        await revocation.BindAsync(principal.CredentialId).ConfigureAwait(false); // also if it had ended: then a caller of the same moment may not have come so far
    }

    private IssuedToken Issue(SessionRecord session, DateTimeOffset now)
    {
        DateTimeOffset full = now + SessionTokens.Lifetime, expires = full < session.ExpiresAt ? full : session.ExpiresAt;
        expires = DateTimeOffset.FromUnixTimeSeconds(expires.ToUnixTimeSeconds()); // as the token says it
        return new IssuedToken(tokens.Make(new SessionClaims(session.UserId, session.Id, now, expires)), expires);
    }
}
