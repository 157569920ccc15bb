using System.Text.Json;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Tokens;

public sealed class ApiTokenTests : IAsyncLifetime
{
    private const string Tokens = "/api/v1/auth/api-tokens";
    private const string UserInfo = "/api/v1/auth/userinfo";
    private readonly ManualClock _clock = new();
    private SignInServer _server = null!;
    private string _session = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await SignInServer.StartAsync(time: _clock);
        _session = await _server.SignInAsync("alice");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Is_made_shown_once_listed_and_deleted()
    {
        JsonElement made = await MakeAsync("""{"name":" cli ","scopes":["write"," read","read"],"expiresAt":"2026-12-31"}""");
        string token = made.GetProperty("token").GetString()!, id = made.GetProperty("id").GetString()!;
        Assert.Matches("^rat_[0-9a-f]{64}$", token);
        Assert.Equal(
            $$"""{"token":"{{token}}","id":"{{id}}","name":"cli","scopes":["read","write"],"expiresAt":"2026-12-31T00:00:00.000Z","createdAt":"2026-11-21T12:00:00.000Z"}""", made.GetRawText());

        (await _server.GetAsync(UserInfo, token)).AssertOk();
        RestAnswer list = await _server.GetAsync(Tokens, _session);
        Assert.DoesNotContain(token[4..], list.Text, StringComparison.Ordinal);
        JsonElement listed = Assert.Single(list.AssertOk().EnumerateArray());
        Assert.Equal(["id", "name", "scopes", "lastUsedAt", "expiresAt", "createdAt"], listed.EnumerateObject().Select(property => property.Name));

        Assert.Equal(204, (await _server.SendAsync(HttpMethod.Delete, $"{Tokens}/{id}", _session)).Status);
        Assert.Equal(new ControlChange(ControlSubject.Revoked, default, id), Assert.Single(_server.Control.InForce));
        (await _server.GetAsync(UserInfo, token)).AssertError(401, "unauthorized");
        Assert.Equal("Token not found", (await _server.SendAsync(HttpMethod.Delete, $"{Tokens}/{id}", _session)).AssertError(404, "not_found"));
        Assert.Equal("[]", (await _server.GetAsync(Tokens, _session)).Text);
    }

    [Fact]
    public async Task Is_another_users_business_of_nobody()
    {
        JsonElement made = await MakeAsync("""{"name":"cli"}""");
        string bob = await _server.SignInAsync("bob");
        (await _server.SendAsync(HttpMethod.Delete, $"{Tokens}/{made.GetProperty("id").GetString()}", bob)).AssertError(404, "not_found");
        Assert.Equal("[]", (await _server.GetAsync(Tokens, bob)).Text);
        (await _server.GetAsync(UserInfo, made.GetProperty("token").GetString())).AssertOk();
    }

