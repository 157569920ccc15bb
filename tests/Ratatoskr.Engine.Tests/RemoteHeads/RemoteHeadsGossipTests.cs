using System.Text;
using Automerge.Changes;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.RemoteHeads;

/// <summary>Captures, D: who follows a store hears what it has of the documents it has open itself.</summary>
public sealed class RemoteHeadsGossipTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("gossip");

    private readonly TestServer _server = new();
    private readonly TestPeer _ann, _bob;

    public RemoteHeadsGossipTests()
    {
        _ann = _server.Connect("ann");
        _bob = _server.Connect("bob", storageId: "bob-store");
        _ann.Open(Doc);
        _ann.Edit(Doc, "first");
        _server.Settle();
    }

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Follower_hears_of_each_step_of_the_other_store()
    {
        Follow(_ann, "bob-store");
        _bob.Open(Doc);
        _server.Settle();
        Assert.Equal([], News(_ann)[0].Heads);                 // Bob asks
        Assert.Equal([Text(_ann[Doc].Graph.Heads[0])], News(_ann)[^1].Heads);

        _bob.Edit(Doc, "second");
        _server.Settle();
        Assert.Equal([Text(_bob[Doc].Graph.Heads[0])], News(_ann)[^1].Heads);

        double[] times = [.. News(_ann).Select(n => n.Timestamp)];
        Assert.Equal(times.Order(), times);
        Assert.Equal(times.Length, times.Distinct().Count());  // strictly newer, also within one millisecond: others drop the rest
        Assert.InRange(times[0], _server.Time.NowMs, _server.Time.NowMs + 10);
    }

    [Fact]
    public void What_is_known_already_is_told_at_once()
    {
        _bob.Open(Doc);
        _server.Settle();
        Follow(_ann, "bob-store");
        Assert.Equal([Text(_bob[Doc].Graph.Heads[0])], Assert.Single(News(_ann)).Heads);
    }

    [Fact]
    public void Who_opens_a_document_later_is_told_then()
    {
        _bob.Open(Doc);
        TestPeer cat = _server.Connect("cat");
        Follow(cat, "bob-store");
        Assert.Empty(News(cat));
        cat.Open(Doc);
        _server.Settle();
        Assert.Single(News(cat));
    }

    [Fact]
    public void Who_has_stopped_following_hears_no_more()
    {
        Follow(_ann, "bob-store");
        Follow(_ann, "bob-store", remove: true);
        _bob.Open(Doc);
        _server.Settle();
        Assert.Empty(News(_ann));
    }

    [Fact]
    public void News_from_a_third_party_are_passed_on_unchanged_and_only_if_newer()
    {
        TestPeer relay = _server.Connect("relay");
        relay.Open(Doc);
        Follow(_ann, "far-store");
        SayNews(relay, "far-store", "h1", 1_000);
        SayNews(relay, "far-store", "h0", 999);
        SayNews(relay, "far-store", "h2", 1_001);
        _server.Settle();

        Assert.Equal([("h1", 1_000d), ("h2", 1_001d)], News(_ann).Select(n => (n.Heads[0], n.Timestamp)));
    }

    [Fact]
    public void News_from_the_far_future_are_dropped_and_near_ones_do_not_silence_the_owner()
    {
        TestPeer relay = _server.Connect("relay");
        relay.Open(Doc);
        Follow(_ann, "bob-store");
        SayNews(relay, "bob-store", "far", _server.Time.NowMs + new EngineLimits().RemoteHeadsClockSkewMs + 1_000);
        SayNews(relay, "bob-store", "near", _server.Time.NowMs + 60_000);
        _server.Settle();
        Assert.Equal("near", Assert.Single(News(_ann)).Heads[0]);

        _bob.Open(Doc);
        _server.Settle();
        Assert.Equal([Text(_bob[Doc].Graph.Heads[0])], News(_ann)[^1].Heads);
    }

    [Fact]
    public void Peer_without_a_store_is_not_gossiped_about()
    {
        Follow(_ann, "");
        TestPeer cat = _server.Connect("cat");
        cat.Open(Doc);
        _server.Settle();
        Assert.Empty(News(_ann));
    }

    private static List<(string StorageId, string[] Heads, double Timestamp)> News(TestPeer peer) =>
        [.. peer.Heard.Where(m => m.Kind == MessageKind.RemoteHeadsChanged).SelectMany(m => m.NewHeads)];

    private static string Text(ChangeHash hash)
    {
        byte[] text = new byte[64];
        Assert.True(Base58Check.TryEncode(hash.Bytes, text, out int length));
        return Encoding.ASCII.GetString(text, 0, length);
    }

    private void Follow(TestPeer peer, string store, bool remove = false)
    {
        StorageId[] ids = [StorageId.FromString(store)];
        byte[] frame = new byte[512];
        int length = MessageWriter.WriteRemoteSubscriptionChange(frame, peer.PeerId.Text, Encoding.UTF8.GetBytes(peer.ServerId), remove ? [] : ids, remove ? ids : []);
        peer.Say(frame.AsSpan(0, length));
        _server.Settle();
    }

    private void SayNews(TestPeer peer, string store, string head, double timestamp)
    {
        byte[] frame = new byte[512];
        byte[] heads = [0x81, (byte)(0x60 + head.Length), .. Encoding.UTF8.GetBytes(head)];
        int length = MessageWriter.WriteRemoteHeadsChanged(
            frame, peer.PeerId.Text, Encoding.UTF8.GetBytes(peer.ServerId), Doc.Text, Encoding.UTF8.GetBytes(store), heads, timestamp);
        peer.Say(frame.AsSpan(0, length));
    }
}
