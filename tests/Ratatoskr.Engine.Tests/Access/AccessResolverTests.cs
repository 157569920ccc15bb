using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Embedded;
using SharedTests.Accounts;

namespace Ratatoskr.Engine.Tests.Access;

public sealed class AccessResolverTests : IDisposable
{
    private const Permission Read = Permission.Read;
    private const Permission All = Permission.Read | Permission.Write;
    private static readonly Timestamp Now = new(1_700_000_000_000);
    private static readonly DocumentId Doc = TestServer.Document("doc");
    private static readonly Principal Ann = new("oidc:ann"), Bob = new("oidc:bob"), Eve = new("oidc:eve");

    private readonly FakeAccounts _accounts = new();
    private readonly QuotaLedger _ledger;
    private readonly AccessResolver _resolver;

    public AccessResolverTests()
    {
        SynchronizationContext.SetSynchronizationContext(null);
        _ledger = new QuotaLedger(_accounts);
        _resolver = new AccessResolver(_accounts, new EmbeddedControlLog(), _ledger);
    }

    public void Dispose() => _ledger.Dispose();

    [Fact]
    public void What_is_not_registered_is_not_there()
    {
        Assert.False(Decide(Ann, Doc).Exists);
        Assert.Equal(Permission.None, Decide(Ann, Doc).Permission);
    }

    [Fact]
    public void Owner_may_everything_and_his_account_is_charged()
    {
        _accounts.Register(Doc, "oidc:ann");

        AccessDecision decision = Decide(Ann, Doc);
        Assert.True(decision is { IsOwner: true, Exists: true, Permission: All });
        Assert.Equal("oidc:ann", decision.Account!.OwnerId);
        Assert.Equal(Permission.None, Decide(Eve, Doc).Permission);
        Assert.Equal(Permission.None, Decide(Principal.Anonymous, Doc).Permission);
    }

    [Fact]
    public void Entries_give_what_they_say_to_whom_they_name()
    {
        _accounts.Register(Doc, "oidc:ann", ("oidc:bob", Permission.Write), ("public", Read));

        Assert.Equal(All, Decide(Bob, Doc).Permission);
        Assert.Equal("oidc:ann", Decide(Bob, Doc).Account!.OwnerId);
        Assert.Equal(Read, Decide(Eve, Doc).Permission);
        Assert.Equal(Read, Decide(Principal.Anonymous, Doc).Permission);
    }

    [Fact]
    public void Nobody_is_the_user_without_a_name()
    {
        _accounts.Register(Doc, "", ("", All));
        Assert.Equal(Permission.None, Decide(Principal.Anonymous, Doc).Permission);
    }

    [Fact]
    public void App_documents_are_their_owners_alone_whatever_their_list_says()
    {
        _accounts.Put(new DocumentRecord { Id = "app:notes", AutomergeId = Doc, OwnerId = "oidc:ann", AppId = "notes", Acl = [new AclEntry("public", All)] });

        Assert.Equal(All, Decide(Ann, Doc).Permission);
        Assert.Equal(Permission.None, Decide(Bob, Doc).Permission);
    }

    [Fact]
    public void Expired_is_not_there_from_the_very_millisecond()
    {
        DateTimeOffset end = DateTimeOffset.FromUnixTimeMilliseconds(Now.UnixMs + 10);
        _accounts.Put(_accounts.Register(Doc, "oidc:ann") with { ExpiresAt = end });

        Assert.Equal(Now.AfterMs(10), Decide(Ann, Doc, Now.AfterMs(9)).ExpiresAt);
        Assert.False(Decide(Ann, Doc, Now.AfterMs(10)).Exists);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(10, true)]
    [InlineData(11, false)]
    public void Document_principals_reach_ten_steps(int steps, bool reaches)
    {
        DocumentId[] chain = [.. Enumerable.Range(0, steps + 1).Select(i => TestServer.Document($"step {i}"))];
        for (int i = 0; i < steps; i++) _accounts.Register(chain[i], "oidc:ann", (chain[i + 1].ToString(), i == 0 ? All : Read));
        _accounts.Register(chain[steps], "oidc:ann", ("oidc:eve", Read));

        Assert.Equal(reaches ? All : Permission.None, Decide(Eve, chain[0]).Permission);
    }

