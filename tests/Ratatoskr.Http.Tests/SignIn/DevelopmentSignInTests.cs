using System.Text.Json;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.SignIn;

/// <summary>The popup's way, with the development provider at its end: routes, pages and what they refuse.</summary>
public sealed class DevelopmentSignInTests : IAsyncLifetime
{
    private const string Login = "/api/v1/auth/login";
    private readonly ManualClock _clock = new();
    private SignInServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SignInServer.StartAsync(time: _clock);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Signs_in_anyone_by_name()
    {
        RestAnswer page = await _server.SignInPageAsync("alice", "?origin=" + Uri.EscapeDataString("https://app.example.org/path?query"));
        JsonElement data = SignInServer.PageData(page);
        Assert.Equal("""{"id":"dev:alice","email":null,"name":"alice","userDocumentId":null}""", data.GetProperty("user").GetRawText());
        Assert.Equal("https://app.example.org", data.GetProperty("targetOrigin").GetString());
        Assert.Equal(["token", "user", "targetOrigin"], data.EnumerateObject().Select(property => property.Name));

        JsonElement me = (await _server.GetAsync("/api/v1/auth/userinfo", data.GetProperty("token").GetString())).AssertOk();
        Assert.Equal("dev:alice", me.GetProperty("id").GetString());
        Assert.Equal("""{"maxDocuments":10,"maxDocumentSize":20,"maxTotalStorage":30,"maxBlobStorage":40,"maxBlobSize":50}""", me.GetProperty("quotas").GetRawText());
        Assert.Equal("""{"documents":0,"storage":0,"blobStorage":0}""", me.GetProperty("usage").GetRawText());
    }

