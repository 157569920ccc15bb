using System.Text.Json;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Documents;

public sealed class ListTests
{
    private const string Documents = "/api/v1/documents";

    [Fact]
    public async Task Own_and_shared_documents_are_two_lists_and_public_ones_are_asked_for()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        await alice.CreateAsync("""{"id":"private"}""");
        await alice.CreateAsync("""{"id":"shared","acl":[{"principal":"oidc:bob","permission":"read"}]}""");
        await alice.CreateAsync("""{"id":"open","acl":[{"principal":"public","permission":"read"}]}""");
        await alice.CreateAsync("""{"id":"indirect","acl":[{"principal":"shared","permission":"read"}]}""");
        await alice.GetAsync(Documents + "/app/notes");
        JsonElement own = (await alice.GetAsync(Documents)).AssertOk();
        Assert.Equal(["app:notes", "indirect", "open", "private", "shared"], Ids(own, "owned").Order());
        Assert.Empty(Ids(own, "accessible"));
        Assert.All(own.GetProperty("owned").EnumerateArray(), document => Assert.False(document.TryGetProperty("acl", out _)));
        JsonElement others = (await bob.GetAsync(Documents)).AssertOk();
        Assert.Empty(Ids(others, "owned"));
        Assert.Equal(["indirect", "shared"], Ids(others, "accessible").Order());
        Assert.Equal(["indirect", "open", "shared"], Ids((await bob.GetAsync(Documents + "?public=true")).AssertOk(), "accessible").Order());
    }

    [Fact]
    public async Task Pages_hold_every_document_once()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        for (int i = 0; i < 7; i++) await alice.CreateAsync($$"""{"id":"d{{i}}","acl":[{"principal":"oidc:bob","permission":"read"}]}""");
        await bob.CreateAsync("""{"id":"own"}""");
        Assert.Equal(["d0", "d1", "d2", "d3", "d4", "d5", "d6"], (await PageAsync(alice, "owned", "nextOwned")).Order());
        Assert.Equal(["d0", "d1", "d2", "d3", "d4", "d5", "d6"], (await PageAsync(bob, "accessible", "nextAccessible")).Order());
        Assert.False((await alice.GetAsync(Documents)).AssertOk().TryGetProperty("nextOwned", out _));
    }

    [Fact]
    public async Task Listed_document_is_the_one_that_is_got_without_its_access_list()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        await alice.CreateAsync("""{"id":"plain"}""");
        await alice.CreateAsync("""{"id":"empty","type":""}""");
        await alice.CreateAsync("""{"id":"doc:full","type":"\"<é 𝄞>\\","expiresAt":"2035-05-06T07:08:09.010Z","acl":[{"principal":"oidc:bob","permission":"write"}]}""");
        (await alice.PutAsync(Documents + "/plain/content", """{"some":"content"}""")).AssertOk();
        await alice.GetAsync(Documents + "/app/notes");
        foreach (JsonElement listed in (await alice.GetAsync(Documents)).AssertOk().GetProperty("owned").EnumerateArray())
        {
            JsonElement got = (await alice.GetAsync($"{Documents}/{listed.GetProperty("id").GetString()}")).AssertOk();
            Assert.Equal(got.EnumerateObject().Where(p => p.Name != "acl").Select(p => (p.Name, p.Value.ToString())), listed.EnumerateObject().Select(p => (p.Name, p.Value.ToString())));
        }

        JsonElement shared = Assert.Single((await bob.GetAsync(Documents)).AssertOk().GetProperty("accessible").EnumerateArray());
        Assert.Equal(("doc:full", "oidc:alice", "\"<é 𝄞>\\"), (shared.GetProperty("id").GetString(), shared.GetProperty("owner").GetString(), shared.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task Page_of_a_thousand_is_whole()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rates = RateLimits.None });
        RestUser alice = await server.SignInAsync("alice");
        string type = new('t', 200);
        await Task.WhenAll(Enumerable.Range(0, 1_001).Select(i => alice.CreateAsync($$"""{"id":"d{{i}}","type":"{{type}}"}""")));
        JsonElement page = (await alice.GetAsync(Documents)).AssertOk();
        JsonElement rest = (await alice.GetAsync($"{Documents}?cursor={page.GetProperty("nextOwned").GetString()}")).AssertOk();
        Assert.Equal(1_000, Ids(page, "owned").Count());
        Assert.Equal(Enumerable.Range(0, 1_001).Select(i => $"d{i}").Order(), Ids(page, "owned").Concat(Ids(rest, "owned")).Order());
        Assert.All(page.GetProperty("owned").EnumerateArray(), document => Assert.Equal(type, document.GetProperty("type").GetString()));
    }

    [Theory]
    [InlineData("limit=0")]
    [InlineData("limit=1001")]
    [InlineData("limit=-1")]
    [InlineData("limit=x")]
    [InlineData("limit=1&limit=2")]
    [InlineData("cursor=x")]
    [InlineData("cursor=o")]
    [InlineData("cursor=o1;DROP-2")]
    [InlineData("public=maybe")]
    public async Task Bad_parameter_is_named(string query)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        Assert.StartsWith(query[..query.IndexOf('=', StringComparison.Ordinal)] + ":", (await alice.GetAsync($"{Documents}?{query}")).AssertError(400, "invalid_request"), StringComparison.Ordinal);
    }

    private static async Task<List<string>> PageAsync(RestUser user, string list, string next)
    {
        List<string> ids = [];
        string query = "?limit=3";
        while (true)
        {
            JsonElement page = (await user.GetAsync(Documents + query)).AssertOk();
            ids.AddRange(Ids(page, list));
            Assert.InRange(Ids(page, list).Count(), 1, 3);
            if (!page.TryGetProperty(next, out JsonElement cursor)) return ids;
            query = $"?limit=3&cursor={cursor.GetString()}";
        }
    }

    private static IEnumerable<string> Ids(JsonElement answer, string list) => answer.GetProperty(list).EnumerateArray().Select(document => document.GetProperty("id").GetString()!);
}
