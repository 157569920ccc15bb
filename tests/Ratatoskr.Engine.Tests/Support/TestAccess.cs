using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Open, except for what a test takes away. A token is its bearer's name; the token "bad" is refused.</summary>
internal sealed class TestAccess(IControlLog control) : IAccessPolicy, IAuthenticator
{
    private readonly Dictionary<(string Principal, DocumentId Document), Permission> _rules = [];

    public int Decisions { get; private set; }

    public void Set(string principal, DocumentId document, Permission permission) => _rules[(principal, document)] = permission;

    public bool TryDecide(Principal principal, DocumentId document, Timestamp now, out AccessDecision decision)
    {
        decision = Decide(principal, document);
        return true;
    }

    public ValueTask<AccessDecision> DecideAsync(Principal principal, DocumentId document, Timestamp now, CancellationToken stop) =>
        ValueTask.FromResult(Decide(principal, document));

    public void Changed(ControlChange change)
    {
    }

    public Takeover MayReplace(Principal holder, Principal newcomer) => holder == newcomer ? Takeover.Replace : Takeover.Refuse;

    private AccessDecision Decide(Principal principal, DocumentId document)
    {
        Decisions++;
        return new AccessDecision(_rules.GetValueOrDefault((principal.Id, document), Permission.Read | Permission.Write), control.Current);
    }

    public ValueTask<AuthenticationResult> AuthenticateAsync(Credentials credentials, ConnectionInfo connection) => ValueTask.FromResult(credentials.Token switch
    {
        null => AuthenticationResult.Welcome(Principal.Anonymous),
        "bad" => AuthenticationResult.Refuse("invalid_token", "This token is not valid"),
        { } name => AuthenticationResult.Welcome(new Principal(name)),
    });
}
