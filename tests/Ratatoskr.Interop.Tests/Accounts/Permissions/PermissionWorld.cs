using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts.Permissions;

/// <summary>Everybody and everything of <see cref="PermissionTable"/>, on a server of their own.</summary>
public sealed class PermissionWorld : IAsyncLifetime
{
    private const int HopsMax = 10;

    private readonly Dictionary<string, RestClient> _clients = [];
    private readonly Dictionary<string, string> _documents = [];
    private readonly List<SignedInUser> _users = [];
    private readonly List<(string Principal, string Permission)> _acl = [];

    internal TestServer Server { get; private set; } = null!;

    internal RestClient Owner => _clients["owner"];

    public async ValueTask InitializeAsync()
    {
        Server = await TestServer.StartWithAccountsAsync();
        foreach (string name in (string[])["owner", "writer", "reader", "stranger", "through-1", "through-10", "through-11"])
        {
            SignedInUser user = await SignedInUser.SignInAsync(Server, name);
            _users.Add(user);
            _clients[name] = user.Rest;
        }

        using SignedInUser host = await SignedInUser.SignInAsync(Server, "host");
        _acl.AddRange([("dev:writer", "write"), ("dev:reader", "read")]);
        _acl.Add((await ChainAsync(host.Rest, 1, "dev:through-1"), "write"));
        _acl.Add((await ChainAsync(host.Rest, HopsMax, "dev:through-10"), "read"));
        _acl.Add((await ChainAsync(host.Rest, HopsMax + 1, "dev:through-11"), "write"));

        foreach (string kind in (string[])["private", "public-read", "public-write", "expired", "deleted"]) _documents[kind] = await CreateAsync(kind);
        _documents["app"] = (string)(await Owner.GetAsync("/documents/app/permissions")).Good().Json["documentId"]!;
        _documents["unregistered"] = DocumentIds.New();
        foreach (string kind in (string[])[.. PermissionTable.There, "expired", "deleted"])
            (await Owner.PutAsync($"/documents/{_documents[kind]}/content", $$"""{"kind":"{{kind}}"}""")).Good();
        (await Owner.DeleteAsync($"/documents/{_documents["deleted"]}")).Good();
        string soon = DateTimeOffset.UtcNow.AddMilliseconds(300).ToString("O");
        (await Owner.PutAsync($"/documents/{_documents["expired"]}/expiration", $$"""{"expiresAt":"{{soon}}"}""")).Good();

        await AddTokenAsync("token-read", "read");
        await AddTokenAsync("token-write", "write");
        await AddTokenAsync("token-one", [.. _documents.Values.Select(id => $"doc:{id}")]);
        await AddTokenAsync("token-other", $"doc:{DocumentIds.New()}");
        await AddTokenAsync("token-empty");
        _clients["anonymous"] = new RestClient(Server, null);
        while ((await Owner.GetAsync($"/documents/{_documents["expired"]}")).Status != 404) await Task.Yield();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (RestClient client in _clients.Values) client.Dispose();
        foreach (SignedInUser user in _users) user.Dispose();
        await Server.DisposeAsync();
    }

    internal RestClient Client(string who) => _clients[who];

    internal string? TokenOf(string who) => _clients[who].Token;

    internal string Document(string kind) => _documents[kind];

    /// <summary>Another document of that kind, for who may delete it: the answers for the first are to stay what they are.</summary>
    internal async Task<(string Document, RestClient Client)> TwinAsync(string who, string kind)
    {
        string twin = kind == "app"
            ? (string)(await Owner.GetAsync("/documents/app/" + who)).Good().Json["documentId"]!
            : await CreateAsync(kind);
        return (twin, who == "token-one" ? new RestClient(Server, (await Owner.CreateTokenAsync($"doc:{twin}")).Token) : _clients[who]);
    }

    private async Task<string> CreateAsync(string kind)
    {
        (string, string)[] acl = kind switch
        {
            "public-read" => [.. _acl, ("public", "read")],
            "public-write" => [.. _acl, ("public", "write")],
            _ => [.. _acl],
        };
        return await Owner.CreateAsync(RestClient.Acl(acl));
    }

    // A document that leads over so many to a user.
    private static async Task<string> ChainAsync(RestClient host, int length, string user)
    {
        string next = user;
        for (int i = 0; i < length; i++) next = await host.CreateAsync(RestClient.Acl((next, "read")));
        return next;
    }

    private async Task AddTokenAsync(string who, params string[] scopes) => _clients[who] = new RestClient(Server, (await Owner.CreateTokenAsync(scopes)).Token);
}
