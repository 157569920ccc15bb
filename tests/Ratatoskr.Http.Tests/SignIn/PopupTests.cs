using System.Diagnostics;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Http.Tests.Support;

namespace Ratatoskr.Http.Tests.SignIn;

/// <summary>One real browser goes through all the ways a popup can end (node/browser.mjs); the tests look at what the app's page saw.</summary>
public sealed class Popups : IAsyncLifetime
{
    internal JsonElement Results { get; private set; }

    internal SignInServer Server { get; private set; } = null!;

    internal SignInServer Issued { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        if (Tools.Missing(browser: true) is not null) return;
        Server = await SignInServer.StartAsync(pages: static app => app.MapGet("/own", (RequestDelegate)(static context => context.Response.WriteAsync("a page of the server's own"))));
        await using RealProvider provider = await RealProvider.StartAsync();
        Issued = await SignInServer.StartAsync(provider.Settings("public-es256"));
        ProcessStartInfo start = new("node", [Path.Combine(Tools.Node, "browser.mjs"), JsonSerializer.Serialize(new { server = Origin(Server), issued = Origin(Issued) })])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process node = Process.Start(start)!;
        Task<string> errors = node.StandardError.ReadToEndAsync();
        string output = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await errors);
        Results = JsonDocument.Parse(output).RootElement;
    }

    public async ValueTask DisposeAsync()
    {
        if (Server is not null) await Server.DisposeAsync();
        if (Issued is not null) await Issued.DisposeAsync();
    }

    internal static string Origin(SignInServer server) => server.Address.GetLeftPart(UriPartial.Authority);
}

public sealed class PopupTests(Popups popups) : IClassFixture<Popups>
{
    [Fact]
    public async Task Approve_gives_the_token_to_the_page_that_asked()
    {
        JsonElement result = Result("approve");
        Assert.Equal("ratatoskr:auth", result.GetProperty("type").GetString());
        Assert.Equal("""{"id":"dev:alice","email":null,"name":"alice","userDocumentId":null}""", result.GetProperty("user").GetRawText());
        (await popups.Server.GetAsync("/api/v1/auth/userinfo", result.GetProperty("token").GetString())).AssertOk();
        JsonElement seen = result.GetProperty("seen");
        Assert.Equal(("Sign in as alice?", popups.Results.GetProperty("origin").GetString()), (seen.GetProperty("title").GetString(), seen.GetProperty("who").GetString()));
        Assert.Equal("/api/v1/auth/callback", seen.GetProperty("path").GetString()); // code and state are gone from the address
        Assert.Equal("[]", result.GetProperty("errors").GetRawText());
    }

    [Fact]
    public void Deny_tells_the_page()
    {
        JsonElement result = Result("deny");
        Assert.Equal("User denied the login request", result.GetProperty("error").GetString());
        Assert.False(result.TryGetProperty("token", out _));
    }

    [Fact]
    public void A_closed_window_gives_nothing()
    {
        JsonElement result = Result("closed");
        Assert.True(result.GetProperty("closed").GetBoolean());
        Assert.Equal("[]", result.GetProperty("messages").GetRawText());
    }

    [Fact]
    public void Cancelling_at_the_provider_tells_the_page() =>
        Assert.Equal("The sign-in was cancelled at the provider", Result("cancelled").GetProperty("error").GetString());

    [Fact]
    public void A_page_of_our_own_origin_need_not_say_so() =>
        Assert.Equal("dev:carol", Result("ownOrigin").GetProperty("user").GetProperty("id").GetString());

    [Fact]
    public void A_page_that_says_it_is_another_gets_nothing()
    {
        JsonElement result = Result("foreignOrigin");
        Assert.Equal("http://app.example.org", result.GetProperty("seen").GetProperty("who").GetString());
        Assert.True(result.GetProperty("closed").GetBoolean());
        Assert.Equal("[]", result.GetProperty("messages").GetRawText());
    }

    [Fact]
    public void A_page_of_no_origin_cannot_be_approved()
    {
        JsonElement result = Result("unknownOrigin");
        Assert.True(result.GetProperty("seen").GetProperty("disabled").GetBoolean());
        Assert.Equal("[]", result.GetProperty("messages").GetRawText());
    }

    [Fact]
    public void Only_a_person_approves()
    {
        JsonElement result = Result("scripted");
        Assert.False(result.GetProperty("seen").GetProperty("disabled").GetBoolean());
        Assert.Equal("User denied the login request", result.GetProperty("error").GetString());
    }

    [Fact]
    public void Without_an_opener_it_says_that_it_worked()
    {
        JsonElement seen = Result("noOpener").GetProperty("seen");
        Assert.Equal("Authentication Successful", seen.GetProperty("title").GetString());
        Assert.Contains("dave", seen.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_gets_its_code_when_the_person_approves()
    {
        JsonElement result = Result("program");
        Assert.StartsWith("A program on this computer (127.0.0.1:", result.GetProperty("seen").GetProperty("who").GetString(), StringComparison.Ordinal);
        Assert.Equal("dev:frank", result.GetProperty("user").GetProperty("id").GetString());
        (await popups.Server.GetAsync("/api/v1/auth/userinfo", result.GetProperty("token").GetString())).AssertOk();
    }

    [Fact]
    public void It_is_not_shown_in_a_frame() => Assert.Equal(0, Result("framed").GetProperty("seen").GetProperty("fields").GetInt32());

    [Fact]
    public async Task It_works_with_a_real_provider()
    {
        JsonElement result = Result("provider");
        Assert.Equal("""{"id":"oidc:erin","email":"erin@example.org","name":"Name of erin","userDocumentId":null}""", result.GetProperty("user").GetRawText());
        (await popups.Issued.GetAsync("/api/v1/auth/userinfo", result.GetProperty("token").GetString())).AssertOk();
    }

    private JsonElement Result(string scenario)
    {
        Tools.Need(browser: true);
        JsonElement result = popups.Results.GetProperty(scenario);
        Assert.False(result.TryGetProperty("failed", out JsonElement why), why.ToString());
        return result;
    }
}