    [Fact]
    public async Task Ends_when_it_says()
    {
        string token = (await MakeAsync("""{"name":"cli","expiresAt":"2026-11-21T12:00:10Z"}""")).GetProperty("token").GetString()!;
        (await _server.GetAsync(UserInfo, token)).AssertOk();
        _clock.Advance(TimeSpan.FromSeconds(10));
        (await _server.GetAsync(UserInfo, token)).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task Says_to_the_socket_what_it_is_for()
    {
        JsonElement made = await MakeAsync("""{"name":"cli","scopes":["read","doc:notes"],"expiresAt":"2026-12-31"}""");
        AuthenticationResult result = await _server.Services.Options.Authenticator.AuthenticateAsync(
            new Credentials(made.GetProperty("token").GetString(), Anonymous: false), new ConnectionInfo { Path = "/sync" });
        Principal principal = result.Principal!;
        Assert.Equal(("dev:alice", false, made.GetProperty("id").GetString()), (principal.Id, principal.IsSession, principal.CredentialId));
        Assert.Equal(new DateTimeOffset(2026, 12, 31, 0, 0, 0, TimeSpan.Zero), principal.ExpiresAt);
        Assert.Equal(Permission.Read, principal.Scopes.ForDocument("doc:notes", "x"));
        Assert.Equal(Permission.None, principal.Scopes.ForDocument("other", "x"));
    }

    [Fact]
    public async Task Its_last_use_is_noted_without_a_write_per_request()
    {
        JsonElement made = await MakeAsync("""{"name":"cli"}""");
        for (int i = 0; i < 20; i++) (await _server.GetAsync(UserInfo, made.GetProperty("token").GetString())).AssertOk();
        JsonElement listed = default;
        for (int i = 0; i < 500; i++)
        {
            listed = (await _server.GetAsync(Tokens, _session)).Json[0];
            if (listed.GetProperty("lastUsedAt").ValueKind != JsonValueKind.Null) break;
            await Task.Delay(10, TestContext.Current.CancellationToken); // written some time later, by a timer of the store
        }

        Assert.Equal("2026-11-21T12:00:00.000Z", listed.GetProperty("lastUsedAt").GetString());
    }

    [Theory]
    [InlineData("""{}""", "name")]
    [InlineData("""{"name":""}""", "name")]
    [InlineData("""{"name":"  "}""", "name")]
    [InlineData("""{"name":7}""", "name")]
    [InlineData("""{"name":"a\nb"}""", "name")]
    [InlineData("""{"name":"a","scopes":"read"}""", "scopes")]
    [InlineData("""{"name":"a","scopes":["re ad"]}""", "scopes")]
    [InlineData("""{"name":"a","scopes":[""]}""", "scopes")]
    [InlineData("""{"name":"a","scopes":[null]}""", "scopes")]
    [InlineData("""{"name":"a","scopes":["é"]}""", "scopes")]
    [InlineData("""{"name":"a","expiresAt":"tomorrow"}""", "expiresAt")]
    [InlineData("""{"name":"a","expiresAt":"2026-13-01"}""", "expiresAt")]
    [InlineData("""{"name":"a","expiresAt":"2026-11-21T12:00:00Z"}""", "expiresAt")]
    [InlineData("""{"name":"a","expiresAt":"1999-01-01"}""", "expiresAt")]
    [InlineData("""{"name":"a","expiresAt":7}""", "expiresAt")]
    public async Task A_bad_field_is_named(string body, string field) =>
        Assert.Contains(field, (await _server.PostAsync(Tokens, _session, body)).AssertError(400, "invalid_request"), StringComparison.Ordinal);

    [Fact]
    public async Task Too_much_is_refused()
    {
        string name = new('n', 101);
        (await _server.PostAsync(Tokens, _session, JsonSerializer.Serialize(new { name }))).AssertError(400, "invalid_request");
        (await _server.PostAsync(Tokens, _session, JsonSerializer.Serialize(new { name = "a", scopes = new[] { new string('s', 101) } }))).AssertError(400, "invalid_request");
        (await _server.PostAsync(Tokens, _session, JsonSerializer.Serialize(new { name = "a", scopes = Enumerable.Range(0, 51).Select(i => $"s{i}") }))).AssertError(400, "invalid_request");
        Assert.Equal(413, (await _server.PostAsync(Tokens, _session, JsonSerializer.Serialize(new { name = new string('n', 70_000) }))).Status);
        (await _server.SendAsync(HttpMethod.Post, Tokens, _session, new StringContent("name=a"))).AssertError(415, "unsupported_media_type");
    }

    [Fact]
    public async Task There_is_an_end_to_them()
    {
        for (int i = 0; i < 500; i++) await _server.Accounts.AddTokenAsync(new TokenRecord($"t{i}", "dev:alice", "n", null, _clock.GetUtcNow(), null, null), new byte[] { (byte)(i >> 8), (byte)i }, TestContext.Current.CancellationToken);
        RestAnswer answer = await _server.PostAsync(Tokens, _session, """{"name":"one more"}""");
        answer.AssertError(403, "quota_exceeded");
        Assert.Equal(500, answer.Json.GetProperty("limit").GetInt32());
    }

    [Theory]
    [InlineData(null, null, true)]
    [InlineData(null, "read", true)]
    [InlineData("tokens:manage", null, false)]
    [InlineData("tokens:manage", "read", false)]
    [InlineData("tokens:manage", "tokens:manage", true)]
    [InlineData("tokens:manage,read", "read", true)]
    [InlineData("tokens:manage,read", "write", false)]
    [InlineData("tokens:manage,read", "doc:a", false)]
    [InlineData("tokens:manage,read", "read,doc:a", true)]
    [InlineData("tokens:manage,write", "documents:read", true)]
    [InlineData("tokens:manage,write", "blobs:write", true)]
    [InlineData("tokens:manage,read", "blobs:write", false)]
    [InlineData("tokens:manage,write,doc:a", "write", false)]
    [InlineData("tokens:manage,write,doc:a", "write,doc:b", false)]
    [InlineData("tokens:manage,write,doc:a", "read,doc:a", true)]
    [InlineData("tokens:manage,read,doc:a", "doc:a", false)]
    [InlineData("tokens:manage,read", "future:thing", false)]
    [InlineData("tokens:manage,future:thing", "future:thing", true)]
    [InlineData("tokens:manage", "", true)]
    public async Task A_token_hands_out_no_more_than_it_has(string? own, string? wanted, bool given)
    {
        string token = (await MakeAsync(Body(own))).GetProperty("token").GetString()!;
        RestAnswer answer = await _server.PostAsync(Tokens, token, Body(wanted));
        if (given) answer.AssertOk();
        else answer.AssertError(403, "insufficient_scope");

        static string Body(string? scopes) => JsonSerializer.Serialize(new { name = "a", scopes = scopes?.Split(',', StringSplitOptions.RemoveEmptyEntries) });
    }

    [Fact]
    public async Task Without_its_scope_a_token_manages_none()
    {
        JsonElement made = await MakeAsync("""{"name":"a","scopes":["read","write"]}""");
        string token = made.GetProperty("token").GetString()!;
        Assert.Equal("This action requires the \"tokens:manage\" scope", (await _server.PostAsync(Tokens, token, """{"name":"b"}""")).AssertError(403, "insufficient_scope"));
        (await _server.SendAsync(HttpMethod.Delete, $"{Tokens}/{made.GetProperty("id").GetString()}", token)).AssertError(403, "insufficient_scope");
    }

    [Fact]
    public async Task A_token_makes_none_that_outlives_it_and_is_neither_renewed_nor_signed_out()
    {
        string token = (await MakeAsync("""{"name":"a","expiresAt":"2026-12-01"}""")).GetProperty("token").GetString()!;
        (await _server.PostAsync(Tokens, token, """{"name":"b"}""")).AssertError(400, "invalid_request");
        (await _server.PostAsync(Tokens, token, """{"name":"b","expiresAt":"2026-12-02"}""")).AssertError(400, "invalid_request");
        (await _server.PostAsync(Tokens, token, """{"name":"b","expiresAt":"2026-12-01"}""")).AssertOk();
        (await _server.SendAsync(HttpMethod.Post, "/api/v1/auth/token", token)).AssertError(403, "forbidden");
        (await _server.SendAsync(HttpMethod.Post, "/api/v1/auth/logout", token)).AssertError(403, "forbidden");
    }

    private async Task<JsonElement> MakeAsync(string body) => (await _server.PostAsync(Tokens, _session, body)).AssertOk();
}
