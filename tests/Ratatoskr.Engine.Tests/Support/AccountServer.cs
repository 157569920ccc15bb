using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.InMemory;
using SharedTests.Accounts;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>The accounts' side of a <see cref="TestServer"/>: the real resolver and ledger over accounts that answer when the test says so. A token is its bearer's name.</summary>
internal sealed class AccountServer : IAuthenticator, IDisposable
{
    public AccountServer(RateLimits? limits = null, EngineLimits? engineLimits = null, bool manualCommit = false, int shards = 1)
    {
        SynchronizationContext.SetSynchronizationContext(null);
        Ledger = new QuotaLedger(Accounts);
        Resolver = new AccessResolver(Accounts, Control, Ledger);
        InMemoryChunkStore kept = new(manualCommit);
        Hooks = new HookedStore(kept);
        Server = new TestServer(engineLimits, manualCommit, shards, Hooks, kept, accounts: this, limiter: Limiter = limits is null ? null : new RateLimiter(limits));
    }

    public FakeAccounts Accounts { get; } = new();

    public EmbeddedControlLog Control { get; } = new();

    public QuotaLedger Ledger { get; }

    public AccessResolver Resolver { get; }

    public TestServer Server { get; }

    /// <summary>Holds back what the store does.</summary>
    public HookedStore Hooks { get; }

    public RateLimiter? Limiter { get; }

    /// <summary>Credentials that are not valid any more.</summary>
    public HashSet<string> Revoked { get; } = [];

    /// <summary>When credentials end; never, for those that are not here.</summary>
    public Dictionary<string, DateTimeOffset> Ends { get; } = [];

    /// <summary>What credentials are for; everything, for those that are not here.</summary>
    public Dictionary<string, string[]> Scopes { get; } = [];

    /// <summary>Completes when the authenticator may answer; null for at once.</summary>
    public TaskCompletionSource? Gate { get; set; }

    public int Authentications { get; private set; }

    public void Dispose()
    {
        Server.Dispose();
        Ledger.Dispose();
    }

    /// <summary>Connects "ann" by token "ann" as user "ann"; "ann/2" is another token of hers; null is nobody.</summary>
    public TestPeer Connect(string name, string? token = null, bool anonymous = false) =>
        Server.Connect(new TestPeer(name, token: anonymous ? null : token ?? name));

    /// <summary>Changes what the store says, and binds it as the API does.</summary>
    public void Bind(ControlSubject subject, DocumentId id) => Bind(new ControlChange(subject, id, ""));

    public void Revoke(string subject)
    {
        Revoked.Add(subject);
        Bind(new ControlChange(ControlSubject.Revoked, default, subject));
    }

    public void Share(DocumentId id, params ReadOnlySpan<(string Principal, Permission Permission)> acl)
    {
        Accounts.Register(id, Accounts[id].OwnerId, acl);
        Bind(ControlSubject.Access, id);
    }

    public void Bind(ControlChange change) => Server.Bind(change);

    public async ValueTask<AuthenticationResult> AuthenticateAsync(Credentials credentials, ConnectionInfo connection)
    {
        Authentications++;
        if (credentials.Token is not { } token) return AuthenticationResult.Welcome(Principal.Anonymous);
        string user = token.Split('/')[0];
        bool isValid = token != "bad" && !Revoked.Contains(token) && !Revoked.Contains(user);
        if (Gate is { } gate) await gate.Task;
        if (!isValid) return AuthenticationResult.Refuse("invalid_token", "Invalid or expired token");
        return AuthenticationResult.Welcome(new Principal(user)
        {
            CredentialId = token,
            IsSession = true,
            ExpiresAt = Ends.TryGetValue(token, out DateTimeOffset end) ? end : null,
            Scopes = Ratatoskr.Engine.Access.Scopes.Of(Scopes.GetValueOrDefault(token)),
        });
    }
}