    [Fact]
    public void Document_principal_gives_the_entrys_own_permission_by_any_of_its_names()
    {
        DocumentId team = TestServer.Document("team");
        _accounts.Register(team, "oidc:bob", "doc:the-team", ("oidc:eve", Permission.Write));
        _accounts.Register(Doc, "oidc:ann", ("doc:the-team", Read));

        Assert.Equal(Read, Decide(Eve, Doc).Permission);
        Assert.Equal(Read, Decide(Bob, Doc).Permission);       // owner of the team
        _accounts.Register(Doc, "oidc:ann", (team.ToString(), All));
        _resolver.Changed(new ControlChange(ControlSubject.Access, Doc, ""));
        Assert.Equal(All, Decide(Eve, Doc).Permission);
    }

    [Fact]
    public void Graphs_of_document_principals_agree_with_a_naive_resolver()
    {
        Random random = new(7);
        Principal[] people = [Ann, Bob, Eve, Principal.Anonymous];
        for (int round = 0; round < 300; round++)
        {
            FakeAccounts accounts = new();
            using QuotaLedger ledger = new(accounts);
            AccessResolver resolver = new(accounts, new EmbeddedControlLog(), ledger);
            DocumentId[] ids = [.. Enumerable.Range(0, 16).Select(i => TestServer.Document($"{i}"))];
            foreach (DocumentId id in ids)
            {
                List<AclEntry> acl = [];
                while (random.Next(3) > 0)
                {
                    // Mostly the next ones, so that the ways get long.
                    DocumentId other = ids[Math.Clamp(Array.IndexOf(ids, id) + random.Next(1, 3) - (random.Next(6) == 0 ? random.Next(4) : 0), 0, ids.Length - 1)];
                    string principal = random.Next(12) switch { 0 => "oidc:eve", 1 => "oidc:bob", 2 when random.Next(9) == 0 => "public", 3 => "nobody", _ => other.ToString() };
                    if (acl.All(e => e.Principal != principal)) acl.Add(new AclEntry(principal, random.Next(2) == 0 ? Read : All));
                }

                DateTimeOffset? end = random.Next(9) == 0 ? DateTimeOffset.FromUnixTimeMilliseconds(Now.UnixMs + random.Next(-1, 2)) : null;
                accounts.Put(accounts.Register(id, random.Next(9) == 0 ? "oidc:bob" : "oidc:ann") with { Acl = acl, AppId = random.Next(20) == 0 ? "app" : null, ExpiresAt = end });
            }

            foreach (DocumentId id in ids)
            {
                foreach (Principal principal in people)
                {
                    AccessDecision slow = Decide(resolver, principal, id, Now);
                    Assert.Equal(Naive(accounts, principal.Id, id), slow.Permission);
                    Assert.True(resolver.TryDecide(principal, id, Now, out AccessDecision quick));
                    Assert.Equal(slow, quick);
                }
            }
        }
    }

    [Fact]
    public void Wide_graph_with_many_ways_looks_at_each_document_once()
    {
        // 10 layers of 8 that all name each other: 8^9 ways.
        DocumentId[,] ids = new DocumentId[10, 8];
        for (int layer = 9; layer >= 0; layer--)
        {
            for (int i = 0; i < 8; i++)
            {
                ids[layer, i] = TestServer.Document($"{layer}/{i}");
                _accounts.Register(ids[layer, i], "oidc:ann", [.. Enumerable.Range(0, layer == 9 ? 0 : 8).Select(j => (ids[layer + 1, j].ToString(), Read))]);
            }
        }

        Assert.Equal(Permission.None, Decide(Eve, ids[0, 0]).Permission);
        Assert.InRange(_accounts.Questions, 1, 2 * 80);        // by name, then by id
    }

