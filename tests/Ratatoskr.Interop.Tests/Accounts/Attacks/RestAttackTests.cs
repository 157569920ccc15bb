using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts.Attacks;

/// <summary>What the original's API got wrong, or told, or lost. Each is a test by its name.</summary>
public partial class RestAttackTests(Stage stage)
{
    [Fact]
    public async Task App_document_stays_private_whatever_its_type_becomes()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser stranger = await SignedInUser.NewAsync(server, "stranger");
        string app = (string)(await owner.Rest.GetAsync("/documents/app/notes")).Good().Json["documentId"]!;
        (await owner.Rest.PutAsync($"/documents/{app}/content", """{"secret":true}""")).Good();

        await owner.Rest.PutAsync($"/documents/{app}/type", """{"type":"plain"}""");

        (await owner.Rest.PutAsync($"/documents/{app}/acl", $"{{{RestClient.Acl((stranger.Id, "read"))}}}")).Refused(400, "invalid_request");
        (await stranger.Rest.GetAsync($"/documents/{app}/export")).Refused(403, "forbidden");
        (await stranger.Rest.GetAsync("/documents/app:notes")).Refused(404, "not_found");
        Assert.Equal(app, (string?)(await owner.Rest.GetAsync("/documents/app/notes")).Good().Json["documentId"]);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: stranger.Token);
        await peer.RequestAsync(app);
        Assert.Equal("permission_denied", (await peer.NextErrorAsync()).Error);
    }

    [Fact]
    public async Task Type_of_an_app_document_is_not_given_to_others()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string document = await owner.Rest.CreateAsync();

        AssertNames("type", (await owner.Rest.PutAsync($"/documents/{document}/type", """{"type":"app:notes"}""")).Refused(400, "invalid_request"));
        AssertNames("type", (await owner.Rest.PostAsync("/documents", """{"type":"app:notes"}""")).Refused(400, "invalid_request"));
    }

    [Fact]
    public async Task Quick_calls_for_an_app_document_get_one()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");

        RestAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            i % 2 == 0 ? owner.Rest.GetAsync("/documents/app/notes") : owner.Rest.PostAsync("/documents", """{"id":"app:notes"}""")));

        Assert.Single(answers.Select(answer => (string)(answer.Good().Json["automergeId"])!).Distinct());
    }

    [Fact]
    public async Task Somebody_elses_user_document_cannot_be_registered()
    {
        await using TestServer server = await TestServer.StartWithAccountsAsync();
        using SignedInUser victim = await SignedInUser.SignInAsync(server, "victim");
        using SignedInUser attacker = await SignedInUser.SignInAsync(server, "attacker");
        await server.StopAsync();
        string id;
        await using (Storage.Sqlite.SqliteAccountStore store = await Storage.Sqlite.SqliteAccountStore.OpenAsync(new()
        {
            Folder = server.DataFolder,
            NewDocumentId = () => throw new InvalidOperationException("nobody signs in here"),
            DefaultQuotas = new(0, 0, 0, 0, 0),
        }))
        {
            id = (await store.FindUserAsync(victim.Id, CancellationToken.None))!.UserDocument.ToString();
        }

        await server.StartAgainAsync();

        (await attacker.Rest.PostAsync("/documents", $$"""{"automergeId":"{{id}}"}""")).Refused(409, "conflict");
        (await attacker.Rest.PostAsync("/documents", $$"""{"id":"{{id}}"}""")).Refused(409, "conflict");
        (await attacker.Rest.GetAsync($"/documents/{id}/export")).Refused(404, "not_found");
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: attacker.Token);
        await peer.RequestAsync(id);
        Assert.Equal("document_not_found", (await peer.NextErrorAsync()).Error);
    }

    [Fact]
    public async Task Squatter_of_an_announced_document_does_not_get_its_content()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser author = await SignedInUser.NewAsync(server, "author");
        using SignedInUser squatter = await SignedInUser.NewAsync(server, "squatter");
        ChangeStream edits = await RawEdits.MakeAsync(stage);
        string id = DocumentIds.New();
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: author.Token);
        await peer.SendEditAsync(id, edits, 0);
        Assert.Equal("document_not_found", (await peer.NextErrorAsync()).Error);

        await squatter.Rest.CreateAsync($"\"automergeId\":\"{id}\"");

        Assert.Equal(("permission_denied", "Read access required"), await peer.NextErrorAsync());
        await peer.SendEditAsync(id, edits, 0);
        await peer.UntilReadAsync();
        Assert.Empty(await squatter.Rest.HistoryAsync(id));
    }

    [Fact]
    public async Task Deleted_document_comes_back_through_its_owner_only_and_empty()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser other = await SignedInUser.NewAsync(server, "other");
        string id = await owner.Rest.CreateAsync();
        (await owner.Rest.PutAsync($"/documents/{id}/content", """{"secret":true}""")).Good();

        (await owner.Rest.DeleteAsync($"/documents/{id}")).Good();

        (await other.Rest.PostAsync("/documents", $$"""{"automergeId":"{{id}}"}""")).Refused(409, "conflict");
        Assert.Equal(id, await owner.Rest.CreateAsync($"\"automergeId\":\"{id}\""));
        Assert.Equal("{}", (await owner.Rest.ExportAsync(id)).ToJsonString());
    }

    [Theory]
    [InlineData("automergeId", """{"automergeId":"junk"}""")]
    [InlineData("automergeId", """{"automergeId":"111111111111111111111111111"}""")]
    [InlineData("automergeId", """{"automergeId":42}""")]
    [InlineData("id", """{"id":"eph:room"}""")]
    [InlineData("id", """{"id":"doc:a:b"}""")]
    [InlineData("id", """{"id":"../../etc/passwd"}""")]
    [InlineData("id", """{"id":"<img src=x onerror=alert(1)>"}""")]
    [InlineData("id", """{"id":"x'; DROP TABLE documents; --"}""")]
    [InlineData("id", """{"id":""}""")]
    [InlineData("id", """{"id":["a"]}""")]
    [InlineData("expiresAt", """{"expiresAt":"2020-01-01"}""")]
    [InlineData("expiresAt", """{"expiresAt":"soon"}""")]
    [InlineData("acl", """{"acl":[{"principal":"dev:bob","permission":"read"},{"principal":"dev:bob","permission":"write"}]}""")]
    [InlineData("acl", """{"acl":[{"principal":"","permission":"read"}]}""")]
    [InlineData("acl", """{"acl":[{"principal":"dev:bob","permission":"own"}]}""")]
    [InlineData("acl", """{"acl":"public"}""")]
    [InlineData("acl", """{"acl":[null]}""")]
    public async Task Request_that_cannot_be_names_its_field_and_leaves_nothing_behind(string field, string body)
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = DocumentIds.New();
        if (field != "automergeId") body = $"{{\"automergeId\":\"{id}\",{body[1..]}";

        RestAnswer refused = (await owner.Rest.PostAsync("/documents", body)).Refused(400, "invalid_request");

        AssertNames(field, refused);
        AssertTellsNothing(refused);
        Assert.Empty((await owner.Rest.GetAsync("/documents")).Good().Json["owned"]!.AsArray());
        using SignedInUser next = await SignedInUser.NewAsync(server, "next");
        await next.Rest.CreateAsync($"\"automergeId\":\"{id}\"");
    }

    [Fact]
    public async Task Access_list_with_a_principal_twice_changes_nothing()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = await owner.Rest.CreateAsync(RestClient.Acl(("dev:bob", "read")));

        RestAnswer refused = await owner.Rest.PutAsync($"/documents/{id}/acl", $"{{{RestClient.Acl(("dev:eve", "read"), ("dev:eve", "read"))}}}");

        AssertNames("acl", refused.Refused(400, "invalid_request"));
        AssertTellsNothing(refused);
        Assert.Equal("dev:bob", (string?)(await owner.Rest.GetAsync($"/documents/{id}/acl")).Good().Json["acl"]![0]!["principal"]);
    }

    [Fact]
    public async Task Date_in_the_past_is_refused_everywhere()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = await owner.Rest.CreateAsync();

        AssertNames("expiresAt", (await owner.Rest.PutAsync($"/documents/{id}/expiration", """{"expiresAt":"2020-01-01T00:00:00Z"}""")).Refused(400, "invalid_request"));
        AssertNames("expiresAt", (await owner.Rest.PostAsync("/auth/api-tokens", """{"name":"old","expiresAt":"2020-01-01T00:00:00Z"}""")).Refused(400, "invalid_request"));
        (await owner.Rest.GetAsync($"/documents/{id}")).Good();
    }

    [Theory]
    [InlineData("/documents/..%2F..%2Fetc%2Fpasswd")]
    [InlineData("/documents/%27%20OR%201%3D1%20--")]
    [InlineData("/documents/%3Cscript%3Ealert(1)%3C%2Fscript%3E")]
    [InlineData("/documents/http%3A%2F%2Fexample.org%2F")]
    [InlineData("/documents/doc%3A..")]
    [InlineData("/documents?cursor=%27%3B--&limit=1")]
    [InlineData("/documents?limit=-1")]
    [InlineData("/documents/app/..%2F..")]
    public async Task Names_that_look_like_paths_sql_or_html_are_just_strings(string path)
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");

        foreach (string suffix in path.Contains('?', StringComparison.Ordinal) ? (string[])[""] : ["", "/export", "/acl", "/history"])
        {
            RestAnswer answer = await owner.Rest.GetAsync(path + suffix);
            Assert.True(answer.Status is 400 or 404, $"{path}{suffix}: {answer.Short}");
            AssertTellsNothing(answer);
        }
    }

    [Fact]
    public async Task Every_name_of_a_document_is_the_same_document_on_every_route_and_the_socket()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string slug = $"notes-{Guid.NewGuid():N}";
        JsonNode created = (await owner.Rest.PostAsync("/documents", $$"""{"id":"doc:{{slug}}"}""")).Good().Json;
        string automergeId = (string)created["automergeId"]!;
        ChangeStream edits = await RawEdits.MakeAsync(stage);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: (await owner.Rest.CreateTokenAsync($"doc:{slug}")).Token);
        await peer.StoreAsync(automergeId, edits, 0);
        string[] expected = [];
        foreach (string name in (string[])[$"doc:{slug}", slug, $"doc%3A{slug}", automergeId, $"doc:{automergeId}"])
        {
            foreach (string part in (string[])["", "/export?format=json", "/history", "/acl", "/diff?from=initial", $"/snapshot?heads={edits.Hashes[0]}"])
            {
                string text = (await owner.Rest.GetAsync($"/documents/{name}{part}")).Good().Text;
                if (name.StartsWith("doc:notes", StringComparison.Ordinal)) expected = [.. expected, text];
                else Assert.Contains(text, expected);
            }
        }

        Assert.Contains(edits.Hashes[0], expected[2], StringComparison.Ordinal);
        (await owner.Rest.DeleteAsync($"/documents/{slug}")).Good();
        (await owner.Rest.GetAsync($"/documents/{automergeId}")).Refused(404, "not_found");
    }

    [Fact]
    public async Task Token_in_an_address_is_refused_not_ignored()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using RestClient nobody = new(server, null);

        (await nobody.GetAsync($"/documents?token={owner.Token}")).Refused(400, "invalid_request");
        (await owner.Rest.GetAsync($"/documents?access_token={owner.Token}")).Refused(400, "invalid_request");
    }

    [Fact]
    public async Task List_does_not_show_everybody_what_is_public()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser other = await SignedInUser.NewAsync(server, "other");
        string isPublic = await owner.Rest.CreateAsync(RestClient.Acl(("public", "read")));
        string group = await owner.Rest.CreateAsync(RestClient.Acl((other.Id, "read")));
        string throughGroup = await owner.Rest.CreateAsync(RestClient.Acl((group, "write")));

        string[] accessible = [.. (await other.Rest.GetAsync("/documents")).Good().Json["accessible"]!.AsArray().Select(row => (string)row!["id"]!)];

        Assert.Equal(new HashSet<string> { group, throughGroup }, [.. accessible]);
        Assert.Contains(isPublic, (await other.Rest.GetAsync("/documents?public=true")).Good().Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_hands_out_no_token_that_may_do_more()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string one = await owner.Rest.CreateAsync();
        using RestClient narrow = new(server, (await owner.Rest.CreateTokenAsync("read", "tokens:manage")).Token);
        using RestClient single = new(server, (await owner.Rest.CreateTokenAsync($"doc:{one}", "tokens:manage")).Token);
        using RestClient without = new(server, (await owner.Rest.CreateTokenAsync("write")).Token);

        foreach ((RestClient client, string scopes) in ((RestClient, string)[])[(narrow, "null"), (narrow, "[\"write\"]"), (narrow, $"[\"doc:{one}\"]"), (single, "[\"read\"]"), (without, "[\"read\"]")])
            (await client.PostAsync("/auth/api-tokens", $$"""{"name":"more","scopes":{{scopes}}}""")).Refused(403, "insufficient_scope");
        (await narrow.PostAsync("/auth/api-tokens", """{"name":"less","scopes":["read"]}""")).Good();
        (await narrow.PostAsync("/auth/logout", "{}")).Refused(403, "forbidden");
    }

    [Fact]
    public async Task Sign_ins_that_nobody_ends_do_not_keep_others_out()
    {
        TestServer server = await stage.AccountsAsync();
        using RestClient nobody = new(server, null);

        await Task.WhenAll(Enumerable.Range(0, 8).Select(async _ =>
        {
            for (int i = 0; i < 60; i++) await nobody.GetAsync("/auth/login");
        }));

        using SignedInUser user = await SignedInUser.NewAsync(server, "patient");
    }

    [Fact]
    public async Task Repeated_change_is_counted_once()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = await owner.Rest.CreateAsync();
        ChangeStream edits = await RawEdits.MakeAsync(stage, 2);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: owner.Token);

        for (int i = 0; i < 50; i++) await peer.SendEditAsync(id, edits, 0);
        await peer.StoreAsync(id, edits, 1);
        (await owner.Rest.PutAsync($"/documents/{id}/type", """{"type":"looked at"}""")).Good();

        Assert.InRange((long)(await owner.Rest.GetAsync($"/documents/{id}")).Good().Json["size"]!, 0, 4 * (edits.Chunks[0].Length + edits.Chunks[1].Length));
        Assert.Equal(2, (await owner.Rest.HistoryAsync(id)).Length);
    }

    [Fact]
    public async Task Content_put_by_many_at_once_is_all_kept()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string id = await owner.Rest.CreateAsync();
        ClientProcess clients = await stage.ClientsAsync(Versions.Current);
        (await owner.Rest.PutAsync($"/documents/{id}/content", """{"n":-1}""")).Good();
        await using JsRepo repo = await JsRepo.OpenAsync(clients, server.Url, token: owner.Token);
        await repo.GetAsync(id);

        RestAnswer[] answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => owner.Rest.PutAsync($"/documents/{id}/content", $$"""{"n":{{n}}}""")));

        foreach (RestAnswer answer in answers) answer.Good();
        Assert.Equal(21, (await owner.Rest.HistoryAsync(id)).Length);
        Seen seen = await repo.UntilHasAsync(id, await owner.Rest.HeadsAsync(id));
        Assert.Equal((int)(await owner.Rest.ExportAsync(id))["n"]!, (int)seen.Value!["n"]!);
    }

    private static void AssertNames(string field, RestAnswer answer) => Assert.StartsWith(field, (string?)answer.Json["message"], StringComparison.Ordinal);

    private static void AssertTellsNothing(RestAnswer answer)
    {
        Assert.NotNull((string?)answer.Json["error"]);
        Assert.NotNull((string?)answer.Json["message"]);
        Assert.DoesNotMatch(Innards(), answer.Text);
    }

    [GeneratedRegex(@"SQLite|constraint|syntax error|Exception|   at |Ratatoskr\.|\.cs\b|/data|/tmp", RegexOptions.IgnoreCase)]
    private static partial Regex Innards();
}
