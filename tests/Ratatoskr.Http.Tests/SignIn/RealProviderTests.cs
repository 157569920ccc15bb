using System.Text.Json;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.SignIn;

/// <summary>Sign-in at a real provider, npm oidc-provider.</summary>
public sealed class RealProviderTests : IAsyncLifetime
{
    private RealProvider _provider = null!;

    public async ValueTask InitializeAsync()
    {
        Tools.Need();
        _provider = await RealProvider.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (_provider is not null) await _provider.DisposeAsync();
    }

    [Theory]
    [InlineData("basic-rs256")]
    [InlineData("basic-es256")]
    [InlineData("public-rs256")]
    [InlineData("public-es256")]
    public async Task Signs_in(string client)
    {
        await using SignInServer server = await SignInServer.StartAsync(_provider.Settings(client));
        JsonElement data = SignInServer.PageData(await SignInAsync(server, "alice"));
        Assert.Equal("""{"id":"oidc:alice","email":"alice@example.org","name":"Name of alice","userDocumentId":null}""", data.GetProperty("user").GetRawText());
        (await server.GetAsync("/api/v1/auth/userinfo", data.GetProperty("token").GetString())).AssertOk();
    }

    [Fact]
    public async Task Goes_on_after_the_provider_has_changed_its_keys()
    {
        ManualClock clock = new();
        clock.Advance(DateTimeOffset.UtcNow - clock.GetUtcNow());
        await using SignInServer server = await SignInServer.StartAsync(_provider.Settings("public-es256"), clock);
        SignInServer.PageData(await SignInAsync(server, "alice"));
        await _provider.RotateAsync();
        clock.Advance(TimeSpan.FromSeconds(31));
        SignInServer.PageData(await SignInAsync(server, "bob"));
    }

    [Fact]
    public async Task A_shared_secret_as_a_signature_is_refused_with_what_to_do()
    {
        await using SignInServer server = await SignInServer.StartAsync(_provider.Settings("basic-hs256"));
        (await SignInAsync(server, "alice")).AssertError(500, "auth_failed");
        Assert.Contains("only RS256 and ES256 are taken (set the client's id_token_signed_response_alg at the provider)", server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_secret_and_a_code_used_twice_sign_nobody_in()
    {
        await using SignInServer wrong = await SignInServer.StartAsync(_provider.Settings("basic-rs256") with { ClientSecret = "another" });
        (await SignInAsync(wrong, "alice")).AssertError(500, "auth_failed");
        Assert.Contains("invalid_client", wrong.Log.Text, StringComparison.Ordinal);

        await using SignInServer server = await SignInServer.StartAsync(_provider.Settings("public-rs256"));
        string callback = await _provider.VisitAsync((await server.BeginAsync()).Url, "alice");
        SignInServer.PageData(await server.GetAsync(callback));
        (await server.GetAsync(callback)).AssertError(400, "invalid_request");
        string other = (await server.BeginAsync()).Query["state"]!;
        string used = System.Text.RegularExpressions.Regex.Replace(callback, "state=[^&]*", "state=" + other);
        (await server.GetAsync(used)).AssertError(500, "auth_failed");
    }

    private async Task<RestAnswer> SignInAsync(SignInServer server, string name) => await server.GetAsync(await _provider.VisitAsync((await server.BeginAsync()).Url, name));
}
