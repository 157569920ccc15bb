using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Tokens;

/// <summary>Ends what a credential can do: it is forgotten here, and its live connections end, before the caller is answered.</summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class CredentialRevocation(AccountAuthenticator authenticator, IControlLog control)
{
    /// <summary>Call it when the store has committed the revocation. Not cancelled by a caller who hangs up: the store already says it is so.</summary>
    /// <param name="subject">The id of a session, an API token or a user.</param>
    public async Task BindAsync(string subject)
    {
        authenticator.Forget(subject);
        ControlNumber number = await control.AppendAsync(new ControlChange(ControlSubject.Revoked, default, subject), CancellationToken.None).ConfigureAwait(false);
        await control.InForceAsync(number, CancellationToken.None).ConfigureAwait(false);
    }
}
