using System.Runtime.InteropServices;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Tokens;

/// <summary>Tells who is behind a session or API token, for REST and socket alike. A token of an ended session, a removed API token and a token of a user who is gone are all the same: not valid.</summary>
/// <remarks>
/// Safe on any thread. Answers from memory while a credential is in use, so connecting costs a hash and no query; what it remembers it asks again after
/// <see cref="FreshFor"/>, and at once after <see cref="Forget"/>.
/// </remarks>
public sealed class AccountAuthenticator(IAccountStore store, SessionTokens sessions, ApiTokens tokens, TimeProvider time) : IAuthenticator
{
    private const int CacheEntriesMax = 100_000; // about 30 MB when all are in use
    private static readonly TimeSpan FreshFor = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan UseNotedEvery = TimeSpan.FromSeconds(30);

    private readonly CredentialCache<string, Known> _sessions = new(CacheEntriesMax);
    private readonly CredentialCache<UInt128, Known> _tokens = new(CacheEntriesMax);

    /// <summary>Credentials in memory.</summary>
    internal int CachedCount => _sessions.Count + _tokens.Count;

    public ValueTask<AuthenticationResult> AuthenticateAsync(Credentials credentials, ConnectionInfo connection)
    {
        if (credentials.Token is not { Length: > 0 } token)
        {
            return ValueTask.FromResult(credentials.Anonymous
                ? AuthenticationResult.Welcome(Principal.Anonymous)
                : AuthenticationResult.Refuse("missing_credentials", "Provide a token or set anonymous: true"));
        }

        ValueTask<Principal?> found = FindAsync(token, CancellationToken.None);
        return found.IsCompletedSuccessfully ? ValueTask.FromResult(Answer(found.Result)) : AnswerAsync(found);

        static async ValueTask<AuthenticationResult> AnswerAsync(ValueTask<Principal?> found) => Answer(await found.ConfigureAwait(false));

        static AuthenticationResult Answer(Principal? principal) => principal is null
            ? AuthenticationResult.Refuse("invalid_token", "Invalid or expired token")
            : AuthenticationResult.Welcome(principal);
    }

    /// <summary>Who a token is; null when it is not valid, for whatever reason.</summary>
    public ValueTask<Principal?> FindAsync(string token, CancellationToken stop)
    {
        DateTimeOffset now = time.GetUtcNow();
        if (sessions.TryRead(token, now, out SessionClaims claims))
        {
            return _sessions.Find(claims.SessionId) is { } known && known.IsFresh(now)
                ? ValueTask.FromResult(known.ForSession(claims, now))
                : ReadSessionAsync(claims, now, stop);
        }

        Span<byte> hash = stackalloc byte[ApiTokens.HashBytes];
        if (!tokens.TryHash(token, hash)) return ValueTask.FromResult<Principal?>(null);

        // Half of a keyed hash: 128 bits that nobody without the key can steer.
        UInt128 key = MemoryMarshal.Read<UInt128>(hash);
        return _tokens.Find(key) is { } used && used.IsFresh(now)
            ? ValueTask.FromResult(ForToken(used, now))
            : ReadTokenAsync(key, hash.ToArray(), now, stop);
    }

    /// <summary>Forgets a session, an API token or a user. Call it after the store has committed and before the revocation is answered.</summary>
    /// <param name="subject">As in <see cref="ControlChange.Subject"/>: the id of a session, of an API token, or of a user.</param>
    public void Forget(string subject)
    {
        _sessions.Remove(subject);
        _tokens.Clear(); // kept by hash, not by id; they are read again one by one
        if (subject.Contains(':', StringComparison.Ordinal)) _sessions.Clear(); // a user's id, of whom we do not know the sessions
    }

    private async ValueTask<Principal?> ReadSessionAsync(SessionClaims claims, DateTimeOffset now, CancellationToken stop)
    {
        long asked = _sessions.Generation;
        SessionRecord? session = await store.FindSessionAsync(claims.SessionId, stop).ConfigureAwait(false);
        if (session is null || session.EndedAt is not null || session.ExpiresAt <= now || session.UserId != claims.UserId) return null;
        if (await store.FindUserAsync(session.UserId, stop).ConfigureAwait(false) is null) return null;
        Known known = new(session.UserId, session.Id, session.ExpiresAt, Scopes.All, now);
        _sessions.Keep(claims.SessionId, known, asked);
        return known.ForSession(claims, now);
    }

    private async ValueTask<Principal?> ReadTokenAsync(UInt128 key, byte[] hash, DateTimeOffset now, CancellationToken stop)
    {
        long asked = _tokens.Generation;
        TokenRecord? token = await store.FindTokenAsync(hash, stop).ConfigureAwait(false);
        if (token is null || token.ExpiresAt <= now) return null;
        if (await store.FindUserAsync(token.UserId, stop).ConfigureAwait(false) is null) return null;
        Known known = new(token.UserId, token.Id, token.ExpiresAt, Scopes.Of(token.Scopes), now);
        _tokens.Keep(key, known, asked);
        return ForToken(known, now);
    }

    private Principal? ForToken(Known known, DateTimeOffset now)
    {
        Principal? principal = known.ForToken(now);
        if (principal is not null && known.NoteUse(now)) store.TokenUsed(known.CredentialId, now);
        return principal;
    }

    /// <summary>A credential that the store knew at <paramref name="readAt"/>.</summary>
    private sealed class Known(string userId, string credentialId, DateTimeOffset? expiresAt, Scopes scopes, DateTimeOffset readAt)
    {
        private Principal? _principal;
        private long _usedTicks;

        public string CredentialId => credentialId;

        // A clock that was set back makes it stale, not eternal.
        public bool IsFresh(DateTimeOffset now) => now >= readAt && now - readAt < FreshFor;

        /// <summary>The same principal as long as the token is the same: renewals of a session differ in when they end.</summary>
        public Principal? ForSession(in SessionClaims claims, DateTimeOffset now)
        {
            if (claims.UserId != userId || expiresAt <= now) return null;
            Principal? last = _principal;
            if (last is not null && last.ExpiresAt == claims.ExpiresAt) return last;
            return _principal = new Principal(userId) { CredentialId = credentialId, IsSession = true, Scopes = scopes, ExpiresAt = claims.ExpiresAt };
        }

        public Principal? ForToken(DateTimeOffset now) => expiresAt <= now
            ? null
            : _principal ??= new Principal(userId) { CredentialId = credentialId, Scopes = scopes, ExpiresAt = expiresAt };

        /// <summary>Whether this use is worth a note: not every one of a busy token.</summary>
        public bool NoteUse(DateTimeOffset now)
        {
            long last = Volatile.Read(ref _usedTicks);
            return (last == 0 || now.UtcTicks - last >= UseNotedEvery.Ticks) && Interlocked.CompareExchange(ref _usedTicks, now.UtcTicks, last) == last;
        }
    }
}
