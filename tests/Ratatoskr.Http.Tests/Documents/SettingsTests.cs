using System.Text.Json;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Documents;

public sealed class SettingsTests
{
    private const string One = "/api/v1/documents/notes";

    [Fact]
    public async Task Access_list_is_replaced_and_binds_at_once()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, RestUser bob) = await TwoAsync(server);
        (await bob.GetAsync(One)).AssertError(403, "forbidden");
        JsonElement put = (await alice.PutAsync(One + "/acl", Grant("oidc:bob", "read"))).AssertOk();
        Assert.Equal("oidc:bob", put.GetProperty("acl")[0].GetProperty("principal").GetString());
        (await bob.GetAsync(One)).AssertOk();
        (await bob.PutAsync(One + "/content", "{}")).AssertError(403, "forbidden");
        (await alice.PutAsync(One + "/acl", Grant("oidc:bob", "write"))).AssertOk();
        (await bob.PutAsync(One + "/content", """{"by":"bob"}""")).AssertOk();
        (await alice.PutAsync(One + "/acl", """{"acl":[]}""")).AssertOk();
        (await bob.GetAsync(One)).AssertError(403, "forbidden");
        Assert.Equal("[]", (await alice.GetAsync(One + "/acl")).AssertOk().GetProperty("acl").GetRawText());
    }

    [Fact]
    public async Task Only_the_owner_sees_and_changes_settings()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, RestUser bob) = await TwoAsync(server);
        (await alice.PutAsync(One + "/acl", Grant("oidc:bob", "write"))).AssertOk();
        Assert.False((await bob.GetAsync(One)).AssertOk().TryGetProperty("acl", out _));
        Assert.Equal("Only the owner can view ACL", (await bob.GetAsync(One + "/acl")).AssertError(403, "forbidden"));
        (await bob.PutAsync(One + "/acl", """{"acl":[]}""")).AssertError(403, "forbidden");
        (await bob.PutAsync(One + "/type", """{"type":"x"}""")).AssertError(403, "forbidden");
        (await bob.PutAsync(One + "/expiration", """{"expiresAt":null}""")).AssertError(403, "forbidden");
        Assert.Equal("Only the owner can delete a document", (await bob.DeleteAsync(One)).AssertError(403, "forbidden"));
        (await alice.GetAsync(One)).AssertOk();
    }

    [Fact]
    public async Task Access_list_of_another_version_is_not_overwritten()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, _) = await TwoAsync(server);
        string first = (await alice.GetAsync(One + "/acl")).ETag!;
        RestAnswer changed = await alice.PutAsync(One + "/acl", Grant("oidc:bob", "read"), ("If-Match", first));
        Assert.NotEqual(first, changed.ETag);
        (await alice.PutAsync(One + "/acl", """{"acl":[]}""", ("If-Match", first))).AssertError(412, "precondition_failed");
        (await alice.PutAsync(One + "/acl", """{"acl":[]}""", ("If-Match", "\"x\""))).AssertError(412, "precondition_failed");
        Assert.Equal(1, (await alice.GetAsync(One + "/acl")).AssertOk().GetProperty("acl").GetArrayLength());
        (await alice.PutAsync(One + "/acl", """{"acl":[]}""", ("If-Match", changed.ETag!))).AssertOk();
        (await alice.PutAsync(One + "/acl", """{"acl":[]}""", ("If-Match", "*"))).AssertOk();
    }

    [Theory]
    [InlineData("acl", """{}""")]
    [InlineData("acl", """{"acl":null}""")]
    [InlineData("acl", """{"acl":[{"principal":"bob","permission":"read"},{"principal":"bob","permission":"read"}]}""")]
    [InlineData("type", """{}""")]
    [InlineData("type", """{"type":null}""")]
    [InlineData("type", """{"type":"app:x"}""")]
    [InlineData("expiration", """{}""")]
    [InlineData("expiration", """{"expiresAt":"2020-01-01T00:00:00Z"}""")]
    [InlineData("expiration", """{"expiresAt":"soon"}""")]
    public async Task What_makes_no_sense_is_refused(string setting, string body)
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, _) = await TwoAsync(server);
        Assert.StartsWith(setting[..3], (await alice.PutAsync($"{One}/{setting}", body)).AssertError(400, "invalid_request").Replace("expiresAt", "expiration", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Type_can_be_changed_and_emptied()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, _) = await TwoAsync(server);
        Assert.Equal("a/b", (await alice.PutAsync(One + "/type", """{"type":"a/b"}""")).AssertOk().GetProperty("type").GetString());
        Assert.Equal("", (await alice.PutAsync(One + "/type", """{"type":""}""")).AssertOk().GetProperty("type").GetString());
        Assert.Equal("", (await alice.GetAsync(One)).AssertOk().GetProperty("type").GetString());
    }

    [Fact]
    public async Task What_a_change_has_answered_the_next_request_shows()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, RestUser bob) = await TwoAsync(server);
        (await alice.PutAsync(One + "/acl", Grant("oidc:bob", "read"))).AssertOk();
        for (int i = 0; i < 20; i++)
        {
            // Each is looked at under both names before it changes, so that it is remembered.
            string id = (await bob.GetAsync(One)).AssertOk().GetProperty("automergeId").GetString()!;
            string[] names = [One, "/api/v1/documents/" + id];
            (await bob.GetAsync(names[1])).AssertOk();
            string type = $"type {i}", end = $"2035-01-01T00:00:{i:00}.000Z";
            (await alice.PutAsync(One + "/type", $$"""{"type":"{{type}}"}""")).AssertOk();
            foreach (string name in names) Assert.Equal(type, (await bob.GetAsync(name)).AssertOk().GetProperty("type").GetString());
            (await alice.PutAsync(One + "/expiration", $$"""{"expiresAt":"{{end}}"}""")).AssertOk();
            foreach (string name in names) Assert.Equal(end, (await bob.GetAsync(name)).AssertOk().GetProperty("expiresAt").GetString());
            (await alice.PutAsync(One + "/acl", """{"acl":[]}""")).AssertOk();
            foreach (string name in names) (await bob.GetAsync(name)).AssertError(403, "forbidden");
            Assert.Equal(204, (await alice.DeleteAsync(One)).Status);
            foreach (string name in names) (await alice.GetAsync(name)).AssertError(404, "not_found");
            await alice.CreateAsync("""{"id":"notes","acl":[{"principal":"oidc:bob","permission":"read"}]}""");
            (await alice.GetAsync(names[1])).AssertError(404, "not_found");
        }
    }

    [Fact]
    public async Task Document_is_gone_the_moment_it_expires_and_freed_by_the_sweep()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, _) = await TwoAsync(server);
        (await alice.PutAsync(One + "/content", """{"a":1}""")).AssertOk();
        string end = (await alice.PutAsync(One + "/expiration", """{"expiresAt":"2026-11-21T12:30:00Z"}""")).AssertOk().GetProperty("expiresAt").GetString()!;
        Assert.Equal("2026-11-21T12:30:00.000Z", end);
        server.Clock.Advance(TimeSpan.FromMinutes(29));
        (await alice.GetAsync(One)).AssertOk();
        server.Clock.Advance(TimeSpan.FromMinutes(1));
        (await alice.GetAsync(One)).AssertError(404, "not_found");
        (await alice.GetAsync(One + "/export?format=json")).AssertError(404, "not_found");
        (await alice.PutAsync(One + "/expiration", """{"expiresAt":null}""")).AssertError(404, "not_found");
        Assert.Empty((await alice.GetAsync("/api/v1/documents")).AssertOk().GetProperty("owned").EnumerateArray());
        Assert.Equal(1, await server.Directory_.SweepAsync(100, CancellationToken.None));
        Assert.Equal(0, await server.Directory_.SweepAsync(100, CancellationToken.None));
        await alice.CreateAsync("""{"id":"notes"}""");
    }

    [Fact]
    public async Task Name_of_an_expired_document_is_its_owners_at_once()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, RestUser bob) = await TwoAsync(server);
        string automergeId = (await alice.GetAsync(One)).AssertOk().GetProperty("automergeId").GetString()!;
        (await alice.PutAsync(One + "/content", """{"old":1}""")).AssertOk();
        (await alice.PutAsync(One + "/expiration", """{"expiresAt":"2026-11-21T12:30:00Z"}""")).AssertOk();
        server.Clock.Advance(TimeSpan.FromMinutes(31));
        (await bob.PostAsync("/api/v1/documents", """{"id":"notes"}""")).AssertError(409, "conflict");
        await alice.CreateAsync($$"""{"id":"notes","automergeId":"{{automergeId}}"}""");
        Assert.Equal("{}", (await alice.GetAsync(One + "/export?format=json")).Text);
    }

    [Fact]
    public async Task Expiration_can_be_taken_back()
    {
        await using RestServer server = await RestServer.StartAsync();
        (RestUser alice, _) = await TwoAsync(server);
        (await alice.PutAsync(One + "/expiration", """{"expiresAt":"2026-11-21T12:30:00Z"}""")).AssertOk();
        (await alice.PutAsync(One + "/expiration", """{"expiresAt":null}""")).AssertOk();
        server.Clock.Advance(TimeSpan.FromMinutes(45));
        (await alice.GetAsync(One)).AssertOk();
    }

    private static string Grant(string principal, string permission) => $$"""{"acl":[{"principal":"{{principal}}","permission":"{{permission}}"}]}""";

    private static async Task<(RestUser Alice, RestUser Bob)> TwoAsync(RestServer server)
    {
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        await alice.CreateAsync("""{"id":"notes"}""");
        return (alice, bob);
    }
}
