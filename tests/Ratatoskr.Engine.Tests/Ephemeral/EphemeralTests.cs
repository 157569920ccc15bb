using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Ephemeral;

public sealed class EphemeralTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("ephemeral");

    private readonly TestServer _server = new(new EngineLimits { EphemeralRingCount = 4, EphemeralKeptBytesMax = 400 });
    private readonly TestPeer _ann, _bob, _cat;

    public EphemeralTests()
    {
        _ann = _server.Connect("ann");
        _bob = _server.Connect("bob");
        _cat = _server.Connect("cat");
        _ann.Open(Doc);
        _bob.Open(Doc);
        _ann.Edit(Doc, "first");
        _server.Settle();
        foreach (TestPeer peer in new[] { _ann, _bob, _cat }) peer.Heard.Clear();
    }

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Message_reaches_the_other_peers_of_the_document_with_only_its_target_changed()
    {
        _ann.SayEphemeral(Doc, [0x82, 1, 2], count: 7, session: "s1");
        _server.Settle();

        ServerMessage heard = Assert.Single(_bob.Heard);
        Assert.Equal(MessageKind.Ephemeral, heard.Kind);
        Assert.Equal(("ann", "bob", Doc.ToString(), 7UL, "s1"), (heard.SenderId, heard.TargetId, heard.Document, heard.Count, heard.SessionId));
        Assert.Equal([0x82, 1, 2], heard.Data);
        Assert.Empty(_ann.Heard);
        Assert.Empty(_cat.Heard);                              // has not opened the document
    }

    [Fact]
    public void Repeated_and_older_counts_are_dropped_within_a_session_and_whatever_the_document()
    {
        _ann.SayEphemeral(Doc, [1], count: 5);
        _ann.SayEphemeral(Doc, [2], count: 5);
        _ann.SayEphemeral(Doc, [3], count: 4);
        _ann.SayEphemeral(Doc, [4], count: 6);
        _ann.SayEphemeral(Doc, [5], count: 1, session: "another");
        _server.Settle();
        Assert.Equal([1, 4, 5], _bob.Heard.Select(m => m.Data[0]));
    }

    [Fact]
    public void Who_has_not_opened_the_document_cannot_send_into_it()
    {
        _cat.SayEphemeral(Doc, [1]);
        _server.Settle();
        Assert.Empty(_bob.Heard);
    }

    [Fact]
    public void Echoes_of_receivers_go_nowhere()
    {
        _ann.SayEphemeral(Doc, [1], count: 1);
        _server.Settle();
        _bob.SayEphemeral(Doc, [1], count: 1, from: "ann");
        _server.Settle();
        Assert.Empty(_ann.Heard);
        Assert.Single(_bob.Heard);
    }

    [Fact]
    public void Slow_reader_keeps_the_newest_ones_in_order()
    {
        _bob.Connection.IsWritable = false;
        for (int i = 1; i <= 10; i++) _ann.SayEphemeral(Doc, [(byte)i]);
        _server.Carry(_ann);
        Assert.Empty(_bob.Connection.Sent);

        _server.Drain(_bob);
        _server.Settle();
        Assert.Equal([7, 8, 9, 10], _bob.Heard.Select(m => m.Data[0]));
    }

    [Fact]
    public void What_was_kept_is_not_overtaken_by_what_comes_before_the_drain_is_noticed()
    {
        _bob.Connection.IsWritable = false;
        _ann.SayEphemeral(Doc, [1]);
        _server.Carry(_ann);
        _bob.Connection.IsWritable = true;
        _ann.SayEphemeral(Doc, [2]);
        _server.Carry(_ann);
        _server.Drain(_bob);
        _server.Settle();
        Assert.Equal([1, 2], _bob.Heard.Select(m => m.Data[0]));
    }

    [Fact]
    public void Large_ones_are_not_kept_for_a_slow_reader()
    {
        _bob.Connection.IsWritable = false;
        _ann.SayEphemeral(Doc, [0x59, 0x03, 0xe8, .. new byte[1_000]]);
        _ann.SayEphemeral(Doc, [0x41, 1]);
        _server.Carry(_ann);
        _server.Drain(_bob);
        _server.Settle();
        Assert.Equal([0x41, 1], Assert.Single(_bob.Heard).Data);
    }

    [Fact]
    public void Data_that_is_not_CBOR_is_not_passed_on()
    {
        _ann.SayEphemeral(Doc, [1, 2, 3]);
        _ann.SayEphemeral(Doc, []);
        _server.Settle();
        Assert.Empty(_bob.Heard);
        Assert.Null(_ann.Connection.ClosedWith);
    }

    [Fact]
    public void Nothing_of_it_is_stored()
    {
        ulong before = _server.Store.Now.Position;
        _ann.SayEphemeral(Doc, [1]);
        _server.Settle();
        Assert.Equal(before, _server.Store.Now.Position);
    }
}
