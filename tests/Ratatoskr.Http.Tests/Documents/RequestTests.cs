using System.Net.Http.Headers;
using System.Text;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Documents;

/// <summary>What any request can have wrong, and what all answers have in common.</summary>
public sealed class RequestTests
{
    private const string Documents = "/api/v1/documents";

    [Theory]
    [InlineData("GET", "")]
    [InlineData("POST", "")]
    [InlineData("GET", "/notes")]
    [InlineData("DELETE", "/notes")]
    [InlineData("GET", "/app/notes")]
    [InlineData("GET", "/notes/acl")]
    [InlineData("PUT", "/notes/acl")]
    [InlineData("PUT", "/notes/type")]
    [InlineData("PUT", "/notes/expiration")]
    [InlineData("PUT", "/notes/content")]
    [InlineData("GET", "/notes/export")]
    [InlineData("GET", "/notes/history")]
    [InlineData("GET", "/notes/snapshot")]
    [InlineData("GET", "/notes/diff")]
    [InlineData("GET", "/notes/blobs")]
    public async Task Nobody_gets_anything_without_a_token(string method, string path)
    {
        await using RestServer server = await RestServer.StartAsync();
        foreach (string? token in new[] { null, "junk", "rat_junk" })
        {
            RestAnswer refused = await server.SendAsync(new HttpMethod(method), Documents + path, token);
            Assert.Equal("Authentication required", refused.AssertError(401, "unauthorized"));
        }
    }

