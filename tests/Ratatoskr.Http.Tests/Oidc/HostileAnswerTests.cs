using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.Oidc;

/// <summary>A provider, or somebody between it and us, lies. Nobody gets in, the browser hears only that it failed, the log says why.</summary>
public sealed class HostileAnswerTests
{
    private static readonly Dictionary<string, (Action<HostileProvider> Lie, string Said)> Lies = new()
    {
        ["wrong nonce"] = (p => p.Claims = c => c["nonce"] = "another", "nonce"),
        ["no nonce"] = (p => p.Claims = c => c.Remove("nonce"), "nonce"),
        ["wrong issuer"] = (p => p.Claims = c => c["iss"] = "https://evil.example.org", "another issuer"),
        ["no issuer"] = (p => p.Claims = c => c.Remove("iss"), "another issuer"),
        ["swapped audience"] = (p => p.Claims = c => c["aud"] = "another-client", "aud"),
        ["no audience"] = (p => p.Claims = c => c.Remove("aud"), "aud"),
        ["audience of numbers"] = (p => p.Claims = c => c["aud"] = new object[] { HostileProvider.ClientId, 1 }, "aud"),
        ["two audiences without azp"] = (p => p.Claims = c => c["aud"] = new[] { HostileProvider.ClientId, "another" }, "azp"),
        ["azp of another"] = (p => p.Claims = c => c["azp"] = "another", "azp"),
        ["azp that is null"] = (p => p.Claims = c => c["azp"] = null, "azp"),
        ["expired"] = (p => p.Claims = c => c["exp"] = Now(-61), "exp"),
        ["never expires"] = (p => p.Claims = c => c.Remove("exp"), "exp"),
        ["expires in text"] = (p => p.Claims = c => c["exp"] = "tomorrow", "exp"),
        ["not yet"] = (p => p.Claims = c => c["nbf"] = Now(90), "nbf"),
        ["issued in the future"] = (p => p.Claims = c => c["iat"] = Now(90), "iat"),
        ["issued never"] = (p => p.Claims = c => c.Remove("iat"), "iat"),
        ["no subject"] = (p => p.Claims = c => c.Remove("sub"), "sub"),
        ["empty subject"] = (p => p.Claims = c => c["sub"] = "", "sub"),
        ["endless subject"] = (p => p.Claims = c => c["sub"] = new string('a', 256), "sub"),
        ["subject of two lines"] = (p => p.Claims = c => c["sub"] = "a\nb", "sub"),
        ["subject that is a number"] = (p => p.Claims = c => c["sub"] = 7, "sub"),
        ["access token of another"] = (p => p.Claims = c => c["at_hash"] = "LDktKdoQak3Pk0cnXxCltA", "at_hash"),
        ["at_hash that is null"] = (p => p.Claims = c => c["at_hash"] = null, "at_hash"),
        ["alg none"] = (p => { p.Header = h => h["alg"] = "none"; p.Signature = _ => []; }, "only RS256 and ES256"),
        ["alg None"] = (p => { p.Header = h => h["alg"] = "None"; p.Signature = _ => []; }, "only RS256 and ES256"),
        ["no alg"] = (p => p.Header = h => h.Remove("alg"), "only RS256 and ES256"),
        ["HS256 by the client id"] = (p => { p.Header = h => h["alg"] = "HS256"; p.Signature = b => HMACSHA256.HashData("sync"u8, b); }, "only RS256 and ES256"),
        ["HS256 by the public key"] = (p => { p.Header = h => h["alg"] = "HS256"; p.Signature = b => HMACSHA256.HashData(Encoding.ASCII.GetBytes(p.Key.Public["n"]), b); }, "only RS256 and ES256"),
        ["RS512"] = (p => p.Header = h => h["alg"] = "RS512", "only RS256 and ES256"),
        ["ES256 over an RSA key"] = (p => p.Header = h => h["alg"] = "ES256", "no ES256 key"),
        ["no signature"] = (p => p.Signature = _ => [], "signature"),
        ["signature of another key"] = (p => p.Signature = TestKey.Rsa("first").Sign, "signature"),
        ["unknown key"] = (p => p.Header = h => h["kid"] = "unknown", "no RS256 key"),
        ["key that came along"] = (p => { TestKey own = TestKey.Rsa("mine"); p.Header = h => { h["kid"] = "mine"; h["jwk"] = own.Public; }; p.Signature = own.Sign; }, "no RS256 key"),
        ["weak key"] = (p => p.Key = TestKey.Rsa("weak", 1024), "no RS256 key"),
        ["tampered claims"] = (p => p.Token = t => Replace(t, 1, c => c.Replace("alice", "admin", StringComparison.Ordinal)), "signature"),
        ["tampered header"] = (p => p.Token = t => Replace(t, 0, h => h.Replace("JWT", "jwt", StringComparison.Ordinal)), "signature"),
        ["claims said twice"] = (p => { p.Claims = _ => { }; p.Token = t => Sign(p, t, c => c[..^1] + ",\"sub\":\"admin\"}"); }, "not JSON"),
        ["critical extension"] = (p => p.Header = h => h["crit"] = new[] { "b64" }, "crit"),
        ["an access token instead"] = (p => p.Header = h => h["typ"] = "at+jwt", "another type"),
        ["two parts"] = (p => p.Token = t => t[..t.LastIndexOf('.')], "not a signed JWT"),
        ["four parts"] = (p => p.Token = t => t + ".e30", "not a signed JWT"),
        ["encrypted"] = (p => p.Token = _ => "a.b.c.d.e", "not a signed JWT"),
        ["not base64url"] = (p => p.Token = t => "!" + t, "not base64url"),
        ["claims that are a list"] = (p => p.Token = t => Sign(p, t, _ => "[]"), "not a JSON object"),
        ["endless token"] = (p => p.Claims = c => c["pad"] = new string('x', 70_000), "not a signed JWT"),
        ["no ID token"] = (p => p.TokenEndpoint = async c => { await c.Response.WriteAsync("""{"access_token":"a"}"""); return true; }, "no ID token"),
        ["refused code"] = (p => p.TokenEndpoint = async c => { c.Response.StatusCode = 400; await c.Response.WriteAsync("""{"error":"invalid_grant"}"""); return true; }, "invalid_grant"),
        ["no JSON"] = (p => p.TokenEndpoint = async c => { await c.Response.WriteAsync("<html>"); return true; }, "not JSON"),
        ["redirect"] = (p => p.TokenEndpoint = c => { c.Response.Redirect("http://example.org/"); return Task.FromResult(true); }, "302"),
        ["endless answer"] = (p => p.TokenEndpoint = async c => { await c.Response.WriteAsync(new string(' ', 2 << 20)); return true; }, "does not answer"),
    };

