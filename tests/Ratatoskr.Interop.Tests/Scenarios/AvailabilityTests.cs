using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>Nothing waits for ever: a document comes, or the client is told that it does not.</summary>
public class AvailabilityTests(Stage stage)
{
    [Fact]
    public async Task Many_unknown_documents_are_all_refused()
    {
        await using JsRepo alice = await stage.OpenAsync();

        (string DocumentId, string State, string[] Heads)[] found = await alice.FindManyAsync(Enumerable.Range(0, 50).Select(_ => DocumentIds.New()));

        Assert.All(found, document => Assert.Equal("unavailable", document.State));
    }

    [Fact]
    public async Task Document_with_no_value_is_found()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        Seen created = await alice.CreateAsync(null);
        await alice.UntilAcknowledgedAsync(created.DocumentId);

        Seen found = await bob.GetAsync(created.DocumentId);

        Assert.True(found.SameAs(created));
    }

    /// <summary>The reference server never tells the one who asked a moment too early: it acts on changed content, and an empty change has none.</summary>
    [Fact]
    public async Task Document_with_no_value_reaches_the_one_who_asked_a_moment_too_early()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        await alice.DisconnectAsync();
        Seen created = await alice.CreateAsync(null);
        Assert.Equal("unavailable", (await bob.FindAsync(created.DocumentId)).State);

        await alice.ConnectAsync();

        await bob.UntilReadyAsync(created.DocumentId);
        Seen seen = await bob.UntilHasAsync(created.DocumentId, created.Heads);
        Assert.True(seen.SameAs(created));
    }

    [Fact]
    public async Task Documents_made_and_asked_for_in_the_same_moment_all_arrive()
    {
        await using JsRepo alice = await stage.OpenAsync();
        await using JsRepo bob = await stage.OpenAsync();
        for (int round = 0; round < 30; round++)
        {
            Seen created = await alice.CreateAsync(round % 2 == 0 ? null : "{ a: 1 }");
            await bob.UntilReadyAsync(created.DocumentId); // races the announcement
            await bob.UntilHasAsync(created.DocumentId, created.Heads);
        }
    }

    [Fact]
    public async Task Document_of_a_client_that_left_is_found()
    {
        await using TestServer server = await TestServer.StartAsync();
        Seen created;
        await using (JsRepo alice = await stage.OpenAsync(server: server))
        {
            created = await alice.CreateAsync("{ title: 'left behind' }");
            await alice.UntilAcknowledgedAsync(created.DocumentId);
        }

        await using JsRepo bob = await stage.OpenAsync(server: server);
        Assert.True((await bob.GetAsync(created.DocumentId)).SameAs(created));
    }
}
