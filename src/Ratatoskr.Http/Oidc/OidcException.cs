namespace Ratatoskr.Http.Oidc;

/// <summary>A sign-in that cannot go on, and why, for the server's log. The person at the browser hears only that it failed: details help forgers.</summary>
/// <param name="isProviderDown">The provider does not answer, or not as one; nobody can sign in now.</param>
public sealed class OidcException(string reason, bool isProviderDown = false, Exception? cause = null) : Exception(reason, cause)
{
    public bool IsProviderDown { get; } = isProviderDown;
}
