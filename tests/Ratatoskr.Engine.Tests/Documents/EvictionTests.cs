using Automerge.Changes;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>Promise 5: memory is a setting.</summary>
public sealed class EvictionTests
{
    private static readonly EngineLimits Tight = new() { MemoryBudgetBytes = 20_000 };
    private static readonly DocumentId Doc = TestServer.Document("evicted");

    [Fact]
    public void Evicted_document_with_open_links_is_loaded_for_the_next_edit_and_relayed()
    {
        using HookedServer server = new(Tight);
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        ann.Edit(Doc, "first");
        server.Settle();
        SlowReaderTests.Evict(server.Inner, ann);
        int loads = server.Store.Loads;

        bob.Edit(Doc, "second");
        server.Settle();

        Assert.Equal(loads + 1, server.Store.Loads);
        Assert.Equal(2, ann[Doc].Graph.Count);
        Assert.Equal(2, server.Inner.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Small_document_in_use_stays_when_only_what_cannot_go_is_too_large()
    {
        using TestServer server = new(Tight, manualCommit: true);
        TestPeer ann = server.Connect("ann");
        DocumentId large = TestServer.Document("large");
        ann.Open(Doc);
        ann.Open(large);
        ann.Edit(Doc, "small");
        server.Settle();
        server.Commit();
        server.Settle();
        server.Time.Advance(5);

        ann.Edit(large, new string('z', 40_000));              // and it is not committed
        server.Settle();
        Assert.NotNull(server.Engine.ContentOf(large));
        Assert.NotNull(server.Engine.ContentOf(Doc)?.Operations);
    }

    [Fact]
    public void Of_documents_in_use_the_largest_goes_first()
    {
        using TestServer server = new(Tight);
        TestPeer ann = server.Connect("ann");
        DocumentId large = TestServer.Document("large"), next = TestServer.Document("next");
        foreach ((DocumentId id, int length) in ((DocumentId, int)[])[(Doc, 100), (large, 12_000), (next, 12_000)])
        {
            ann.Open(id);
            ann.Edit(id, new string('z', length));
            server.Settle();
            server.Time.Advance(5);
        }

        Assert.Null(server.Engine.ContentOf(large));
        Assert.NotNull(server.Engine.ContentOf(Doc));
    }

    [Fact]
    public void Many_documents_under_a_tight_budget_all_stay_right()
    {
        using TestServer server = new(new EngineLimits { MemoryBudgetBytes = 60_000 });
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        DocumentId[] ids = [.. Enumerable.Range(0, 20).Select(i => TestServer.Document($"doc {i}"))];
        foreach (DocumentId id in ids)
        {
            ann.Open(id);
            bob.Open(id);
        }

        for (int round = 0; round < 5; round++)
        {
            foreach (DocumentId id in ids)
            {
                (round % 2 == 0 ? ann : bob).Edit(id, new string('z', 2_000));
                server.Time.Advance(7);
            }

            server.Settle();
        }

        Assert.All(ids, id => Assert.Equal(5, bob[id].Graph.Count));
        Assert.All(ids, id => Assert.True(ann[id].Graph.Heads.SequenceEqual(bob[id].Graph.Heads)));
    }

    [Fact]
    public void Queued_orphans_do_not_pin_a_document_and_their_sender_is_asked_again()
    {
        using TestServer server = new(Tight);
        TestPeer ann = server.Connect("ann"), eve = server.Connect("eve");
        ann.Open(Doc);
        ann.Edit(Doc, "base");
        server.Settle();
        PeerDocument lost = eve.Open(Doc);
        server.Settle();
        byte[] dependency = PeerDocument.Make(ann[Doc].Graph, new ActorId([5]), "dependency", 1, out _);
        lost.Apply(dependency);
        lost.Edit("orphan");
        eve.SayChanges(Doc, lost.LastChange);
        server.Carry(eve);
        eve.Connection.Sent.Clear();
        SlowReaderTests.Evict(server, ann);

        server.Settle();
        ann.Edit(Doc, "next");
        server.Settle();
        Assert.Equal(4, server.StoredChanges(Doc).Count);
        Assert.Equal(4, ann[Doc].Graph.Count);
    }

    [Fact]
    public void Session_that_brings_orphans_without_end_gets_them_dropped_and_again_after_a_while()
    {
        const int Documents = 40;
        using TestServer server = new(new EngineLimits { QueueBytesPerSession = 4_000, IdleDocumentMs = 600_000 });
        TestPeer eve = server.Connect("eve"), ann = server.Connect("ann");
        Assert.InRange(Orphans(eve, 0), 5, 15);
        Assert.Equal(1, Orphans(ann, Documents, count: 1));             // hers is another session
        server.Tick(16);
        Assert.InRange(Orphans(eve, 2 * Documents), 5, 15);

        int Orphans(TestPeer peer, int from, int count = Documents)
        {
            int queued = 0;
            for (int i = from; i < from + count; i++)
            {
                DocumentId id = TestServer.Document($"orphans {i}");
                ChangeGraph elsewhere = new(1);
                byte[] dependency = PeerDocument.Make(elsewhere, new ActorId([5]), "dependency", 1, out _);
                PeerDocument lost = new(id, new ActorId([6]));
                lost.Apply(dependency);
                lost.Edit("orphan");
                peer.SayChanges(id, lost.LastChange);
                server.Carry(peer);
                queued += server.Engine.ContentOf(id)?.Queue?.Count ?? 0;
            }

            return queued;
        }
    }

    [Fact]
    public void Document_without_peers_is_forgotten_after_a_while_and_comes_back()
    {
        using HookedServer server = new(new EngineLimits());
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "kept");
        server.Settle();
        ann.Disconnect();
        server.Inner.Tick(120);
        int loads = server.Store.Loads;

        TestPeer bob = server.Connect("bob");
        bob.Open(Doc);
        server.Settle();
        Assert.Equal(loads + 1, server.Store.Loads);
        Assert.Equal(1, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Messages_that_wait_for_content_and_stored_state_are_taken_in_order()
    {
        using HookedServer server = new(new EngineLimits());
        TestPeer ann = server.Connect("ann", storageId: "ann-store");
        ann.Open(Doc);
        ann.Edit(Doc, "one");
        server.Settle();
        ann.Disconnect();
        server.Inner.Tick(120);

        server.Store.HoldsLoads = true;
        server.Store.HoldsStates = true;
        ann.Documents.Clear();
        server.Connect(ann);
        byte[][] chunks = [.. Enumerable.Range(1, 4).Select(i => PeerDocument.Make(new ChangeGraph(1), new ActorId([(byte)i]), "independent", 1, out _))];
        foreach (byte[] chunk in chunks)
        {
            ann.SayChanges(Doc, chunk);
            server.Inner.Carry(ann);
        }

        for (int i = 0; i < 3; i++)
        {
            server.Store.ReleaseHeld();                        // the content; then the stored state, for which the first message waits again
            server.Inner.Scheduler.RunAll();
        }

        server.Settle();
        Assert.Equal(chunks.SelectMany(c => c), server.Inner.Stored(Doc).Skip(1).SelectMany(c => c));
    }

    [Fact]
    public void Failed_load_is_told_and_tried_again_and_nothing_is_lost()
    {
        using HookedServer server = new(new EngineLimits());
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "one");
        server.Settle();
        ann.Disconnect();
        server.Inner.Tick(120);

        server.Store.FailsLoads = true;
        server.Connect(ann);
        ann.Edit(Doc, "two");
        server.Settle();
        Assert.True(ann.Unavailables > 0);
        int loads = server.Store.Loads;
        for (int i = 0; i < 60; i++) server.Inner.Tick();
        Assert.InRange(server.Store.Loads - loads, 3, 8);     // 1, 2, 4 … seconds apart

        server.Store.FailsLoads = false;
        server.Inner.Tick(300);
        server.Settle();
        Assert.Equal(2, server.Inner.StoredChanges(Doc).Count);
    }
}
