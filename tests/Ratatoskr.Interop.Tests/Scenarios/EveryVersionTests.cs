using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>What must work with every client version, and between any two of them.</summary>
public class EveryVersionTests(Stage stage)
{
    public static TheoryData<string> All => [.. Versions.All];

    public static MatrixTheoryData<string, string> Pairs => new(Versions.All, Versions.All);

    [Theory]
    [MemberData(nameof(Pairs))]
    public async Task Document_of_one_is_found_by_another_and_edits_go_both_ways(string author, string reader)
    {
        await using JsRepo alice = await stage.OpenAsync(author);
        await using JsRepo bob = await stage.OpenAsync(reader);
        Seen created = await alice.CreateAsync("{ title: 'hello', items: ['a'], count: new A.Counter(1) }");
        await alice.UntilAcknowledgedAsync(created.DocumentId);

        Seen found = await bob.GetAsync(created.DocumentId);
        Assert.Equal("hello", (string?)found.Value!["title"]);

        Seen fromBob = await bob.ChangeAsync(created.DocumentId, "d.items.push('b'); d.count.increment(2)");
        Seen atAlice = await alice.UntilHasAsync(created.DocumentId, fromBob.Heads);
        Assert.True(atAlice.SameAs(fromBob));

        Seen fromAlice = await alice.ChangeAsync(created.DocumentId, "A.splice(d, ['title'], 5, 0, ' world')");
        Seen atBob = await bob.UntilHasAsync(created.DocumentId, fromAlice.Heads);
        Assert.True(atBob.SameAs(fromAlice));
        Assert.Equal("hello world", (string?)atBob.Value!["title"]);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Unknown_document_is_unavailable(string version)
    {
        await using JsRepo alice = await stage.OpenAsync(version);

        Found found = await alice.FindAsync(DocumentIds.New());

        Assert.Equal("unavailable", found.State);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Document_that_turns_up_later_reaches_the_one_who_asked_too_early(string version)
    {
        await using JsRepo author = await stage.OpenAsync(version);
        await using JsRepo early = await stage.OpenAsync(version);
        await author.DisconnectAsync();
        Seen created = await author.CreateAsync("{ title: 'late' }");
        Found before = await early.FindAsync(created.DocumentId);
        Assert.Equal("unavailable", before.State);

        await author.ConnectAsync();

        Seen seen = await early.UntilReadyAsync(created.DocumentId);
        seen = await early.UntilHasAsync(created.DocumentId, created.Heads);
        Assert.True(seen.SameAs(created));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Ephemeral_messages_arrive_once_each_in_order_and_never_at_their_author(string version)
    {
        await using JsRepo alice = await stage.OpenAsync(version);
        await using JsRepo bob = await stage.OpenAsync(version);
        string id = (await alice.CreateAsync("{ n: 0 }")).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await bob.GetAsync(id);

        await alice.BroadcastAsync(id, "a1", "a2", "a3");
        await bob.UntilEphemeralAsync(id, "a3");
        await bob.BroadcastAsync(id, "b1", "b2"); // after Bob's client echoed Alice's messages: an echo let through would be at Alice's first
        await alice.UntilEphemeralAsync(id, "b2");
        await alice.BroadcastAsync(id, "end");

        Assert.Equal([new(alice.PeerId, "a1"), new(alice.PeerId, "a2"), new(alice.PeerId, "a3"), new(alice.PeerId, "end")], await bob.UntilEphemeralAsync(id, "end"));
        Assert.Equal([new(bob.PeerId, "b1"), new(bob.PeerId, "b2")], await alice.UntilEphemeralAsync(id, "b2"));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task Edits_made_while_the_server_was_away_arrive_when_it_is_back(string version)
    {
        await using TestServer server = await TestServer.StartAsync();
        await using JsRepo alice = await stage.OpenAsync(version, server, storage: $"alice-{server.Port}");
        await using JsRepo bob = await stage.OpenAsync(version, server, storage: $"bob-{server.Port}");
        string id = (await alice.CreateAsync("{ list: ['start'] }")).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await bob.GetAsync(id);

        await server.StopAsync();
        await alice.UntilConnectedAsync(false);
        await bob.UntilConnectedAsync(false);
        Seen fromAlice = await alice.ChangeAsync(id, "d.list.push('alice, offline')");
        Seen fromBob = await bob.ChangeAsync(id, "d.list.push('bob, offline')");
        await server.StartAgainAsync();

        Seen atAlice = await alice.UntilHasAsync(id, fromBob.Heads);
        Seen atBob = await bob.UntilHasAsync(id, fromAlice.Heads);
        Assert.True(atAlice.SameAs(atBob));
        Assert.Equal(3, atAlice.Value!["list"]!.AsArray().Count);
    }
}