    public static TheoryData<string> Names => [.. Lies.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Lie_signs_nobody_in(string name)
    {
        (Action<HostileProvider> lie, string said) = Lies[name];
        await using HostileProvider provider = await HostileProvider.StartAsync();
        lie(provider);
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);

        RestAnswer answer = await SignInAsync(server, provider);

        Assert.Equal("Authentication failed", answer.AssertError(500, "auth_failed"));
        Assert.Contains(said, server.Log.Text, StringComparison.Ordinal);
        Assert.Null(await server.Accounts.FindUserAsync("oidc:alice", TestContext.Current.CancellationToken));
        Assert.Null(await server.Accounts.FindUserAsync("oidc:admin", TestContext.Current.CancellationToken));
    }

    public static TheoryData<string> Truths => [.. s_truths.Keys];

    private static readonly Dictionary<string, Action<HostileProvider>> s_truths = new()
    {
        ["RS256"] = _ => { },
        ["ES256"] = p => p.Key = TestKey.Ec("ec"),
        ["several keys, of both kinds"] = p => { TestKey[] keys = [TestKey.Ec("a"), p.Key, TestKey.Rsa("b")]; p.Published = () => keys; },
        ["no key id"] = p => p.Header = h => h.Remove("kid"),
        ["several audiences and azp"] = p => p.Claims = c => { c["aud"] = new[] { "another", HostileProvider.ClientId }; c["azp"] = HostileProvider.ClientId; },
        ["the right at_hash"] = p => p.Claims = c => c["at_hash"] = Base64Url.EncodeToString(SHA256.HashData("access"u8).AsSpan(0, 16)),
        ["a clock 50 s behind"] = p => p.Claims = c => { c["exp"] = Now(-50); c["iat"] = Now(-350); },
        ["a clock 50 s ahead"] = p => p.Claims = c => { c["iat"] = Now(50); c["nbf"] = Now(50); },
        ["times with fractions"] = p => p.Claims = c => c["iat"] = Now(0) + 0.5,
        ["a slash at the issuer's end"] = p => { p.Configuration = c => c["issuer"] = p.Issuer + "/"; p.Claims = c => c["iss"] = p.Issuer + "/"; },
        ["weak and foreign keys beside"] = p => { TestKey[] keys = [TestKey.Rsa("weak", 1024), p.Key]; p.Published = () => keys; },
    };

