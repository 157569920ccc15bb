using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Documents;

public sealed class PersistentPeerTests
{
    private static readonly DocumentId Doc = TestServer.Document("persistent");

    [Fact]
    public void State_of_a_persistent_peer_is_saved_and_spares_the_filter_after_a_restart()
    {
        using TestServer server = new();
        TestPeer ann = server.Connect("ann", storageId: "ann-store");
        ann.Open(Doc);
        for (int i = 0; i < 20; i++) ann.Edit(Doc, $"{i}");
        server.Settle();
        ann.Disconnect();
        server.Scheduler.RunAll();
        Assert.False(State(server, "ann-store").IsEmpty);

        using TestServer next = new(kept: server.Store);
        next.Connect(ann);
        next.Settle();
        Assert.Equal(2, ann.Heard.Count);                      // the welcome and one answer: two frames and done
        Assert.Empty(ann.Heard[1].Changes);
    }

    [Fact]
    public void State_of_an_ephemeral_peer_is_not_kept()
    {
        using TestServer server = new();
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "x");
        server.Settle();
        ann.Disconnect();
        server.Tick(2);
        Assert.True(State(server, "").IsEmpty);
    }

    [Fact]
    public async Task Stale_state_heals()
    {
        // The server was restored from an older backup: its store lacks what the saved state says both have.
        using TestServer server = new();
        TestPeer ann = server.Connect("ann", storageId: "ann-store");
        ann.Open(Doc);
        ann.Edit(Doc, "one");
        server.Settle();
        ann.Edit(Doc, "two");
        server.Settle();
        ann.Disconnect();
        ReadOnlyMemory<byte> state = State(server, "ann-store");

        using TestServer restored = new();
        TestPeer bob = restored.Connect("bob");
        bob.Open(Doc);
        bob.SayChanges(Doc, server.Stored(Doc)[0]);
        restored.Settle();
        await restored.Store.SaveSyncStateAsync(Doc, "ann-store"u8.ToArray(), state, CancellationToken.None);
        restored.Connect(ann);
        restored.Settle();
        Assert.Equal(2, restored.StoredChanges(Doc).Count);
    }

    private static ReadOnlyMemory<byte> State(TestServer server, string storageId) =>
        server.Store.LoadSyncStateAsync(Doc, System.Text.Encoding.UTF8.GetBytes(storageId), CancellationToken.None).AsTask().GetAwaiter().GetResult();
}
