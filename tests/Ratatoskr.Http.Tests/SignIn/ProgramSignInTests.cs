using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.SignIn;

/// <summary>A command-line program signs its user in: a loopback port, a challenge, a one-time code (RFC 8252).</summary>
public sealed class ProgramSignInTests : IAsyncLifetime
{
    private const string Verifier = "0123456789012345678901234567890123456789012";
    private const string Redirect = "http://127.0.0.1:5555/done?from=server";
    private readonly ManualClock _clock = new();
    private SignInServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await SignInServer.StartAsync(time: _clock);

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Gets_a_session_for_its_code_and_verifier()
    {
        JsonElement page = await ApproveAsync();
        Assert.Equal("127.0.0.1:5555", page.GetProperty("program").GetString());
        Assert.Equal(JsonValueKind.Null, page.GetProperty("token").ValueKind); // nothing to take for who only sees the page
        Assert.Equal("http://127.0.0.1:5555/done?from=server&error=access_denied&state=mine", page.GetProperty("denyUrl").GetString());
        Dictionary<string, StringValues> answer = Answer(page);
        Assert.Equal(("server", "mine"), ((string?)answer["from"], (string?)answer["state"]));

        JsonElement session = (await ExchangeAsync(answer["code"]!, "mine", Verifier)).AssertOk();
        Assert.Equal("dev:alice", session.GetProperty("user").GetProperty("id").GetString());
        Assert.Equal("2026-11-21T13:00:00.000Z", session.GetProperty("expiresAt").GetString());
        (await _server.GetAsync("/api/v1/auth/userinfo", session.GetProperty("token").GetString())).AssertOk();

        (await ExchangeAsync(answer["code"]!, "mine", Verifier)).AssertError(400, "invalid_request");
    }

    [Theory]
    [InlineData("another", Verifier)]
    [InlineData("mine", "another4567890123456789012345678901234567890")]
    [InlineData("mine", "short")]
    [InlineData("mine", null)]
    [InlineData(null, Verifier)]
    public async Task Wrong_state_or_verifier_spends_the_code(string? state, string? verifier)
    {
        string code = Answer(await ApproveAsync())["code"]!;
        (await ExchangeAsync(code, state, verifier)).AssertError(400, "invalid_request");
        (await ExchangeAsync(code, "mine", Verifier)).AssertError(400, "invalid_request");
    }

    [Fact]
    public async Task A_code_is_good_for_five_minutes()
    {
        string code = Answer(await ApproveAsync())["code"]!;
        _clock.Advance(TimeSpan.FromMinutes(5));
        (await ExchangeAsync(code, "mine", Verifier)).AssertError(400, "invalid_request");
        (await ExchangeAsync("invented", "mine", Verifier)).AssertError(400, "invalid_request");
    }

    [Theory]
    [InlineData("redirect_uri", "https://127.0.0.1:5555/")]
    [InlineData("redirect_uri", "http://localhost:5555/")]
    [InlineData("redirect_uri", "http://192.0.2.1:5555/")]
    [InlineData("redirect_uri", "http://127.0.0.1.evil.example.org/")]
    [InlineData("redirect_uri", "http://user@127.0.0.1:5555/")]
    [InlineData("redirect_uri", "http://127.0.0.1:5555/#part")]
    [InlineData("redirect_uri", "/done")]
    [InlineData("code_challenge", "short")]
    [InlineData("code_challenge", null)]
    [InlineData("code_challenge_method", "plain")]
    [InlineData("code_challenge_method", null)]
    [InlineData("state", null)]
    [InlineData("state", "")]
    [InlineData("origin", "https://app.example.org")]
    public async Task What_could_lead_elsewhere_is_refused(string name, string? value) =>
        Assert.Contains(name, (await _server.GetAsync("/api/v1/auth/login" + Query((name, value)))).AssertError(400, "invalid_request"), StringComparison.Ordinal);

    [Fact]
    public async Task Who_cancels_comes_back_with_an_error()
    {
        (Uri url, _) = await _server.BeginAsync(Query());
        string secret = SignInServer.FormSecret().Match((await _server.GetAsync(url.AbsoluteUri)).Text).Groups[1].Value;
        RestAnswer callback = await _server.GetAsync((await _server.SendFormAsync(secret, "", "cancel")).Headers["Location"]);
        Assert.Equal((302, "http://127.0.0.1:5555/done?from=server&error=access_denied&state=mine"), (callback.Status, callback.Headers["Location"]));
    }

    private static string Query(params (string Name, string? Value)[] changes)
    {
        Dictionary<string, string?> query = new()
        {
            ["redirect_uri"] = Redirect,
            ["code_challenge"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier))),
            ["code_challenge_method"] = "S256",
            ["state"] = "mine",
        };
        foreach ((string name, string? value) in changes) query[name] = value;
        return QueryHelpers.AddQueryString("", query);
    }

    private static Dictionary<string, StringValues> Answer(JsonElement page) => QueryHelpers.ParseQuery(new Uri(page.GetProperty("approveUrl").GetString()!).Query);

    private async Task<JsonElement> ApproveAsync() => SignInServer.PageData(await _server.SignInPageAsync("alice", Query()));

    private Task<RestAnswer> ExchangeAsync(string code, string? state, string? verifier) =>
        _server.PostAsync("/api/v1/auth/token", null, JsonSerializer.Serialize(new { code, state, code_verifier = verifier }));
}
