using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using SharedTests.Accounts;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>Knows users by tokens of the form <c>user/number</c>, unless they were revoked.</summary>
internal sealed class SimulatedAuthenticator(FakeAccounts accounts, AccountTruth truth) : IAuthenticator
{
    public async ValueTask<AuthenticationResult> AuthenticateAsync(Credentials credentials, ConnectionInfo connection)
    {
        if (credentials.Token is not { } token) return AuthenticationResult.Welcome(Principal.Anonymous);
        bool isRevoked = truth.Revoked.Contains(token);
        if (accounts.IsSlow && await accounts.FindUserAsync(token.Split('/')[0], CancellationToken.None) is null) isRevoked = true;
        return isRevoked
            ? AuthenticationResult.Refuse("invalid_token", "Invalid or expired token")
            : AuthenticationResult.Welcome(new Principal(token.Split('/')[0]) { CredentialId = token, IsSession = true });
    }
}
