using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>Large values, many documents, long histories.</summary>
public class SizeTests(Stage stage)
{
    [Fact]
    public async Task Value_of_8_MiB_arrives_whole()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        // Pseudo-random, so that compression does not make it small.
        Seen created = await alice.CreateAsync("""{ bytes: Uint8Array.from({ length: 8 << 20 }, (s => () => (s = (s * 1103515245 + 12345) >>> 0) >>> 16)(1)) }""");
        await alice.UntilAcknowledgedAsync(created.DocumentId);

        Seen found = await bob.GetAsync(created.DocumentId);

        Assert.Equal(8 << 20, (int)found.Value!["bytes"]!["$bytes"]!);
        Assert.True(found.SameAs(created));
    }

    [Fact]
    public async Task Edit_of_8_MiB_to_a_document_that_is_open_elsewhere_arrives_whole()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        string id = (await alice.CreateAsync("{ title: 'small' }")).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await bob.GetAsync(id);

        Seen edited = await alice.ChangeAsync(id, "d.bytes = Uint8Array.from({ length: 8 << 20 }, (s => () => (s = (s * 1103515245 + 12345) >>> 0) >>> 16)(2))");

        Seen atBob = await bob.UntilHasAsync(id, edited.Heads);
        Assert.True(atBob.SameAs(edited));
    }

    [Fact]
    public async Task Two_hundred_documents_go_over_one_socket()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        (string DocumentId, string[] Heads)[] created = await alice.CreateManyAsync(200);
        await Task.WhenAll(created.Select(document => alice.UntilAcknowledgedAsync(document.DocumentId)));

        (string DocumentId, string State, string[] Heads)[] found = await bob.FindManyAsync(created.Select(document => document.DocumentId));

        Assert.All(found, document => Assert.Equal("ready", document.State));
        Assert.Equal(created.Select(document => document.Heads[0]), found.Select(document => Assert.Single(document.Heads)));
        // Each stays live on that one socket.
        Seen edited = await alice.ChangeAsync(created[137].DocumentId, "d.n = 'edited'");
        await bob.UntilHasAsync(created[137].DocumentId, edited.Heads);
    }

    [Fact]
    public async Task History_of_100_000_changes_is_there_for_a_fresh_client_after_a_restart()
    {
        await using TestServer server = await TestServer.StartAsync();
        ClientProcess clients = await stage.ClientsAsync(Versions.Current);
        string text = (string)(await clients.RunAsync("longText", new() { ["count"] = 99_999 }))!["base64"]!;
        Seen uploaded;
        await using (JsRepo alice = await stage.OpenAsync(server: server))
        {
            uploaded = await alice.ImportBytesAsync(text);
            await alice.UntilAcknowledgedAsync(uploaded.DocumentId);
        }

        await server.StopAsync();
        await server.StartAgainAsync();

        await using JsRepo bob = await stage.OpenAsync(server: server);
        Seen found = await bob.GetAsync(uploaded.DocumentId);
        Assert.True(found.SameAs(uploaded));
        Assert.Equal(99_999, ((string)found.Value!["text"]!).Length);
        Seen edited = await bob.ChangeAsync(uploaded.DocumentId, "A.splice(d, ['text'], 50000, 0, 'still alive')");
        await bob.UntilAcknowledgedAsync(edited.DocumentId);
    }
}