    [Theory]
    [MemberData(nameof(Truths))]
    public async Task Truth_signs_in(string name)
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        s_truths[name](provider);
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);

        RestAnswer answer = await SignInAsync(server, provider);

        JsonElement data = SignInServer.PageData(answer);
        Assert.Equal("oidc:alice", data.GetProperty("user").GetProperty("id").GetString());
        JsonElement me = (await server.GetAsync("/api/v1/auth/userinfo", data.GetProperty("token").GetString())).AssertOk();
        Assert.Equal(("alice@example.org", "Alice"), (me.GetProperty("email").GetString(), me.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task A_name_is_text_wherever_it_is_shown()
    {
        const string Name = "</script><script>alert(1)</script>\u2028<!--";
        await using HostileProvider provider = await HostileProvider.StartAsync();
        provider.Claims = static claims => claims["name"] = Name;
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);
        RestAnswer page = await SignInAsync(server, provider);
        Assert.DoesNotContain("alert(1)</script>", page.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("<!--", page.Text, StringComparison.Ordinal);
        Assert.Equal(Name, SignInServer.PageData(page).GetProperty("user").GetProperty("name").GetString());
    }

    [Fact]
    public async Task A_new_key_is_fetched_when_it_is_first_used_and_invented_ones_do_not_cause_storms()
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        ManualClock clock = new();
        clock.Advance(DateTimeOffset.UtcNow - clock.GetUtcNow());
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings, clock);
        SignInServer.PageData(await SignInAsync(server, provider));
        SignInServer.PageData(await SignInAsync(server, provider));
        Assert.Equal((1, 1), (provider.KeyFetches, provider.ConfigurationFetches));

        clock.Advance(TimeSpan.FromSeconds(31));
        provider.Key = TestKey.Ec("second");
        SignInServer.PageData(await SignInAsync(server, provider));
        Assert.Equal(2, provider.KeyFetches);

        provider.Header = h => h["kid"] = Guid.NewGuid().ToString();
        for (int i = 0; i < 10; i++) (await SignInAsync(server, provider)).AssertError(500, "auth_failed");
        Assert.Equal(2, provider.KeyFetches);

        // An hour later a key that was taken back is no longer believed.
        provider.Header = _ => { };
        provider.Published = () => [];
        clock.Advance(TimeSpan.FromMinutes(61));
        (await SignInAsync(server, provider)).AssertError(500, "auth_failed");
    }

    [Fact]
    public async Task Answers_must_name_the_provider_when_it_says_they_do()
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);
        (await SignInAsync(server, provider, _ => null)).AssertError(500, "auth_failed");
        (await SignInAsync(server, provider, _ => "https://evil.example.org")).AssertError(500, "auth_failed");
        (await SignInAsync(server, provider, issuer => issuer + "/")).AssertError(500, "auth_failed");
        SignInServer.PageData(await SignInAsync(server, provider));
    }

    [Fact]
    public async Task A_provider_that_does_not_name_itself_need_not_but_must_not_lie()
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        provider.Configuration = static c => c.Remove("authorization_response_iss_parameter_supported");
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);
        SignInServer.PageData(await SignInAsync(server, provider, _ => null));
        (await SignInAsync(server, provider, _ => "https://evil.example.org")).AssertError(500, "auth_failed");
    }

    [Theory]
    [InlineData(null, true)]
    [InlineData("client_secret_basic", true)]
    [InlineData("client_secret_post", false)]
    [InlineData("client_secret_post client_secret_basic", true)]
    public async Task A_secret_goes_where_the_provider_wants_it(string? methods, bool basic)
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        if (methods is not null) provider.Configuration = c => c["token_endpoint_auth_methods_supported"] = methods.Split(' ');
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings with { ClientSecret = "s3cret: +/&" });
        SignInServer.PageData(await SignInAsync(server, provider));
        if (basic)
        {
            Assert.Equal("Basic " + Convert.ToBase64String("sync:s3cret%3A+%2B%2F%26"u8), provider.LastAuthorization);
            Assert.DoesNotContain("client_secret", provider.LastForm.Keys);
        }
        else
        {
            Assert.Null(provider.LastAuthorization);
            Assert.Equal(("sync", "s3cret: +/&"), (provider.LastForm["client_id"], provider.LastForm["client_secret"]));
        }
    }

    [Fact]
    public async Task The_request_carries_what_binds_the_answer_to_it()
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);
        (Uri url, Dictionary<string, StringValues> query) = await server.BeginAsync();
        Assert.StartsWith(provider.Issuer + "/authorize?", url.AbsoluteUri, StringComparison.Ordinal);
        Assert.Equal("code S256 sync openid email profile", $"{query["response_type"]} {query["code_challenge_method"]} {query["client_id"]} {query["scope"]}");
        Assert.Equal(server.Address + "api/v1/auth/callback", query["redirect_uri"]);

        provider.Nonce = query["nonce"]!;
        await server.GetAsync($"/api/v1/auth/callback?code=c&state={query["state"]}&iss={Uri.EscapeDataString(provider.Issuer)}");
        Assert.Equal(query["code_challenge"], Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(provider.LastForm["code_verifier"]))));
        Assert.Equal($"authorization_code c {query["redirect_uri"]}", $"{provider.LastForm["grant_type"]} {provider.LastForm["code"]} {provider.LastForm["redirect_uri"]}");
    }

    [Theory]
    [InlineData("issuer", "https://evil.example.org")]
    [InlineData("issuer", null)]
    [InlineData("token_endpoint", "http://id.example.org/token")]
    [InlineData("jwks_uri", "file:///etc/passwd")]
    [InlineData("authorization_endpoint", "javascript:alert(1)")]
    [InlineData("jwks_uri", null)]
    public async Task A_configuration_that_leads_elsewhere_is_refused(string field, string? value)
    {
        await using HostileProvider provider = await HostileProvider.StartAsync();
        provider.Configuration = c => c[field] = value;
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings);
        (await server.GetAsync("/api/v1/auth/login")).AssertError(502, "provider_unavailable");
        Assert.Contains(field == "issuer" && value is not null ? "says it is" : field, server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_provider_that_is_down_is_said_to_be_and_used_again_when_it_is_back()
    {
        HostileProvider provider = await HostileProvider.StartAsync();
        await using HostileProvider held = provider;
        ManualClock clock = new();
        await using SignInServer server = await SignInServer.StartAsync(provider.Settings, clock);
        provider.Configuration = static _ => throw new InvalidOperationException("down");
        (await server.GetAsync("/api/v1/auth/login")).AssertError(502, "provider_unavailable");
        provider.Configuration = static _ => { };
        (await server.GetAsync("/api/v1/auth/login")).AssertError(502, "provider_unavailable"); // not asked again by every click
        clock.Advance(TimeSpan.FromSeconds(6));
        Assert.Equal(302, (await server.GetAsync("/api/v1/auth/login")).Status);
    }

    private static async Task<RestAnswer> SignInAsync(SignInServer server, HostileProvider provider, Func<string, string?>? issuer = null)
    {
        (_, Dictionary<string, StringValues> query) = await server.BeginAsync();
        provider.Nonce = query["nonce"]!;
        issuer ??= _ => IssuerOf(provider);
        string named = issuer(provider.Issuer) is { } name ? "&iss=" + Uri.EscapeDataString(name) : "";
        return await server.GetAsync($"/api/v1/auth/callback?code=good&state={query["state"]}{named}");
    }

    // As its configuration says.
    private static string IssuerOf(HostileProvider provider)
    {
        Dictionary<string, object?> configuration = new() { ["issuer"] = provider.Issuer };
        provider.Configuration(configuration);
        return (string)configuration["issuer"]!;
    }

    private static double Now(int seconds) => DateTimeOffset.UtcNow.AddSeconds(seconds).ToUnixTimeSeconds();

    private static string Replace(string token, int part, Func<string, string> change)
    {
        string[] parts = token.Split('.');
        parts[part] = Base64Url.EncodeToString(Encoding.UTF8.GetBytes(change(Encoding.UTF8.GetString(Base64Url.DecodeFromChars(parts[part])))));
        return string.Join('.', parts);
    }

    // Changed claims with a good signature.
    private static string Sign(HostileProvider provider, string token, Func<string, string> change)
    {
        string changed = Replace(token, 1, change);
        string signed = changed[..changed.LastIndexOf('.')];
        return $"{signed}.{Base64Url.EncodeToString(provider.Key.Sign(Encoding.ASCII.GetBytes(signed)))}";
    }
}
