using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts;

/// <summary>What is done by the API is seen by clients that are connected, and what they do by the API.</summary>
public class ApiAndClientsTests(Stage stage)
{
    public static TheoryData<string> AllVersions => [.. Versions.All];

    [Theory]
    [MemberData(nameof(AllVersions))]
    public async Task Content_put_by_the_api_appears_in_an_open_client_and_its_edits_in_exports(string version)
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser alice = await SignedInUser.SignInAsync(server, $"alice-{version}");
        string document = await alice.Rest.CreateAsync();
        (await alice.Rest.PutAsync($"/documents/{document}/content", """{"title":"by the API","count":1}""")).Good();
        await using JsRepo client = await JsRepo.OpenAsync(await stage.ClientsAsync(version), server.SyncUrl, token: alice.Token);
        await client.UntilReadyAsync(document);

        string[] heads = [.. (await alice.Rest.PutAsync($"/documents/{document}/content", """{"title":"by the API again","count":2}""")).Good().Json["heads"]!.AsArray().Select(head => (string)head!)];
        await client.UntilHasAsync(document, heads);
        await client.ChangeAsync(document, "d.count = 3");
        await client.UntilAcknowledgedAsync(document);

        JsonNode export = await alice.Rest.ExportAsync(document);
        Assert.Equal(("by the API again", 3), ((string?)export["title"], (int)export["count"]!));
        Assert.Equal((await client.ReadAsync(document)).Heads.Order(), (await alice.Rest.HeadsAsync(document)).Order());
    }

    [Fact]
    public async Task Nothing_is_lost_when_a_client_and_the_api_write_at_once()
    {
        const int Edits = 60, Puts = 10;
        TestServer server = await stage.AccountsAsync();
        using SignedInUser alice = await SignedInUser.SignInAsync(server, "alice-and-her-client");
        string document = await alice.Rest.CreateAsync();
        (await alice.Rest.PutAsync($"/documents/{document}/content", """{"typed":{},"put":0}""")).Good();
        await using JsRepo client = await JsRepo.OpenAsync(await stage.ClientsAsync(Versions.Current), server.SyncUrl, token: alice.Token);
        await client.UntilReadyAsync(document);
        Task typing = Task.Run(async () =>
        {
            for (int i = 0; i < Edits; i++) await client.ChangeAsync(document, $"d.typed.k{i} = {i}");
        });

        // What was read is put back with one key changed, for the heads it was read at: what was written in between and not read cannot be undone by it.
        using HttpClient http = new(new SocketsHttpHandler { UseProxy = false }) { BaseAddress = new Uri(server.HttpUrl) };
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", alice.Token);
        for (int i = 1; i <= Puts;)
        {
            using HttpResponseMessage export = await http.GetAsync($"/api/v1/documents/{document}/export?format=json");
            JsonNode content = JsonNode.Parse(await export.Content.ReadAsStringAsync())!;
            content["put"] = i;
            using HttpRequestMessage put = new(HttpMethod.Put, $"/api/v1/documents/{document}/content") { Content = new StringContent(content.ToJsonString(), Encoding.UTF8, "application/json") };
            put.Headers.IfMatch.Add(export.Headers.ETag!);
            using HttpResponseMessage answer = await http.SendAsync(put);
            if (answer.IsSuccessStatusCode) i++;
            else Assert.Equal(412, (int)answer.StatusCode);
        }

        await typing;
        await client.UntilAcknowledgedAsync(document);
        JsonNode end = await alice.Rest.ExportAsync(document);
        Assert.Equal((Puts, Edits), ((int)end["put"]!, end["typed"]!.AsObject().Count));
        Assert.Equal(1 + Edits + Puts, (await alice.Rest.HistoryAsync(document)).Length);
    }

    [Fact]
    public async Task Document_announced_before_it_is_registered_starts_to_sync_when_it_is()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser alice = await SignedInUser.SignInAsync(server, "alice-announces");
        await using JsRepo client = await JsRepo.OpenAsync(await stage.ClientsAsync(Versions.Current), server.SyncUrl, token: alice.Token);
        Seen made = await client.CreateAsync("""{"title":"offline first"}""");
        await alice.Rest.CreateAsync($"\"id\":\"{made.DocumentId}\"");
        await client.UntilAcknowledgedAsync(made.DocumentId);
        Assert.Equal("offline first", (string?)(await alice.Rest.ExportAsync(made.DocumentId))["title"]);
    }

    [Fact]
    public async Task Grant_reaches_a_client_that_was_refused_and_a_revocation_ends_what_it_hears()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser alice = await SignedInUser.SignInAsync(server, "alice-grants"), bob = await SignedInUser.SignInAsync(server, "bob-grants");
        string document = await alice.Rest.CreateAsync();
        (await alice.Rest.PutAsync($"/documents/{document}/content", """{"title":"first"}""")).Good();
        await using RawPeer reader = await RawPeer.JoinAsync(server.SyncUrl, token: bob.Token);
        await reader.RequestAsync(document);
        Assert.Equal("permission_denied", (await reader.NextAsync("error")).Error);
        Assert.Equal(document, (await reader.NextAsync("doc-unavailable")).DocumentId);

        await alice.Rest.ShareAsync(document, (bob.Id, "read"));
        await reader.RequestAsync(document);
        await reader.NextSyncAsync(document, message => message.Changes.Count > 0);
        await reader.UntilReadAsync();

        await alice.Rest.ShareAsync(document);
        (await alice.Rest.PutAsync($"/documents/{document}/content", """{"title":"not for Bob"}""")).Good();
        Assert.DoesNotContain(await reader.UntilReadAsync(), frame => frame.Type == "sync" && frame.DocumentId == document);
    }

    [Fact]
    public async Task Deletion_is_told_to_open_peers_and_leaves_nothing_to_find()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser alice = await SignedInUser.SignInAsync(server, "alice-deletes");
        string document = await alice.Rest.CreateAsync();
        (await alice.Rest.PutAsync($"/documents/{document}/content", """{"title":"soon gone"}""")).Good();
        await using RawPeer peer = await RawPeer.JoinAsync(server.SyncUrl, token: alice.Token);
        await peer.RequestAsync(document);
        await peer.NextSyncAsync(document);

        (await alice.Rest.DeleteAsync($"/documents/{document}")).Good();
        Assert.Equal("document_not_found", (await peer.NextAsync("error")).Error);
        Assert.Equal(document, (await peer.NextAsync("doc-unavailable")).DocumentId);
        (await alice.Rest.GetAsync($"/documents/{document}/export?format=json")).Refused(404, "not_found");
        await using JsRepo client = await JsRepo.OpenAsync(await stage.ClientsAsync(Versions.Current), server.SyncUrl, token: alice.Token);
        Assert.Equal("unavailable", (await client.FindAsync(document)).State);
    }
}
