namespace Ratatoskr.Engine.Access;

/// <summary>Who is behind a connection or request, by which credential, and what that credential lets him do. Anonymous until an authenticator says otherwise.</summary>
/// <param name="Id">The user's id, empty for the anonymous.</param>
public sealed record Principal(string Id)
{
    public static readonly Principal Anonymous = new("");

    public bool IsAnonymous => Id.Length == 0;

    /// <summary>The id of the session or API token; a revocation names it. Empty for the anonymous.</summary>
    public string CredentialId { get; init; } = "";

    /// <summary>Signed in by a person, not by an API token: only such may renew.</summary>
    public bool IsSession { get; init; }

    /// <summary>What an API token was made for; everything, for sessions.</summary>
    public Scopes Scopes { get; init; } = Scopes.All;

    /// <summary>When the credential ends, and with it the connection; null for never.</summary>
    public DateTimeOffset? ExpiresAt { get; init; }

    /// <summary>Whether a revocation means it.</summary>
    /// <param name="subject">The id of a session, an API token or a user.</param>
    public bool IsMeantBy(string subject) => !IsAnonymous && (CredentialId == subject || Id == subject);
}
