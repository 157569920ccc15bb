using System.Text.Json;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Tests.Support;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Tests.Tokens;

/// <summary>Sessions over REST and, by the same authenticator, as the socket sees them.</summary>
public sealed class SessionTests : IAsyncLifetime
{
    private const string UserInfo = "/api/v1/auth/userinfo";
    private readonly ManualClock _clock = new();
    private SignInServer _server = null!;
    private string _token = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await SignInServer.StartAsync(time: _clock);
        _token = await _server.SignInAsync("alice");
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Ends_after_an_hour()
    {
        _clock.Advance(TimeSpan.FromSeconds(3599));
        (await _server.GetAsync(UserInfo, _token)).AssertOk();
        _clock.Advance(TimeSpan.FromSeconds(1));
        (await _server.GetAsync(UserInfo, _token)).AssertError(401, "unauthorized");
        (await _server.SendAsync(HttpMethod.Post, "/api/v1/auth/token", _token)).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task Renews_for_thirty_days_and_no_longer()
    {
        string token = _token;
        for (int i = 0; i < 30 * 24; i++)
        {
            JsonElement renewed = (await _server.SendAsync(HttpMethod.Post, "/api/v1/auth/token", token)).AssertOk();
            token = renewed.GetProperty("token").GetString()!;
            DateTimeOffset end = renewed.GetProperty("expiresAt").GetDateTimeOffset();
            Assert.True(end - _clock.GetUtcNow() <= TimeSpan.FromHours(1));
            if (i == 0) Assert.Equal("dev:alice", renewed.GetProperty("user").GetProperty("id").GetString());
            _clock.Advance(TimeSpan.FromSeconds(3599));
        }

        // 30 days less 12 minutes: the last token ends with the session.
        JsonElement last = (await _server.PostAsync("/api/v1/auth/token", token, "{}")).AssertOk();
        _clock.Advance(TimeSpan.FromMinutes(12));
        (await _server.GetAsync(UserInfo, last.GetProperty("token").GetString())).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task Signing_out_ends_it_everywhere_at_once()
    {
        string renewed = (await _server.SendAsync(HttpMethod.Post, "/api/v1/auth/token", _token)).AssertOk().GetProperty("token").GetString()!;
        string other = await _server.SignInAsync("alice");
        (await _server.GetAsync(UserInfo, _token)).AssertOk();
        Principal principal = (await Authenticate(_token)).Principal!;
        Assert.Equal(("dev:alice", true, _clock.GetUtcNow().AddHours(1)), (principal.Id, principal.IsSession, principal.ExpiresAt));

        RestAnswer answer = await _server.SendAsync(HttpMethod.Post, "/api/v1/auth/logout", _token);

        Assert.Equal(204, answer.Status);
        Assert.Equal(new ControlChange(ControlSubject.Revoked, default, principal.CredentialId), Assert.Single(_server.Control.InForce));
        foreach (string token in new[] { _token, renewed })
        {
            (await _server.GetAsync(UserInfo, token)).AssertError(401, "unauthorized");
            (await _server.SendAsync(HttpMethod.Post, "/api/v1/auth/token", token)).AssertError(401, "unauthorized");
            Assert.Equal(("invalid_token", "Invalid or expired token"), ((await Authenticate(token)).Error, (await Authenticate(token)).Message));
        }

        (await _server.GetAsync(UserInfo, other)).AssertOk();
    }

    [Fact]
    public async Task A_good_signature_is_not_enough()
    {
        DateTimeOffset now = _clock.GetUtcNow();
        Principal principal = (await Authenticate(_token)).Principal!;
        (await _server.GetAsync(UserInfo, _server.Sessions.Make(new SessionClaims("dev:alice", "no-such-session", now, now.AddHours(1))))).AssertError(401, "unauthorized");

        // Somebody else's session, also once it is remembered.
        (await _server.GetAsync(UserInfo, _server.Sessions.Make(new SessionClaims("dev:admin", principal.CredentialId, now, now.AddHours(1))))).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task The_hello_of_nobody_is_anonymous_if_he_says_so()
    {
        ConnectionInfo info = new() { Path = "/sync" };
        Assert.True((await _server.Services.Options.Authenticator.AuthenticateAsync(new Credentials(null, Anonymous: true), info)).Principal!.IsAnonymous);
        Assert.Equal("missing_credentials", (await _server.Services.Options.Authenticator.AuthenticateAsync(new Credentials(null, Anonymous: false), info)).Error);
    }

    [Theory]
    [InlineData("")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Basic YWxpY2U6eA==")]
    [InlineData("Bearer rat_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("Bearer rat_0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")]
    public async Task Other_headers_are_nobody(string header)
    {
        RestAnswer answer = await _server.SendAsync(HttpMethod.Get, UserInfo, headers: ("Authorization", header));
        Assert.Equal("Authentication required", answer.AssertError(401, "unauthorized"));
        Assert.Equal("Bearer", answer.Headers["WWW-Authenticate"]);
    }

    [Theory]
    [InlineData("token")]
    [InlineData("access_token")]
    public async Task A_token_in_the_URL_is_refused(string name)
    {
        Assert.Contains("Authorization", (await _server.GetAsync($"{UserInfo}?{name}={_token}")).AssertError(400, "invalid_request"), StringComparison.Ordinal);
        (await _server.GetAsync($"{UserInfo}?{name}={_token}", _token)).AssertError(400, "invalid_request");
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("""{"code":7}""")]
    [InlineData("""{"code":"a","code":"b"}""")]
    public async Task Bodies_that_are_none_are_refused(string body)
    {
        string message = (await _server.PostAsync("/api/v1/auth/token", _token, body)).AssertError(400, "invalid_request");
        if (body.Contains('7', StringComparison.Ordinal)) Assert.Contains("code", message, StringComparison.Ordinal);
    }

    private async Task<AuthenticationResult> Authenticate(string token) =>
        await _server.Services.Options.Authenticator.AuthenticateAsync(new Credentials(token, Anonymous: false), new ConnectionInfo { Path = "/sync" });
}
