using System.Text;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Tests.Sessions;

/// <summary>The original's hello, from its recorded frames, and what goes wrong with it.</summary>
public sealed class AccountHelloTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("hello");

    private readonly AccountServer _server = new();

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Recorded_auth_is_answered_with_user_and_the_first_frames_sender_becomes_the_peer()
    {
        _server.Accounts.Register(Doc, "abc");
        TestPeer client = Unjoined("client-5");
        client.Say(Convert.FromHexString("b900026474797065646175746865746f6b656e63616263"));      // {type: auth, token: abc}
        _server.Server.Carry(client);
        client.Listen();

        ServerMessage ok = Assert.Single(client.Heard);
        Assert.Equal(MessageKind.AuthOk, ok.Kind);
        Assert.Equal("ratatoskr-server-store", ok.SenderId);
        Assert.StartsWith("client-", ok.TargetId);
        Assert.Equal("abc", ok.UserId);
        Assert.True(client.Session!.IsEstablished);            // it may keep still now
        Assert.Equal(100 << 20, client.Session.MaxMessageBytes);

        client.SaySync(Doc, [0x42, 0, 0, 1, 0, 0, 0, 2, 1, 2], request: true);
        _server.Server.Carry(client);
        client.Listen();
        Assert.Equal("client-5", client.Heard[^1].TargetId);
    }

    [Fact]
    public void Recorded_anonymous_auth_is_nobody()
    {
        TestPeer client = Unjoined("client");
        client.Say(Convert.FromHexString("b900026474797065646175746869616e6f6e796d6f7573f5"));
        _server.Server.Carry(client);
        client.Listen();

        Assert.Equal(MessageKind.AuthOk, client.Heard[^1].Kind);
        Assert.Equal("", client.Heard[^1].UserId);
    }

    [Theory]
    [InlineData("""{"type":"auth","token":"ann"}""", MessageKind.AuthOk, "")]
    [InlineData("""{"type":"auth","anonymous":true}""", MessageKind.AuthOk, "")]
    [InlineData("""{"type":"auth","token":"bad"}""", MessageKind.AuthError, "invalid_token")]
    [InlineData("""{"type":"auth","token":""}""", MessageKind.AuthError, "missing_credentials")]
    [InlineData("""{"type":"auth"}""", MessageKind.AuthError, "missing_credentials")]
    [InlineData("""{"type":"join"}""", MessageKind.Error, "invalid_message")]
    [InlineData("""{"type":"auth","token":"ann"} {}""", MessageKind.Error, "invalid_message")]
    [InlineData("""["auth"]""", MessageKind.Error, "invalid_message")]
    [InlineData("hello", MessageKind.Error, "invalid_message")]
    [InlineData("""{"type":{"type":"auth"},"a":[[[[[[[[[[[[]]]]]]]]]]]]}""", MessageKind.Error, "invalid_message")]
    public async Task Auth_as_JSON_text_is_tolerated_and_other_text_answered(string text, MessageKind answer, string code)
    {
        TestPeer client = Unjoined("client");
        await client.Session!.ReceiveTextAsync(Encoding.UTF8.GetBytes(text));
        client.Listen();

        ServerMessage heard = Assert.Single(client.Heard);
        Assert.Equal((answer, code), (heard.Kind, heard.ErrorCode));
        Assert.Equal(answer == MessageKind.AuthError, client.Connection.ClosedWith is not null);
    }

    [Fact]
    public void Frames_before_auth_are_told_so_and_close_when_repeated()
    {
        TestPeer client = Unjoined("client");
        for (int i = 0; i < 20; i++) client.SayHeads(Doc);
        _server.Server.Carry(client);
        client.Listen();

        Assert.All(client.Heard, m => Assert.Equal(("not_authenticated", "Send auth message first"), (m.ErrorCode, m.ErrorText)));
        Assert.InRange(client.Heard.Count, 2, 9);
        Assert.Equal(CloseCode.PolicyViolation, client.Connection.ClosedWith);
    }

    [Fact]
    public void Hello_that_does_not_come_in_time_is_told_so()
    {
        TestPeer client = Unjoined("client");
        client.Session!.HelloTimedOut();
        client.Listen();

        Assert.Equal(("auth_timeout", "Authentication required within 10 seconds"), (client.Heard[0].ErrorCode, client.Heard[0].ErrorText));
    }

    [Fact]
    public void Stock_join_with_a_bad_token_is_refused_in_a_form_that_both_clients_read()
    {
        TestPeer eve = _server.Connect("eve", "bad");

        ServerMessage error = Assert.Single(eve.Heard);
        Assert.Equal((MessageKind.Error, "invalid_token", "eve"), (error.Kind, error.ErrorCode, error.TargetId));
        Assert.Equal(CloseCode.PolicyViolation, eve.Connection.ClosedWith);
    }

    [Fact]
    public void Auth_then_join_names_the_peer_and_keeps_the_principal()
    {
        _server.Accounts.Register(Doc, "ann");
        TestPeer client = Unjoined("client");
        client.Say(MessageBytes.Auth("ann"));
        client.Join();
        _server.Server.Settle();
        client.Open(Doc);
        client.Edit(Doc, "mine");
        _server.Server.Settle();

        Assert.Single(_server.Server.StoredChanges(Doc));
    }

    private TestPeer Unjoined(string name)
    {
        TestPeer peer = new(name);
        _server.Server.Watch(peer);
        peer.Connect(_server.Server.Engine, join: false);
        return peer;
    }
}
