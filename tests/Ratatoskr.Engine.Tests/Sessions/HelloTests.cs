using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Tests.Sessions;

public sealed class HelloTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("hello");

    private readonly TestServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Join_is_answered_with_peer_that_names_server_and_its_store()
    {
        TestPeer peer = _server.Connect("ann");

        ServerMessage answer = Assert.Single(peer.Heard);
        Assert.Equal(MessageKind.Peer, answer.Kind);
        Assert.Equal("ann", answer.TargetId);
        Assert.Equal("ratatoskr-server-store", answer.SenderId);
        Assert.Equal("server-store", answer.StorageId);
        Assert.True(peer.Session!.IsEstablished);
        Assert.Equal(1, _server.Engine.SessionCount);
    }

    [Fact]
    public void Repeated_join_is_answered_again_and_keeps_the_session()
    {
        TestPeer peer = _server.Connect("ann");
        peer.Join();
        _server.Settle();

        Assert.Equal([MessageKind.Peer, MessageKind.Peer], peer.Heard.Select(m => m.Kind));
        Assert.Null(peer.Connection.ClosedWith);
        Assert.Equal(1, _server.Engine.SessionCount);
    }

    [Fact]
    public void Join_with_another_name_after_the_first_changes_nothing()
    {
        TestPeer peer = _server.Connect("ann");
        peer.PeerId = PeerId.FromString("bob");
        peer.Join();
        _server.Settle();

        Assert.Single(peer.Heard);
        Assert.Equal(1, _server.Engine.SessionCount);
    }

    [Fact]
    public void Join_of_another_protocol_version_is_refused_and_closed()
    {
        TestPeer peer = Unjoined("ann");
        byte[] join = Cbor(("type", "join"), ("senderId", "ann"), ("supportedProtocolVersions", new[] { "2" }));
        peer.Say(join);
        _server.Carry(peer);
        peer.Listen();

        Assert.Equal("unsupported protocol version", Assert.Single(peer.Heard).ErrorText);
        Assert.NotNull(peer.Connection.ClosedWith);
        Assert.False(peer.Session!.IsEstablished);
    }

    [Fact]
    public void Auth_then_join_binds_principal_and_name()
    {
        TestPeer peer = Unjoined("ann");
        peer.Say(Cbor(("type", "auth"), ("token", "ann-the-user")));
        peer.Join();
        _server.Carry(peer);
        peer.Listen();

        Assert.Equal([MessageKind.AuthOk, MessageKind.Peer], peer.Heard.Select(m => m.Kind));
        Assert.True(peer.Session!.IsEstablished);
    }

    [Fact]
    public void Auth_then_bare_frame_takes_the_name_from_the_frame()
    {
        TestPeer peer = Unjoined("ann");
        peer.Say(Cbor(("type", "auth"), ("token", "ann-the-user")));
        peer.SaySync(Doc, [0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84], request: true);
        _server.Carry(peer);
        peer.Listen();

        Assert.Equal([MessageKind.AuthOk, MessageKind.DocUnavailable], peer.Heard.Select(m => m.Kind));
        Assert.Equal("ann", peer.Heard[1].TargetId);
    }

    [Fact]
    public void Auth_with_a_bad_token_is_refused_and_closed()
    {
        TestPeer peer = Unjoined("ann");
        peer.Say(Cbor(("type", "auth"), ("token", "bad")));
        _server.Carry(peer);
        peer.Listen();

        ServerMessage answer = Assert.Single(peer.Heard);
        Assert.Equal(MessageKind.AuthError, answer.Kind);
        Assert.Equal("invalid_token", answer.ErrorCode);
        Assert.Equal(CloseCode.PolicyViolation, peer.Connection.ClosedWith);
    }

    [Fact]
    public void Second_auth_is_told_so_and_changes_nothing()
    {
        TestPeer peer = Unjoined("ann");
        peer.Say(Cbor(("type", "auth"), ("token", "ann-the-user")));
        peer.Say(Cbor(("type", "auth"), ("token", "bob-the-user")));
        _server.Carry(peer);
        peer.Listen();

        Assert.Equal("already_authenticated", peer.Heard[1].ErrorCode);
        Assert.Null(peer.Connection.ClosedWith);
    }

    [Fact]
    public void Frames_before_a_hello_are_answered_with_an_error_and_after_the_limit_close_with_1008()
    {
        TestPeer peer = Unjoined("ann");
        for (int i = 0; i < 9; i++) peer.SaySync(Doc, [0x42, 0, 0, 1, 0, 0, 0, 2, 2, 0x84]);
        _server.Carry(peer);
        peer.Listen();

        Assert.All(peer.Heard, m => Assert.Equal("not_authenticated", m.ErrorCode));
        Assert.Equal(CloseCode.PolicyViolation, peer.Connection.ClosedWith);
        Assert.Equal(0, _server.Engine.SessionCount);
    }

    [Fact]
    public void Undecodable_bytes_are_answered_and_after_the_limit_close_before_and_after_the_hello()
    {
        TestPeer stranger = Unjoined("bob"), friend = _server.Connect("ann");
        friend.Heard.Clear();
        foreach (TestPeer peer in new[] { stranger, friend })
        {
            for (int i = 0; i < 9; i++) peer.Say([0xff, 0x00]);
            _server.Carry(peer);
            peer.Listen();
            Assert.Equal(8, peer.Heard.Count);
            Assert.All(peer.Heard, m => Assert.Equal("invalid_message", m.ErrorCode));
            Assert.NotNull(peer.Connection.ClosedWith);
        }

        Assert.Equal(0, _server.Engine.SessionCount);
    }

    [Fact]
    public void Sound_CBOR_that_is_no_message_is_dropped_after_the_hello()
    {
        TestPeer peer = _server.Connect("ann");
        for (int i = 0; i < 100; i++) peer.Say([0xf6]);
        peer.Open(Doc);
        _server.Settle();

        Assert.Null(peer.Connection.ClosedWith);
        Assert.Equal(1, peer.Unavailables);
    }

    [Fact]
    public void Message_size_is_small_before_the_hello_and_large_after_it()
    {
        TestPeer peer = Unjoined("ann");
        Assert.Equal(64 << 10, peer.Session!.MaxMessageBytes);
        peer.Join();
        _server.Carry(peer);
        Assert.Equal(100 << 20, peer.Session!.MaxMessageBytes);
    }

    [Fact]
    public void Leave_closes()
    {
        TestPeer peer = _server.Connect("ann");
        peer.Say(Cbor(("type", "leave"), ("senderId", "ann")));
        _server.Carry(peer);
        Assert.Equal(CloseCode.Normal, peer.Connection.ClosedWith);
    }

    private static byte[] Cbor(params (string Key, object Value)[] pairs)
    {
        System.Formats.Cbor.CborWriter writer = new();
        writer.WriteStartMap(pairs.Length);
        foreach ((string key, object value) in pairs)
        {
            writer.WriteTextString(key);
            if (value is string text)
            {
                writer.WriteTextString(text);
                continue;
            }

            string[] texts = (string[])value;
            writer.WriteStartArray(texts.Length);
            foreach (string item in texts) writer.WriteTextString(item);
            writer.WriteEndArray();
        }

        writer.WriteEndMap();
        return writer.Encode();
    }

    private TestPeer Unjoined(string name)
    {
        TestPeer peer = new(name);
        peer.Connect(_server.Engine, join: false);
        return peer;
    }
}
