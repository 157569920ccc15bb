using System.Text.Json;
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
