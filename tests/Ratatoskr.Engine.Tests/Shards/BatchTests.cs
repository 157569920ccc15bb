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
