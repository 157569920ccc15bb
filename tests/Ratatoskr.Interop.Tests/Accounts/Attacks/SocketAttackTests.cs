using System.Net.WebSockets;
using System.Text;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts.Attacks;

/// <summary>What the original let a peer do that it should not have. Each is a test by its name.</summary>
public class SocketAttackTests(Stage stage)
{
    private static readonly byte[] s_junk = [0xff, 0x00, 0x13, 0x37];

    [Theory]
    [InlineData("request")]
    [InlineData("sync")]
    public async Task Reader_writes_in_a_frame_of_either_type_and_nothing_is_stored(string type)
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser reader = await SignedInUser.NewAsync(server, "reader");
        string document = await owner.Rest.CreateAsync(RestClient.Acl((reader.Id, "read")));
        (await owner.Rest.PutAsync($"/documents/{document}/content", """{"safe":true}""")).Good();
        ChangeStream edits = await RawEdits.MakeAsync(stage);
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: reader.Token);

        await peer.SendEditAsync(document, edits, 0, type);

        Assert.Equal(("permission_denied", "Write access required to apply changes"), await peer.NextErrorAsync());
        Assert.DoesNotContain(edits.Hashes[0], await owner.Rest.HistoryAsync(document));
    }

    [Fact]
    public async Task Token_to_read_does_not_write_on_the_socket()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string document = await owner.Rest.CreateAsync();
        (await owner.Rest.PutAsync($"/documents/{document}/content", """{"safe":true}""")).Good();
        ChangeStream edits = await RawEdits.MakeAsync(stage);
        await using RawPeer peer = await RawPeer.AuthenticateAsync(server.Url, (await owner.Rest.CreateTokenAsync("documents:read")).Token);

        await peer.OpenAsync(document);
        await peer.SendEditAsync(document, edits, 0);

        Assert.Equal(("permission_denied", "Write access required to apply changes"), await peer.NextErrorAsync());
        Assert.DoesNotContain(edits.Hashes[0], await owner.Rest.HistoryAsync(document));
    }

    [Fact]
    public async Task Token_for_another_document_does_not_read_on_the_socket()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string one = await owner.Rest.CreateAsync(), other = await owner.Rest.CreateAsync();
        (await owner.Rest.PutAsync($"/documents/{one}/content", "{}")).Good();
        (await owner.Rest.PutAsync($"/documents/{other}/content", """{"secret":true}""")).Good();
        await using RawPeer peer = await RawPeer.AuthenticateAsync(server.Url, (await owner.Rest.CreateTokenAsync($"doc:{one}")).Token);

        await peer.RequestAsync(other);

        Assert.Equal(("permission_denied", "Read access required"), await peer.NextErrorAsync());
        Assert.Equal(other, (await peer.NextAsync("doc-unavailable")).DocumentId);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Ephemeral_message_of_who_may_not_read_reaches_nobody(bool anonymous)
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser stranger = await SignedInUser.NewAsync(server, "stranger");
        string document = await owner.Rest.CreateAsync();
        (await owner.Rest.PutAsync($"/documents/{document}/content", """{"open":true}""")).Good();
        await using RawPeer witness = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await using RawPeer other = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await witness.OpenAsync(document);
        await other.OpenAsync(document);
        await using RawPeer intruder = await RawPeer.JoinAsync(server.Url, token: anonymous ? null : stranger.Token, from: LoopbackAddresses.Next());

        await intruder.SendAsync(Frame.Ephemeral(intruder.PeerId, intruder.ServerId, document, "not opened", 1, "boo"));
        await intruder.RequestAsync(document);
        await intruder.NextAsync("doc-unavailable");
        await intruder.SendAsync(Frame.Ephemeral(intruder.PeerId, intruder.ServerId, document, "refused", 1, "boo"));
        await intruder.UntilReadAsync();
        await other.SendAsync(Frame.Ephemeral(other.PeerId, other.ServerId, document, "fence", 1, "mine"));

        Assert.Equal(other.PeerId, (await witness.NextAsync("ephemeral")).SenderId);
        Assert.DoesNotContain(await intruder.UntilReadAsync(), frame => frame.Type == "ephemeral");
    }

    [Fact]
    public async Task Flood_of_undecodable_frames_before_the_hello_ends_the_connection()
    {
        TestServer server = await stage.AccountsAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Url, from: LoopbackAddresses.Next());

        await FloodAsync(peer);

        await peer.UntilClosedAsync();
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, peer.CloseStatus);
    }

    [Fact]
    public async Task Flood_of_undecodable_frames_of_an_anonymous_peer_ends_its_connection()
    {
        TestServer server = await stage.AccountsAsync();
        await using RawPeer peer = await RawPeer.AuthenticateAsync(server.Url, null, from: LoopbackAddresses.Next());

        await FloodAsync(peer);

        await peer.UntilClosedAsync();
    }

    [Fact]
    public async Task Large_message_before_the_hello_ends_the_connection()
    {
        TestServer server = await stage.AccountsAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Url, from: LoopbackAddresses.Next());
        try
        {
            await peer.SendAsync(new byte[4 << 20]);
        }
        catch (WebSocketException)
        {
            // closed while it was being sent
        }

        await peer.UntilClosedAsync();
    }

    [Fact]
    public async Task Document_message_before_the_hello_is_not_looked_at()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        string document = await owner.Rest.CreateAsync(RestClient.Acl(("public", "write")));
        ChangeStream edits = await RawEdits.MakeAsync(stage);
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Url, from: LoopbackAddresses.Next());

        await peer.SendEditAsync(document, edits, 0);

        Assert.Equal(("not_authenticated", "Send auth message first"), await peer.NextErrorAsync());
        Assert.Empty(await owner.Rest.HistoryAsync(document));
    }

    [Fact]
    public async Task Bad_token_is_told_and_closed()
    {
        TestServer server = await stage.AccountsAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Url, from: LoopbackAddresses.Next());

        await peer.SendAsync(Frame.Auth("rat_" + new string('0', 64)));

        Frame answer = await peer.NextAsync("auth_error");
        Assert.Equal(("invalid_token", "Invalid or expired token"), (answer.Error, answer.Message));
        await peer.UntilClosedAsync();
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, peer.CloseStatus);
    }

    [Fact]
    public async Task Bad_token_in_the_header_does_not_make_its_bearer_anonymous()
    {
        TestServer server = await stage.AccountsAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Url, token: "rat_" + new string('0', 64), from: LoopbackAddresses.Next());

        await peer.SendAsync(Frame.Join(peer.PeerId));

        Assert.Equal(("invalid_token", "Invalid or expired token"), await peer.NextErrorAsync());
        await peer.UntilClosedAsync();
    }

    [Fact]
    public async Task Hello_without_credentials_is_told_and_closed()
    {
        TestServer server = await stage.AccountsAsync();
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Url, from: LoopbackAddresses.Next());

        await peer.SendAsync(Frame.Auth(""));

        Frame answer = await peer.NextAsync("auth_error");
        Assert.Equal(("missing_credentials", "Provide a token or set anonymous: true"), (answer.Error, answer.Message));
        await peer.UntilClosedAsync();
    }

    [Fact]
    public async Task Token_in_the_address_of_the_socket_signs_nobody_in()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");

        foreach (string name in (string[])["token", "access_token"])
        {
            await using RawPeer peer = await RawPeer.ConnectAsync($"{server.SyncUrl}?{name}={owner.Token}", from: LoopbackAddresses.Next());
            await peer.UntilClosedAsync();
            Assert.Equal(WebSocketCloseStatus.PolicyViolation, peer.CloseStatus);
            Assert.EndsWith("not into the URL", peer.CloseReason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Auth_as_text_is_understood()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser user = await SignedInUser.NewAsync(server, "user");
        await using RawPeer peer = await RawPeer.ConnectAsync(server.Url);

        await peer.SendAsync(Encoding.UTF8.GetBytes($$"""{"type":"auth","token":"{{user.Token}}"}"""), WebSocketMessageType.Text);

        Frame answer = await peer.NextAsync("auth_ok");
        Assert.Equal(user.Id, ((IReadOnlyDictionary<string, object?>)answer.Fields["user"]!)["id"]);
    }

    [Fact]
    public async Task Second_auth_by_another_user_changes_nothing()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser stranger = await SignedInUser.NewAsync(server, "stranger");
        string document = await owner.Rest.CreateAsync();
        (await owner.Rest.PutAsync($"/documents/{document}/content", "{}")).Good();
        await using RawPeer peer = await RawPeer.JoinAsync(server.Url, token: stranger.Token);

        await peer.SendAsync(Frame.Auth(owner.Token));

        Assert.Equal("already_authenticated", (await peer.NextErrorAsync()).Error);
        await peer.RequestAsync(document);
        Assert.Equal("permission_denied", (await peer.NextErrorAsync()).Error);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Peer_id_in_use_is_not_given_to_somebody_else(bool anonymous)
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        using SignedInUser thief = await SignedInUser.NewAsync(server, "thief");
        await using RawPeer victim = await RawPeer.JoinAsync(server.Url, token: owner.Token);
        await using RawPeer other = await RawPeer.ConnectAsync(server.Url, victim.PeerId, anonymous ? null : thief.Token, LoopbackAddresses.Next());

        await other.SendAsync(Frame.Join(victim.PeerId));

        Assert.Equal("this peer id is in use", (await other.NextErrorAsync()).Message);
        await other.UntilClosedAsync();
        await victim.UntilReadAsync();
    }

    [Fact]
    public async Task Peer_id_in_use_is_given_to_the_same_user()
    {
        TestServer server = await stage.AccountsAsync();
        using SignedInUser owner = await SignedInUser.NewAsync(server, "owner");
        await using RawPeer first = await RawPeer.JoinAsync(server.Url, token: owner.Token);

        await using RawPeer second = await RawPeer.JoinAsync(server.Url, first.PeerId, token: owner.Token);

        await first.UntilClosedAsync();
        await second.UntilReadAsync();
    }

    [Fact]
    public async Task Sixth_anonymous_connection_of_an_address_in_a_minute_is_refused()
    {
        TestServer server = await stage.AccountsAsync();
        string from = LoopbackAddresses.Next();
        for (int i = 0; i < 5; i++) await (await RawPeer.AuthenticateAsync(server.Url, null, from: from)).DisposeAsync();
        await using RawPeer sixth = await RawPeer.ConnectAsync(server.Url, from: from);

        await sixth.SendAsync(Frame.Auth(null));

        Frame refused = await sixth.NextAsync("error");
        Assert.Equal(("rate_limited", "Too many connections"), (refused.Error, refused.Message));
        Assert.InRange((long)refused.Fields["retryAfter"]!, 1, 120);
        await sixth.UntilClosedAsync();
        await (await RawPeer.AuthenticateAsync(server.Url, null, from: LoopbackAddresses.Next())).DisposeAsync();
    }

    [Fact]
    public async Task Anonymous_peer_is_heard_a_hundred_times_a_minute()
    {
        TestServer server = await stage.AccountsAsync();
        await using RawPeer peer = await RawPeer.AuthenticateAsync(server.Url, null, from: LoopbackAddresses.Next());

        for (int i = 0; i < 101; i++) await peer.RequestAsync(DocumentIds.New());

        List<Frame> answers = [];
        while (answers.Count == 0 || answers[^1].Error != "rate_limited") answers.Add(await peer.NextAsync());
        Assert.Equal("Too many messages", answers[^1].Message);
        Assert.InRange((long)answers[^1].Fields["retryAfter"]!, 1, 120);
        for (int told = answers.Count(frame => frame.Type == "doc-unavailable"); told < 100; told++) await peer.NextAsync("doc-unavailable");
    }

    private static async Task FloodAsync(RawPeer peer)
    {
        try
        {
            for (int i = 0; i < 2_000; i++) await peer.SendAsync(s_junk);
        }
        catch (WebSocketException)
        {
            // closed while we were talking
        }
    }
}
