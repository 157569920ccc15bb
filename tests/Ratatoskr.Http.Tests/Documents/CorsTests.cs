using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Documents;

public sealed class CorsTests
{
    private const string Documents = "/api/v1/documents";
    private const string Page = "https://app.example.com";

    [Fact]
    public async Task Any_page_may_use_the_api_without_cookies()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        RestAnswer answer = await server.SendAsync(HttpMethod.Get, Documents, alice.Token, null, ("Origin", Page));
        Assert.Equal("*", answer.Headers["Access-Control-Allow-Origin"]);
        Assert.Contains("ETag", answer.Headers["Access-Control-Expose-Headers"], StringComparison.Ordinal);
        Assert.DoesNotContain("Access-Control-Allow-Credentials", answer.Headers.Keys);
        Assert.Equal("*", (await server.SendAsync(HttpMethod.Get, Documents, null, null, ("Origin", Page))).Headers["Access-Control-Allow-Origin"]);
        Assert.DoesNotContain("Access-Control-Allow-Origin", (await alice.GetAsync(Documents)).Headers.Keys);
    }

    [Fact]
    public async Task Preflight_says_what_may_be_sent()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestAnswer preflight = await PreflightAsync(server, Page);
        Assert.Equal((204, "*"), (preflight.Status, preflight.Headers["Access-Control-Allow-Origin"]));
        Assert.Contains("DELETE", preflight.Headers["Access-Control-Allow-Methods"], StringComparison.Ordinal);
        Assert.Equal("authorization,if-match", preflight.Headers["Access-Control-Allow-Headers"]);
    }

    [Fact]
    public async Task Only_listed_pages_may_when_there_is_a_list()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Origins = [Page + "/"] });
        RestUser alice = await server.SignInAsync("alice");
        RestAnswer listed = await server.SendAsync(HttpMethod.Get, Documents, alice.Token, null, ("Origin", Page));
        Assert.Equal((Page, "Origin"), (listed.Headers["Access-Control-Allow-Origin"], listed.Headers["Vary"]));
        foreach (string other in new[] { "https://evil.example.com", "null", "http://app.example.com", "https://app.example.com.evil.com" })
        {
            RestAnswer foreign = await server.SendAsync(HttpMethod.Get, Documents, alice.Token, null, ("Origin", other));
            Assert.DoesNotContain("Access-Control-Allow-Origin", foreign.Headers.Keys);
            Assert.Equal("Origin", foreign.Headers["Vary"]);
            Assert.DoesNotContain("Access-Control-Allow-Methods", (await PreflightAsync(server, other)).Headers.Keys);
        }
    }

    private static Task<RestAnswer> PreflightAsync(RestServer server, string origin) => server.SendAsync(
        HttpMethod.Options, Documents, null, null, ("Origin", origin), ("Access-Control-Request-Method", "DELETE"), ("Access-Control-Request-Headers", "authorization,if-match"));
}
