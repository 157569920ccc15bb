using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>Promise 7: every find settles; and whoever was told "unavailable" hears of the document when it turns up.</summary>
public sealed class UnavailableTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("unavailable");

    private readonly TestServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Unknown_document_is_unavailable_at_once_and_nothing_is_stored()
    {
        TestPeer ann = _server.Connect("ann");
        ann.Open(Doc);
        _server.Settle();

        Assert.Equal([MessageKind.Peer, MessageKind.DocUnavailable], ann.Heard.Select(m => m.Kind));
        Assert.Empty(_server.StoredChanges(Doc));
    }

    [Fact]
    public void Asked_twice_it_is_answered_twice()
    {
        TestPeer ann = _server.Connect("ann");
        ann.Open(Doc);
        ann.SayHeads(Doc);
        _server.Settle();
        Assert.Equal(2, ann.Unavailables);
    }

    [Fact]
    public void Document_that_turns_up_later_reaches_who_asked()
    {
        TestPeer ann = _server.Connect("ann");
        ann.Open(Doc);
        _server.Settle();
        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        bob.Edit(Doc, "here");
        _server.Settle();

        Assert.Equal(1, ann[Doc].Graph.Count);
    }

    [Fact]
    public void Who_asks_while_another_has_announced_it_waits_and_gets_it()
    {
        // Captures, F: the announcement comes first, the content later; the reference server never answers the second peer.
        TestPeer bob = _server.Connect("bob"), ann = _server.Connect("ann");
        bob.Documents[Doc] = new PeerDocument(Doc, new([1]));
        bob[Doc].Edit("", operations: 0);
        bob.Open(Doc);
        _server.CarryOneWithoutWork(bob);                    // the heads; the content has not been asked for yet
        _server.Scheduler.RunAll();
        ann.Open(Doc);
        _server.Carry(ann);
        Assert.Empty(ann.Connection.Sent);

        _server.Settle();
        Assert.Equal(0, ann.Unavailables);
        Assert.Equal(1, ann[Doc].Graph.Count);
    }

    [Fact]
    public void When_the_only_provider_leaves_the_waiting_are_told()
    {
        TestPeer ann = Waiting(out TestPeer bob);
        bob.Disconnect();
        _server.Settle();
        Assert.Equal(1, ann.Unavailables);
    }

    [Fact]
    public void When_the_only_provider_says_unavailable_the_waiting_are_told()
    {
        TestPeer ann = Waiting(out TestPeer bob);
        bob.SayUnavailable(Doc);
        _server.Carry(bob);
        ann.Listen();
        Assert.Equal(1, ann.Unavailables);
    }

    [Fact]
    public void When_the_provider_never_delivers_the_waiting_are_told_after_the_time_out_and_once()
    {
        TestPeer ann = Waiting(out _);
        _server.Tick(9);
        ann.Listen();
        Assert.Equal(0, ann.Unavailables);
        _server.Tick(30);
        ann.Listen();
        Assert.Equal(1, ann.Unavailables);
    }

    // Ann has asked; Bob has announced heads and not delivered.
    private TestPeer Waiting(out TestPeer bob)
    {
        bob = _server.Connect("bob");
        TestPeer ann = _server.Connect("ann");
        bob.Documents[Doc] = new PeerDocument(Doc, new([1]));
        bob[Doc].Edit("never delivered");
        bob.Open(Doc);
        _server.Carry(bob);
        bob.Connection.IsWritable = false;
        ann.Open(Doc);
        _server.Carry(ann);
        ann.Listen();
        Assert.Equal(0, ann.Unavailables);
        return ann;
    }
}
