using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts;

/// <summary>Signing in against a real server process, the two ways there are.</summary>
public class SignInTests(Stage stage)
{
    [Fact]
    public async Task Browser_and_program_sign_in_as_the_same_user()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser inBrowser = await SignedInUser.SignInAsync(server, "ratatoskr");
        using SignedInUser inProgram = await SignedInUser.SignInProgramAsync(server, "ratatoskr");

        Assert.Equal(("dev:ratatoskr", "dev:ratatoskr"), (inBrowser.Id, inProgram.Id));
        Assert.NotEqual(inBrowser.Token, inProgram.Token);
        Assert.Equal("dev:ratatoskr", (string?)(await inBrowser.Rest.GetAsync("/auth/userinfo")).Good().Json["id"]);
        Assert.Equal("dev:ratatoskr", (string?)(await inProgram.Rest.GetAsync("/auth/userinfo")).Good().Json["id"]);
    }

    [Fact]
    public async Task Session_survives_restart_and_ends_with_sign_out()
    {
        await using TestServer server = await TestServer.StartWithAccountsAsync();
        using SignedInUser user = await SignedInUser.SignInAsync(server, "ratatoskr");
        using SignedInUser elsewhere = await SignedInUser.SignInAsync(server, "ratatoskr");
        string document = await user.Rest.CreateAsync();

        await server.StopAsync();
        await server.StartAgainAsync();
        (await user.Rest.GetAsync($"/documents/{document}")).Good();
        (await user.Rest.PostAsync("/auth/logout", "{}")).Good();

        (await user.Rest.GetAsync($"/documents/{document}")).Refused(401, "unauthorized");
        (await elsewhere.Rest.GetAsync($"/documents/{document}")).Good();
    }
}
