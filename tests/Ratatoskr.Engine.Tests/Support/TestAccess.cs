using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>Open, except for what a test takes away. A token is its bearer's name; the token "bad" is refused.</summary>
internal sealed class TestAccess(IControlLog control) : IAccessPolicy, IAuthenticator
{
    private readonly Dictionary<(string Principal, DocumentId Document), Permission> _rules = [];

    private readonly List<TaskCompletionSource> _waiting = [];

    public int Decisions { get; private set; }

    /// <summary>When set, some decisions take time, and a few fail: they come when <see cref="Answer"/> says so, as they were when they were asked for, or as they are by then.</summary>
    public Random? Delays { get; set; }

    /// <summary>Decisions that have not come.</summary>
    public int Waiting => _waiting.Count;

    public void Answer(int index)
    {
        TaskCompletionSource waiting = _waiting[index];
        _waiting.RemoveAt(index);
        waiting.SetResult();
    }

    public void Set(string principal, DocumentId document, Permission permission) => _rules[(principal, document)] = permission;

    public bool TryDecide(Principal principal, DocumentId document, Timestamp now, out AccessDecision decision)
    {
        decision = default;
        if (Delays is not null && Delays.Next(2) == 0) return false;
        decision = Decide(principal, document);
        return true;
    }

    public async ValueTask<AccessDecision> DecideAsync(Principal principal, DocumentId document, Timestamp now, CancellationToken stop)
    {
        AccessDecision early = Decide(principal, document);
        if (Delays is not { } random || random.Next(4) == 0) return early;
        bool isEarly = random.Next(2) == 0, fails = random.Next(20) == 0;
        TaskCompletionSource waiting = new();
        _waiting.Add(waiting);
        await waiting.Task;
        if (fails) throw new IOException("a simulated error");
        return isEarly ? early : Decide(principal, document);
    }

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
