using Ratatoskr.Engine.Sessions;

namespace Ratatoskr.Engine.Access;

/// <summary>Turns what a hello brought into a principal. Asked once per hello, never per message.</summary>
/// <remarks>Safe on any thread.</remarks>
public interface IAuthenticator
{
    ValueTask<AuthenticationResult> AuthenticateAsync(Credentials credentials, ConnectionInfo connection);
}

/// <summary>What a hello brought.</summary>
/// <param name="Token">From the <c>auth</c> frame or the upgrade's <c>Authorization: Bearer</c>; null when there was none.</param>
/// <param name="Anonymous">The peer asked to be nobody, or said a stock <c>join</c> without a token.</param>
public readonly record struct Credentials(string? Token, bool Anonymous);

/// <summary>A principal, or the error code and text the peer is told.</summary>
public readonly record struct AuthenticationResult(Principal? Principal, string Error, string Message)
{
    public static AuthenticationResult Welcome(Principal principal) => new(principal, "", "");

    public static AuthenticationResult Refuse(string error, string message) => new(null, error, message);
}

/// <summary><c>ACCESS_MODE=open</c>: everybody may come in, and nobody is anybody. Tokens are neither needed nor looked at.</summary>
public sealed class OpenAuthenticator : IAuthenticator
{
    public ValueTask<AuthenticationResult> AuthenticateAsync(Credentials credentials, ConnectionInfo connection) =>
        ValueTask.FromResult(AuthenticationResult.Welcome(Principal.Anonymous));
}