    [Theory]
    [InlineData("GET", "")]
    [InlineData("GET", "/acl")]
    [InlineData("PUT", "/acl")]
    [InlineData("PUT", "/type")]
    [InlineData("PUT", "/expiration")]
    [InlineData("PUT", "/content")]
    [InlineData("GET", "/export")]
    [InlineData("GET", "/history")]
    [InlineData("GET", "/snapshot?heads=0000000000000000000000000000000000000000000000000000000000000000")]
    [InlineData("GET", "/diff?from=initial")]
    [InlineData("DELETE", "")]
    public async Task Documents_that_are_not_there_are_not_found_whatever_their_names_look_like(string method, string path)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        const string body = """{"acl":[],"type":"x","expiresAt":null}""";
        foreach (string id in new[] { "missing", "doc:missing", "eph:missing", "a:b:c", "%27%3B--", "%3Cscript%3E", "..%2F..%2Fetc", new string('x', 3000), "https:%2F%2Fevil" })
        {
            RestAnswer answer = await server.SendAsync(new HttpMethod(method), $"{Documents}/{id}{path}", alice.Token, method == "PUT" ? RestUser.Json(body) : null);
            answer.AssertError(404, "not_found");
        }
    }

    [Fact]
    public async Task Bodies_that_are_no_json_object_are_refused_in_our_shape()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        foreach (string body in new[] { "", " ", "{", "[]", "1", "null", "{\"id\":1,}", "{\"id\":\"a\",\"id\":\"b\"}", "{\"type\":\"\\ud800\"}", "{'a':1}", "{}{}" })
            (await alice.PostAsync(Documents, body)).AssertError(400, "invalid_request");
        ByteArrayContent latin = new([(byte)'{', (byte)'"', 0xE4, (byte)'"', (byte)':', (byte)'1', (byte)'}']);
        latin.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        (await server.SendAsync(HttpMethod.Post, Documents, alice.Token, latin)).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task Other_media_types_are_refused()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        foreach (string type in new[] { "text/plain", "application/xml", "application/x-www-form-urlencoded" })
            (await server.SendAsync(HttpMethod.Post, Documents, alice.Token, new StringContent("{}", Encoding.UTF8, type))).AssertError(415, "unsupported_media_type");
        (await server.SendAsync(HttpMethod.Post, Documents, alice.Token, new ByteArrayContent([]))).AssertError(415, "unsupported_media_type");
    }

    [Fact]
    public async Task Bodies_over_eleven_mebibytes_are_refused_with_and_without_a_length()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] large = new byte[(11 << 20) + 1];
        Array.Fill(large, (byte)' ');
        ByteArrayContent whole = new(large);
        whole.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        (await server.SendAsync(HttpMethod.Post, Documents, alice.Token, whole)).AssertError(413, "payload_too_large");
        StreamContent chunked = new(new MemoryStream(large));
        chunked.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        chunked.Headers.ContentLength = null;
        (await server.SendAsync(HttpMethod.Post, Documents, alice.Token, chunked, ("Transfer-Encoding", "chunked"))).AssertError(413, "payload_too_large");
    }

    [Fact]
    public async Task Unknown_paths_and_methods_are_told_in_our_shape()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        (await alice.GetAsync("/api/v1/nothing")).AssertError(404, "not_found");
        (await server.SendAsync(HttpMethod.Patch, Documents, alice.Token)).AssertError(405, "method_not_allowed");
        (await alice.GetAsync($"{Documents}/a/b/c/d")).AssertError(404, "not_found");
        (await alice.GetAsync("/api/v1/blobs/a/b")).AssertError(404, "not_found");
    }

    [Fact]
    public async Task Token_in_a_url_is_refused()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        (await server.SendAsync(HttpMethod.Get, $"{Documents}?token={alice.Token}")).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task Head_is_get_without_its_body()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        await alice.CreateAsync("""{"id":"notes"}""");
        foreach (string path in new[] { "", "/notes", "/notes/acl", "/notes/export?format=json", "/notes/history" })
        {
            RestAnswer head = await server.SendAsync(HttpMethod.Head, Documents + path, alice.Token), get = await alice.GetAsync(Documents + path);
            Assert.Equal((200, 0), (head.Status, head.Bytes.Length));
            Assert.Equal(get.Headers["Content-Length"], head.Headers["Content-Length"]);
            Assert.Equal(get.ETag, head.ETag);
        }
    }

    [Fact]
    public async Task Delete_with_a_media_type_and_no_body_is_fine()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        await alice.CreateAsync("""{"id":"notes"}""");
        Assert.Equal(204, (await server.SendAsync(HttpMethod.Delete, Documents + "/notes", alice.Token, RestUser.Json(""))).Status);
        (await alice.GetAsync(Documents + "/notes")).AssertError(404, "not_found");
        (await alice.DeleteAsync(Documents + "/notes")).AssertError(404, "not_found");
    }

    [Theory]
    [InlineData("documents:read")]
    [InlineData("read")]
    public async Task Scope_for_reading_reads_and_no_more(string scope)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), token = await server.TokenAsync(alice, scope);
        await alice.CreateAsync("""{"id":"notes"}""");
        foreach (string path in new[] { "", "/notes", "/notes/acl", "/notes/export", "/notes/history" }) Assert.Equal(200, (await token.GetAsync(Documents + path)).Status);
        string[] refusals =
        [
            (await token.PostAsync(Documents, "{}")).AssertError(403, "insufficient_scope"),
            (await token.PutAsync(Documents + "/notes/acl", """{"acl":[]}""")).AssertError(403, "insufficient_scope"),
            (await token.PutAsync(Documents + "/notes/type", """{"type":"x"}""")).AssertError(403, "insufficient_scope"),
            (await token.PutAsync(Documents + "/notes/expiration", """{"expiresAt":null}""")).AssertError(403, "insufficient_scope"),
            (await token.PutAsync(Documents + "/notes/content", "{}")).AssertError(403, "insufficient_scope"),
            (await token.DeleteAsync(Documents + "/notes")).AssertError(403, "insufficient_scope"),
            (await token.GetAsync(Documents + "/app/new")).AssertError(403, "insufficient_scope"),
        ];
        Assert.All(refusals, refusal => Assert.Equal("This action requires the \"documents:write\" scope", refusal));
    }

    [Fact]
    public async Task Scope_for_one_document_is_for_that_one()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), token = await server.TokenAsync(alice, "doc:notes");
        await alice.CreateAsync("""{"id":"notes"}""");
        await alice.CreateAsync("""{"id":"other"}""");
        (await token.PutAsync(Documents + "/notes/content", """{"a":1}""")).AssertOk();
        (await token.GetAsync(Documents + "/other")).AssertError(403, "insufficient_scope");
        (await token.PutAsync(Documents + "/other/content", "{}")).AssertError(403, "insufficient_scope");
        (await token.GetAsync(Documents)).AssertError(403, "insufficient_scope");
        (await token.PostAsync(Documents, "{}")).AssertError(403, "insufficient_scope");
    }

    [Fact]
    public async Task Token_without_scopes_that_mean_anything_may_nothing()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), token = await server.TokenAsync(alice);
        await alice.CreateAsync("""{"id":"notes"}""");
        foreach (string path in new[] { "", "/notes", "/notes/acl", "/notes/export", "/notes/history", "/app/x" }) (await token.GetAsync(Documents + path)).AssertError(403, "insufficient_scope");
    }

    [Fact]
    public async Task Requests_without_credentials_are_limited_by_address()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rates = new RateLimits { RestAnonymous = RateLimit.PerMinute(2) } });
        RestUser alice = await server.SignInAsync("alice");
        for (int i = 0; i < 2; i++) (await server.SendAsync(HttpMethod.Get, Documents)).AssertError(401, "unauthorized");
        RestAnswer refused = await server.SendAsync(HttpMethod.Get, Documents);
        refused.AssertError(429, "rate_limited");
        Assert.InRange(int.Parse(refused.Headers["Retry-After"]), 1, 120);
        (await alice.GetAsync(Documents)).AssertOk();
    }

    [Fact]
    public async Task Bad_tokens_are_limited_by_address()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rates = new RateLimits { FailedCredentials = RateLimit.PerMinute(3) } });
        RestUser alice = await server.SignInAsync("alice");
        for (int i = 0; i < 3; i++) (await server.SendAsync(HttpMethod.Get, Documents, $"rat_{i:x64}")).AssertError(401, "unauthorized");
        RestAnswer refused = await server.SendAsync(HttpMethod.Get, Documents, "rat_junk");
        refused.AssertError(429, "rate_limited");
        (await alice.GetAsync(Documents)).AssertError(429, "rate_limited");
        server.Clock.Advance(TimeSpan.FromSeconds(int.Parse(refused.Headers["Retry-After"])));
        (await alice.GetAsync(Documents)).AssertOk();
    }

    [Fact]
    public async Task Requests_of_users_are_limited_if_that_is_wanted()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rates = new RateLimits { RestUser = RateLimit.PerMinute(2) } });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        for (int i = 0; i < 2; i++) (await alice.GetAsync(Documents)).AssertOk();
        (await alice.GetAsync(Documents)).AssertError(429, "rate_limited");
        (await bob.GetAsync(Documents)).AssertOk();
    }
}