    [Fact]
    public async Task The_page_is_locked_down()
    {
        RestAnswer page = await _server.SignInPageAsync("alice");
        string policy = page.Headers["Content-Security-Policy"];
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
        Assert.StartsWith("default-src 'none'; ", policy, StringComparison.Ordinal);
        Assert.Contains("connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal(("no-store", "no-referrer", "nosniff"), (page.Headers["Cache-Control"], page.Headers["Referrer-Policy"], page.Headers["X-Content-Type-Options"]));
        Assert.DoesNotContain("Set-Cookie", page.Headers.Keys);
    }

    [Theory]
    [InlineData("", "own")]
    [InlineData("?origin=https://APP.example.org:443", "https://app.example.org")]
    [InlineData("?origin=http://localhost:5173/", "http://localhost:5173")]
    [InlineData("?origin=null", null)]
    [InlineData("?origin=", null)]
    [InlineData("?origin=app.example.org", null)]
    [InlineData("?origin=javascript:alert(1)", null)]
    [InlineData("?origin=https://user@app.example.org", null)]
    [InlineData("?origin=https://a.example.org&origin=https://b.example.org", null)]
    public async Task The_token_is_for_the_origin_that_was_named(string query, string? target)
    {
        if (target == "own") target = _server.Address.GetLeftPart(UriPartial.Authority);
        Assert.Equal(target, SignInServer.PageData(await _server.SignInPageAsync("alice", query)).GetProperty("targetOrigin").GetString());
    }

    [Fact]
    public async Task A_browser_is_sent_on_and_a_program_told_where()
    {
        RestAnswer redirect = await _server.SendAsync(HttpMethod.Get, Login, headers: ("Accept", "text/html,*/*"));
        Assert.Equal(302, redirect.Status);
        Assert.StartsWith(_server.Address + "development-provider/authorize?", redirect.Headers["Location"], StringComparison.Ordinal);
        Assert.Equal(302, (await _server.GetAsync("/auth/login?origin=x")).Status);
        Assert.Equal("/api/v1/auth/login?origin=x", (await _server.GetAsync("/auth/login?origin=x")).Headers["Location"]);
        Assert.Equal("/api/v1/auth/callback?code=a&state=b", (await _server.GetAsync("/auth/callback?code=a&state=b")).Headers["Location"]);
    }

    [Theory]
    [InlineData("")]
    [InlineData("?code=a")]
    [InlineData("?state=a")]
    [InlineData("?code=a&state=")]
    [InlineData("?code=a&state=a&state=b")]
    public async Task A_callback_without_code_or_state_is_refused(string query) =>
        Assert.Equal("Missing code or state", (await _server.GetAsync("/api/v1/auth/callback" + query)).AssertError(400, "invalid_request"));

    [Fact]
    public async Task A_state_is_good_once_and_for_ten_minutes()
    {
        (Uri url, Dictionary<string, StringValues> query) = await _server.BeginAsync();
        string callback = await CallbackAsync(url, "alice");
        SignInServer.PageData(await _server.GetAsync(callback));
        Assert.Equal("Invalid or expired state", (await _server.GetAsync(callback)).AssertError(400, "invalid_request"));

        (_, query) = await _server.BeginAsync();
        _clock.Advance(TimeSpan.FromMinutes(10));
        Assert.Equal("Invalid or expired state", (await _server.GetAsync($"/api/v1/auth/callback?code=a&state={query["state"]}")).AssertError(400, "invalid_request"));
    }

    [Fact]
    public async Task A_code_of_one_sign_in_does_not_end_another()
    {
        string first = await CallbackAsync((await _server.BeginAsync()).Url, "mallory");
        (_, Dictionary<string, StringValues> second) = await _server.BeginAsync();
        string code = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(new Uri(first).Query)["code"]!;
        string issuer = Uri.EscapeDataString(_server.Address + "development-provider");
        (await _server.GetAsync($"/api/v1/auth/callback?code={code}&state={second["state"]}&iss={issuer}")).AssertError(500, "auth_failed");
    }

    [Fact]
    public async Task Who_cancels_is_told_in_the_form_he_asked_in()
    {
        string callback = await CallbackAsync((await _server.BeginAsync("?origin=https://app.example.org")).Url, "", "cancel");
        Assert.Equal("The sign-in was cancelled at the provider", (await _server.GetAsync(callback)).AssertError(403, "access_denied"));

        callback = await CallbackAsync((await _server.BeginAsync("?origin=https://app.example.org")).Url, "", "cancel");
        RestAnswer page = await _server.SendAsync(HttpMethod.Get, callback, headers: ("Accept", "text/html"));
        Assert.Equal(403, page.Status);
        JsonElement data = SignInServer.PageData(page);
        Assert.Equal(("The sign-in was cancelled at the provider", "https://app.example.org"), (data.GetProperty("error").GetString(), data.GetProperty("targetOrigin").GetString()));
        Assert.Equal(JsonValueKind.Null, data.GetProperty("token").ValueKind);
    }

    [Theory]
    [InlineData("Host", "evil.example.org")]
    [InlineData("Host", "127.0.0.1:1")]
    [InlineData("Host", "127.0.0.1.evil.example.org")]
    [InlineData("X-Forwarded-For", "192.0.2.1")]
    [InlineData("X-Forwarded-Host", "sync.example.org")]
    [InlineData("Forwarded", "for=192.0.2.1")]
    [InlineData("Via", "1.1 proxy")]
    [InlineData("X-Real-IP", "192.0.2.1")]
    public async Task Nothing_from_elsewhere_reaches_the_development_provider(string name, string value)
    {
        (Uri url, _) = await _server.BeginAsync();
        foreach (string path in new[] { url.PathAndQuery, Login, "/api/v1/auth/callback?code=a&state=b", "/development-provider/keys", "/development-provider/.well-known/openid-configuration" })
            (await _server.SendAsync(HttpMethod.Get, path, headers: (name, value))).AssertError(403, "forbidden");
        (await _server.SendFormAsync("x", "alice", headers: (name, value))).AssertError(403, "forbidden");
    }

    [Fact]
    public async Task Both_names_of_this_machine_work_and_each_keeps_its_own()
    {
        RestAnswer login = await _server.SendAsync(HttpMethod.Get, Login, headers: [("Host", $"localhost:{_server.Address.Port}"), ("Accept", "application/json")]);
        Assert.Contains(Uri.EscapeDataString($"http://localhost:{_server.Address.Port}/api/v1/auth/callback"), login.AssertOk().GetProperty("url").GetString(), StringComparison.Ordinal);
        RestAnswer form = await _server.GetAsync(login.Json.GetProperty("url").GetString()!);
        Assert.Contains($"form-action 'self' http://localhost:{_server.Address.Port};", form.Headers["Content-Security-Policy"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_form_is_good_once_from_its_own_page_with_its_secret()
    {
        string secret = await SecretAsync();
        (await _server.SendFormAsync(secret, "alice", headers: ("Origin", "https://evil.example.org"))).AssertError(400, "invalid_request");
        (await _server.SendFormAsync(secret, "alice", headers: ("Origin", "null"))).AssertError(400, "invalid_request");
        (await _server.SendFormAsync("guess", "alice")).AssertError(400, "invalid_request");
        Assert.Equal(303, (await _server.SendFormAsync(secret, "alice", headers: ("Origin", _server.Address.GetLeftPart(UriPartial.Authority)))).Status);
        (await _server.SendFormAsync(secret, "alice")).AssertError(400, "invalid_request");

        secret = await SecretAsync();
        _clock.Advance(TimeSpan.FromMinutes(10));
        (await _server.SendFormAsync(secret, "alice")).AssertError(400, "invalid_request");
    }

    [Theory]
    [InlineData("")]
    [InlineData("a b")]
    [InlineData("<script>")]
    [InlineData("../admin")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789")]
    public async Task Names_are_plain(string name) => Assert.Contains("name", (await _server.SendFormAsync(await SecretAsync(), name)).AssertError(400, "invalid_request"), StringComparison.Ordinal);

    [Theory]
    [InlineData("redirect_uri", "https://evil.example.org/api/v1/auth/callback")]
    [InlineData("redirect_uri", "http://127.0.0.1:1/api/v1/auth/callback")]
    [InlineData("client_id", "another")]
    [InlineData("code_challenge_method", "plain")]
    [InlineData("response_type", "token")]
    [InlineData("nonce", "")]
    public async Task It_serves_its_own_server_only(string name, string value)
    {
        (Uri url, Dictionary<string, StringValues> query) = await _server.BeginAsync();
        query[name] = value;
        (await _server.GetAsync(Microsoft.AspNetCore.WebUtilities.QueryHelpers.AddQueryString(url.GetLeftPart(UriPartial.Path), query))).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task With_an_issuer_there_is_no_development_provider()
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);
        Assert.Equal(404, (await server.GetAsync("/development-provider/keys")).Status);
        Assert.Equal(404, (await server.SendFormAsync("x", "alice")).Status);
    }

    [Fact]
    public async Task Only_listed_origins_sign_people_in()
    {
        await using SignInServer server = await SignInServer.StartAsync(origins: ["https://app.example.org"]);
        Assert.Equal(302, (await server.GetAsync(Login + "?origin=https://app.example.org")).Status);
        Assert.Equal(302, (await server.GetAsync(Login)).Status);
        (await server.GetAsync(Login + "?origin=https://evil.example.org")).AssertError(403, "forbidden");
    }

    private async Task<string> SecretAsync() => SignInServer.FormSecret().Match((await _server.GetAsync((await _server.BeginAsync()).Url.AbsoluteUri)).Text).Groups[1].Value;

    private async Task<string> CallbackAsync(Uri url, string name, string @do = "sign-in")
    {
        RestAnswer redirect = await _server.SendFormAsync(SignInServer.FormSecret().Match((await _server.GetAsync(url.AbsoluteUri)).Text).Groups[1].Value, name, @do);
        Assert.Equal(303, redirect.Status);
        return redirect.Headers["Location"];
    }
}
