using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Shards;

/// <summary>Messages that arrive together are dealt with together, and nobody waits for one who does not come.</summary>
public sealed class BatchTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("batch"), Other = TestServer.Document("beside");

    private readonly TestServer _server = new(manualCommit: true, shards: 2);
    private readonly TestPeer _ann, _bob;

    public BatchTests()
    {
        (_ann, _bob) = (_server.Connect("ann"), _server.Connect("bob"));
        foreach (DocumentId id in (DocumentId[])[Doc, Other])
        {
            _ann.Open(id);
            _ann.Edit(id, "first");
            Commit();
            _bob.Open(id);
            Settle();
        }

        _bob.Heard.Clear();
    }

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Edits_that_arrive_together_are_stored_and_told_together()
    {
        for (int i = 0; i < 12; i++) _ann.SayChanges(Doc, _ann[Doc].Edit($"edit {i}"));
        Give(12);
        Assert.InRange(_server.Store.WaitingCount, 1, 4);      // one for each piece of memory that they lie in
        _bob.Listen();
        Assert.Equal(13, _bob[Doc].Graph.Count);
        Assert.Single(_bob.Heard, m => m.Kind == MessageKind.Sync);
        Commit();
    }

    [Fact]
    public void Documents_of_different_shards_are_all_dealt_with_in_order()
    {
        DocumentId[] documents = [Doc, .. Enumerable.Range(0, 20).Select(i => TestServer.Document($"shard {i}"))];
        foreach (DocumentId id in documents[1..]) _ann.Open(id);
        Settle();
        for (int i = 0; i < 60; i++)
        {
            DocumentId id = documents[i % documents.Length];
            _ann.SayChanges(id, _ann[id].Edit($"edit {i}"));
        }

        Give(60);
        Commit();
        Assert.Equal(60, documents.Sum(id => _server.StoredChanges(id).Count) - 1);
    }

    [Fact]
    public void More_than_a_sender_may_have_waiting_is_dealt_with_on_the_way()
    {
        for (int i = 0; i < 1_000; i++) _ann.SayEphemeral(Doc, [1]);
        Give(1_000);
        _bob.Listen();
        Assert.Equal(1_000, _bob.Heard.Count(m => m.Kind == MessageKind.Ephemeral));
    }

    [Fact]
    public void What_others_send_meanwhile_is_dealt_with_too()
    {
        _ann.SayChanges(Doc, _ann[Doc].Edit("one"));
        _bob.SayChanges(Doc, _bob[Doc].Edit("two"));
        _ann.Session!.BeginBatch();
        Give(_ann);
        Give(_bob);
        Assert.Equal(0, _server.Store.WaitingCount);

        _ann.Session.EndBatch();
        Commit();
        Assert.Equal(3, _server.StoredChanges(Doc).Count);
        Assert.Equal(3, _bob[Doc].Graph.Count);
    }

    [Fact]
    public void After_a_batch_a_message_is_dealt_with_at_once()
    {
        Give(0);
        _ann.SayChanges(Doc, _ann[Doc].Edit("one"));
        Give(_ann);
        Assert.Equal(1, _server.Store.WaitingCount);
        Commit();
    }

    [Fact]
    public void Where_threads_defer_what_several_send_is_stored_and_told_together()
    {
        _server.Scheduler.Defers = true;
        for (int i = 0; i < 5; i++) _ann.SayChanges(Doc, _ann[Doc].Edit($"edit {i}"));
        _bob.SayEphemeral(Doc, [1]);
        for (int i = 0; i < 5; i++) Give(_ann);
        Give(_bob);
        Assert.Equal(1, _server.Scheduler.Count);
        Assert.Equal(0, _server.Store.WaitingCount);

        Assert.True(_server.Scheduler.RunOne());
        Assert.InRange(_server.Store.WaitingCount, 1, 4);
        _bob.Listen();
        Assert.Single(_bob.Heard, m => m.Kind == MessageKind.Sync);
        Commit();
        Assert.Equal(6, _server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void What_is_deferred_is_dealt_with_when_a_sender_has_no_room_left()
    {
        _server.Scheduler.Defers = true;
        for (int i = 0; i < 100; i++) _ann.SayEphemeral(Doc, [1]);
        for (int i = 0; i < 100; i++) Give(_ann);
        _bob.Listen();
        Assert.InRange(_bob.Heard.Count(m => m.Kind == MessageKind.Ephemeral), 80, 99);
        Settle();
        Assert.Equal(100, _bob.Heard.Count(m => m.Kind == MessageKind.Ephemeral));
    }

    [Fact]
    public void What_is_deferred_is_dealt_with_when_enough_has_gathered()
    {
        _server.Scheduler.Defers = true;
        TestPeer[] many = [.. Enumerable.Range(0, 64).Select(i => _server.Connect($"peer {i}"))];
        foreach (TestPeer peer in many)
        {
            peer.Open(Doc);
            Settle();
        }

        foreach (TestPeer peer in many) peer.SayEphemeral(Doc, [1]);
        foreach (TestPeer peer in many[..63]) Give(peer);
        Assert.Equal(1, _server.Scheduler.Count);
        Give(many[63]);
        Assert.Equal(0, _server.Scheduler.Count);
        _bob.Listen();
        Assert.Equal(64, _bob.Heard.Count(m => m.Kind == MessageKind.Ephemeral));
    }

    [Fact]
    public void What_takes_long_is_not_deferred()
    {
        _server.Scheduler.Defers = true;
        _ann.SayEphemeral(Doc, [0x59, 0x23, 0x28, .. new byte[0x2328]]);          // a CBOR byte string of 9,000
        Give(_ann);
        _bob.Listen();
        Assert.Single(_bob.Heard, m => m.Kind == MessageKind.Ephemeral);
    }

    // As Transport does when it finds several messages in what it has read.
    private void Give(int count)
    {
        _ann.Session!.BeginBatch();
        for (int i = 0; i < count; i++) Give(_ann);
        _ann.Session.EndBatch();
    }

    private static void Give(TestPeer peer) => Assert.True(peer.Session!.ReceiveAsync(peer.Outbox.Dequeue()).AsTask().IsCompletedSuccessfully);

    private void Settle() => _server.Settle();

    private void Commit()
    {
        Settle();
        _server.Commit();
        Settle();
    }
}
