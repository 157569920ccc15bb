using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>Connections end and come back; clients with storage of their own come back with what they know.</summary>
public class ReconnectTests(Stage stage)
{
    [Fact]
    public async Task Client_with_files_closed_and_opened_again_after_a_restart_gets_what_it_missed()
    {
        await using TestServer server = await TestServer.StartAsync();
        string folder = stage.NewFolder();
        await using JsRepo bob = await stage.OpenAsync(server: server);
        Seen created;
        await using (JsRepo alice = await stage.OpenAsync(server: server, folder: folder))
        {
            created = await alice.CreateAsync("{ list: [] }");
            await alice.UntilAcknowledgedAsync(created.DocumentId);
            await bob.GetAsync(created.DocumentId);
        }
        Seen missed = await bob.ChangeAsync(created.DocumentId, "d.list.push('while alice was away')");
        await bob.UntilAcknowledgedAsync(created.DocumentId);
        await server.StopAsync();
        await server.StartAgainAsync();

        await using JsRepo aliceAgain = await stage.OpenAsync(server: server, folder: folder);
        await aliceAgain.GetAsync(created.DocumentId);
        Seen caughtUp = await aliceAgain.UntilHasAsync(created.DocumentId, missed.Heads);
        Assert.True(caughtUp.SameAs(missed));

        await bob.UntilConnectedAsync();
        Seen edited = await aliceAgain.ChangeAsync(created.DocumentId, "d.list.push('alice is back')");
        await bob.UntilHasAsync(created.DocumentId, edited.Heads);
    }

    [Fact]
    public async Task Documents_made_offline_reach_the_server_on_connect()
    {
        await using JsRepo alice = await stage.OpenAsync(storage: nameof(Documents_made_offline_reach_the_server_on_connect));
        await using JsRepo bob = await stage.OpenAsync();
        await alice.DisconnectAsync();
        Seen[] created = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => alice.CreateAsync($"{{ n: {n} }}")));

        await alice.ConnectAsync();

        foreach (Seen document in created) await alice.UntilAcknowledgedAsync(document.DocumentId);
        foreach (Seen document in created) Assert.True((await bob.GetAsync(document.DocumentId)).SameAs(document));
    }

    [Fact]
    public async Task Client_whose_server_lost_everything_gives_it_back()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using TestServer empty = await TestServer.StartAsync();
        const string Storage = nameof(Client_whose_server_lost_everything_gives_it_back);
        Seen created;
        await using (JsRepo alice = await stage.OpenAsync(server: server, storage: Storage))
        {
            created = await alice.CreateAsync("{ title: 'precious' }");
            created = await alice.ChangeAsync(created.DocumentId, "d.title = 'edited'", times: 20);
            await alice.UntilAcknowledgedAsync(created.DocumentId);
        }

        await using JsRepo aliceAgain = await stage.OpenAsync(server: empty, storage: Storage);
        await aliceAgain.GetAsync(created.DocumentId);
        await aliceAgain.UntilAcknowledgedAsync(created.DocumentId);
        await using JsRepo bob = await stage.OpenAsync(server: empty);
        Assert.True((await bob.GetAsync(created.DocumentId)).SameAs(created));
    }

    [Fact]
    public async Task Fifty_clients_come_back_together_after_a_restart()
    {
        await using TestServer server = await TestServer.StartAsync();
        JsRepo[] clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => stage.OpenAsync(server: server)));
        string id = (await clients[0].CreateAsync("{ from: {} }")).DocumentId;
        await clients[0].UntilAcknowledgedAsync(id);
        await Task.WhenAll(clients[1..].Select(client => client.GetAsync(id)));
        await server.StopAsync();
        await Task.WhenAll(clients.Select(client => client.UntilConnectedAsync(false)));
        Seen[] edited = await Task.WhenAll(clients.Select((client, n) => client.ChangeAsync(id, $"d.from['c{n}'] = {n}")));

        await server.StartAgainAsync();

        string[] all = [.. edited.SelectMany(seen => seen.Heads)];
        Seen[] seen = await Task.WhenAll(clients.Select(client => client.UntilHasAsync(id, all)));
        Assert.All(seen, document => Assert.Equal(50, document.Value!["from"]!.AsObject().Count));
        foreach (JsRepo client in clients) await client.DisposeAsync();
    }

    /// <summary>Two tabs that share one peer id, as a browser's "duplicate tab" makes them: the newer one is served, the older one's socket ends.</summary>
    [Fact]
    public async Task Second_connection_with_the_same_peer_id_replaces_the_first()
    {
        await using JsRepo author = await stage.OpenAsync();
        string id = (await author.CreateAsync("{ n: 0 }")).DocumentId;
        await author.UntilAcknowledgedAsync(id);
        string peerId = $"tab-{Guid.NewGuid():N}";
        await using JsRepo first = await stage.OpenAsync(peerId: peerId);
        await first.GetAsync(id);

        await using JsRepo second = await stage.OpenAsync(peerId: peerId);
        await first.UntilConnectedAsync(false);
        await first.DisconnectAsync(); // else its adapter would come back and the two would take turns for ever
        await second.GetAsync(id);

        Seen edited = await author.ChangeAsync(id, "d.n = 1");
        await second.UntilHasAsync(id, edited.Heads);
        await second.DisconnectAsync();
        await first.ConnectAsync();
        Seen caughtUp = await first.UntilHasAsync(id, edited.Heads);
        Assert.True(caughtUp.SameAs(edited));
    }
}
