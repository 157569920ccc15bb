using Ratatoskr.Interop.Tests.Clients;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>Remote-heads gossip: "is it on my other device?", asked through the server.</summary>
public class GossipTests(Stage stage)
{
    [Fact]
    public async Task Client_hears_what_another_clients_storage_holds()
    {
        string unique = Guid.NewGuid().ToString("N");
        await using JsRepo alice = await stage.OpenAsync(storage: "gossip-alice-" + unique, gossip: true);
        await using JsRepo bob = await stage.OpenAsync(storage: "gossip-bob-" + unique, gossip: true);
        string id = (await alice.CreateAsync("{ n: 0 }")).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await alice.SubscribeToRemotesAsync(bob.StorageId!);

        await bob.GetAsync(id);
        await alice.UntilRemoteHeadsAsync(id, bob);
        await bob.ChangeAsync(id, "d.n = 1");
        await alice.UntilRemoteHeadsAsync(id, bob);
        Seen last = await bob.ChangeAsync(id, "d.n = d.n + 1", times: 10);
        await alice.UntilHasAsync(id, last.Heads);
        await alice.UntilRemoteHeadsAsync(id, bob);
    }

    [Fact]
    public async Task Heads_known_before_the_subscription_are_told_at_once()
    {
        string unique = Guid.NewGuid().ToString("N");
        await using JsRepo bob = await stage.OpenAsync(storage: "gossip-bob-" + unique, gossip: true);
        string id = (await bob.CreateAsync("{ n: 0 }")).DocumentId;
        await bob.UntilAcknowledgedAsync(id);

        await using JsRepo alice = await stage.OpenAsync(storage: "gossip-alice-" + unique, gossip: true);
        await alice.GetAsync(id);
        await alice.SubscribeToRemotesAsync(bob.StorageId!);

        await alice.UntilRemoteHeadsAsync(id, bob);
    }
}