    [Fact]
    public void Scopes_narrow_what_is_given()
    {
        _accounts.Register(Doc, "oidc:ann", "doc:mine");

        Assert.Equal(Read, Decide(Ann with { Scopes = Scopes.Of(["read"]) }, Doc).Permission);
        Assert.Equal(Permission.None, Decide(Ann with { Scopes = Scopes.Of([]) }, Doc).Permission);
        Assert.Equal(All, Decide(Ann with { Scopes = Scopes.Of(["doc:mine"]) }, Doc).Permission);
        Assert.Equal(Permission.None, Decide(Ann with { Scopes = Scopes.Of(["doc:other", "write"]) }, Doc).Permission);
    }

    [Fact]
    public async Task Record_is_read_once_for_many_who_ask_and_again_when_access_changed()
    {
        _accounts.Register(Doc, "oidc:ann", ("public", Read));
        _accounts.IsSlow = true;
        Task<AccessDecision>[] asked = [.. Enumerable.Range(0, 10).Select(_ => _resolver.DecideAsync(Eve, Doc, Now, CancellationToken.None).AsTask())];
        Assert.Equal(1, _accounts.Questions);

        // Changed while the answer is under way: those who asked before get it, nobody later does.
        _accounts.Register(Doc, "oidc:ann");
        _resolver.Changed(new ControlChange(ControlSubject.Access, Doc, ""));
        Assert.False(_resolver.TryDecide(Eve, Doc, Now, out _));
        Task<AccessDecision> later = _resolver.DecideAsync(Eve, Doc, Now, CancellationToken.None).AsTask();
        _accounts.AnswerAll();

        Assert.Equal(2, _accounts.Questions);
        Assert.All(await Task.WhenAll(asked), a => Assert.Equal(Read, a.Permission));
        Assert.Equal(Permission.None, (await later).Permission);
        Assert.True(_resolver.TryDecide(Eve, Doc, Now, out AccessDecision decision));
        Assert.Equal(Permission.None, decision.Permission);
    }

    [Fact]
    public async Task Failed_read_is_told_to_all_who_asked_and_not_remembered()
    {
        _accounts.Register(Doc, "oidc:ann");
        _accounts.Failure = new IOException("the database is away");

        await Assert.ThrowsAsync<IOException>(() => _resolver.DecideAsync(Ann, Doc, Now, CancellationToken.None).AsTask());
        Assert.Equal(All, Decide(Ann, Doc).Permission);
    }

    private AccessDecision Decide(Principal principal, DocumentId id, Timestamp? now = null) =>
        Decide(_resolver, principal, id, now ?? Now);

    private static AccessDecision Decide(AccessResolver resolver, Principal principal, DocumentId id, Timestamp now) =>
        resolver.DecideAsync(principal, id, now, CancellationToken.None).AsTask().GetAwaiter().GetResult();

    // The rules as they are written, one way after another.
    private static Permission Naive(FakeAccounts accounts, string user, DocumentId id)
    {
        DocumentRecord record = accounts[id];
        if (record.ExpiresAt?.ToUnixTimeMilliseconds() <= Now.UnixMs) return Permission.None;
        if (record.OwnerId == user) return All;
        if (record.IsApp) return Permission.None;
        Permission permission = Permission.None;
        foreach (AclEntry entry in record.Acl)
        {
            if (entry.Principal == "public" || entry.Principal == user || HasAny(accounts, user, entry.Principal, 1, [id])) permission |= entry.Permission;
        }

        return permission;
    }

    private static bool HasAny(FakeAccounts accounts, string user, string principal, int depth, DocumentId[] way)
    {
        if (depth > 10 || !DocumentId.TryParse(System.Text.Encoding.UTF8.GetBytes(principal), out DocumentId id) || way.Contains(id)) return false;
        DocumentRecord record = accounts[id];
        if (record.ExpiresAt?.ToUnixTimeMilliseconds() <= Now.UnixMs) return false;
        if (record.OwnerId == user) return true;
        return !record.IsApp && record.Acl.Any(e => e.Principal == "public" || e.Principal == user || HasAny(accounts, user, e.Principal, depth + 1, [.. way, id]));
    }
}
