using Automerge.Sync;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Documents;

public sealed class RelayTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("relay");

    private readonly TestServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public void New_document_reaches_the_store_and_a_second_peer()
    {
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob");
        ann.Open(Doc).Edit("first");
        ann.Edit(Doc, "second");
        _server.Settle();
        bob.Open(Doc);
        _server.Settle();

        Assert.True(bob[Doc].Graph.Heads.SequenceEqual(ann[Doc].Graph.Heads));
        Assert.Equal(2, bob[Doc].Graph.Count);
        Assert.Equal(2, _server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Edit_is_sent_to_the_others_in_the_turn_it_arrives_in()
    {
        (TestPeer ann, TestPeer bob) = TwoInStep();

        byte[] change = ann.Edit(Doc, "typed");
        _server.CarryOneWithoutWork(ann);                    // no scheduled work runs: only the caller's own turn

        ServerMessage relayed = new(Assert.Single(bob.Connection.Sent));
        Assert.Equal(change, Assert.Single(relayed.Changes));
        Assert.Equal("bob", relayed.TargetId);
        Assert.Equal(0, bob.Connection.Unflushed);
    }

    [Fact]
    public void Peers_in_step_are_silent_and_an_edit_costs_one_message_each_way()
    {
        (TestPeer ann, TestPeer bob) = TwoInStep();
        ann.Heard.Clear();
        bob.Heard.Clear();

        ann.Edit(Doc, "typed");
        _server.Settle();

        Assert.Empty(Assert.Single(ann.Heard).Changes);      // the acknowledgement
        Assert.Single(Assert.Single(bob.Heard).Changes);     // the edit; bob's own acknowledgement is not answered
    }

    [Fact]
    public void Concurrent_edits_of_many_peers_meet_everywhere()
    {
        TestPeer[] peers = [.. Enumerable.Range(0, 6).Select(i => _server.Connect($"peer{i}", speaksV1Only: i % 3 == 2))];
        foreach (TestPeer peer in peers) peer.Open(Doc);
        for (int i = 0; i < 10; i++)
        {
            foreach (TestPeer peer in peers) peer.Edit(Doc, $"{peer.Name} {i}");
            if (i % 3 == 0) _server.Settle();
        }

        _server.Settle();
        Assert.All(peers, p => Assert.Equal(60, p[Doc].Graph.Count));
        Assert.All(peers, p => Assert.True(p[Doc].Graph.Heads.SequenceEqual(peers[0][Doc].Graph.Heads)));
        Assert.Equal(60, _server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Frames_in_the_name_of_another_peer_are_dropped()
    {
        (TestPeer ann, TestPeer bob) = TwoInStep();
        byte[] forged = PeerDocument.Make(ann[Doc].Graph, new Automerge.Changes.ActorId([1, 2, 3]), "forged", 1, out _);
        System.Buffers.ArrayBufferWriter<byte> data = new();
        SyncMessageWriter writer = new(data);
        writer.WriteVersion(SyncVersion.V2);
        writer.WriteHashes([]);
        writer.WriteHashes([]);
        writer.WriteCount(0);
        writer.WriteCount(1);
        writer.WriteEntry(forged);
        bob.SaySync(Doc, data.WrittenSpan, from: "ann");
        bob.SayEphemeral(Doc, [1], from: "ann");             // how 2.x clients echo what they were sent
        ann.Heard.Clear();
        _server.Settle();

        Assert.Empty(ann.Heard);
        Assert.Single(_server.StoredChanges(Doc));
    }

    [Fact]
    public void Document_whose_only_change_is_empty_reaches_who_asked_for_it()
    {
        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        _server.Settle();
        Assert.True(bob[Doc].IsUnavailable);

        TestPeer ann = _server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "", operations: 0);
        _server.Settle();

        Assert.False(bob[Doc].IsUnavailable);
        Assert.Equal(1, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Queued_orphan_is_relayed_when_its_dependency_arrives()
    {
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob"), cat = _server.Connect("cat");
        PeerDocument source = new(Doc, new Automerge.Changes.ActorId([7]));
        byte[] first = source.Edit("first"), second = source.Edit("second"), third = source.Edit("third");
        cat.Open(Doc);
        ann.SayChanges(Doc, third, second);
        _server.Settle();
        Assert.Empty(_server.StoredChanges(Doc));

        bob.SayChanges(Doc, first);
        _server.Settle();

        Assert.Equal(3, _server.StoredChanges(Doc).Count);
        Assert.Equal(3, cat[Doc].Graph.Count);
    }

    [Fact]
    public void Damaged_sync_message_is_answered_with_an_error_and_the_document_carries_on()
    {
        (TestPeer ann, TestPeer bob) = TwoInStep();
        ann.SaySync(Doc, [0x43, 0xff, 0xff]);
        _server.Settle();
        ServerMessage answer = ann.Heard[^1];
        Assert.Equal(MessageKind.Error, answer.Kind);
        Assert.Equal("invalid_sync_message", answer.ErrorCode);

        ann.Edit(Doc, "after");
        _server.Settle();
        Assert.Equal(2, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Document_id_that_is_not_base58check_is_refused()
    {
        TestPeer ann = _server.Connect("ann");
        ann.SaySync(DocumentId.FromTrusted("notAnIdAtAll"u8), [0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84], request: true);
        _server.Settle();
        Assert.Equal("invalid_document_id", ann.Heard[^1].ErrorCode);
    }

    [Fact]
    public void Reconnecting_with_kept_state_takes_one_message_each_way()
    {
        (TestPeer ann, _) = TwoInStep();
        ann.Disconnect();
        _server.Connect(ann);

        Assert.Equal([MessageKind.Peer, MessageKind.Sync], ann.Heard.Select(m => m.Kind));
        Assert.Empty(ann.Heard[1].Changes);
    }

    private (TestPeer Ann, TestPeer Bob) TwoInStep()
    {
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        ann.Edit(Doc, "first");
        _server.Settle();
        return (ann, bob);
    }
}
