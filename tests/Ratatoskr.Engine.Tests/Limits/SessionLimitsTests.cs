using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Tests.Limits;

/// <summary>Rate limits on the socket.</summary>
public sealed class SessionLimitsTests : IDisposable
{
    private const Permission All = Permission.Read | Permission.Write;
    private static readonly DocumentId Doc = TestServer.Document("limits");

    private readonly AccountServer _server = new(new RateLimits
    {
        UserConnections = RateLimit.PerMinute(3),
        AnonymousMessages = RateLimit.PerMinute(10),
        AnonymousBandwidth = RateLimit.PerMinute(5_000),
        UserBandwidth = RateLimit.PerMinute(200_000),
        UndecodableFrames = RateLimit.PerMinute(4),
        FailedCredentials = RateLimit.PerMinute(2),
    });

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Sixth_anonymous_connection_of_an_address_within_a_minute_is_refused()
    {
        for (int i = 0; i < 5; i++) Assert.Null(Nobody($"nobody{i}").Connection.ClosedWith);
        TestPeer sixth = Nobody("sixth");

        ServerMessage error = Assert.Single(sixth.Heard);
        Assert.Equal(("rate_limited", "Too many connections"), (error.ErrorCode, error.ErrorText));
        Assert.InRange(error.RetryAfter, 1, 75);
        Assert.Equal(CloseCode.PolicyViolation, sixth.Connection.ClosedWith);
        Assert.Null(_server.Connect("ann").Connection.ClosedWith);        // users have their own

        _server.Server.Tick(120);
        Assert.Null(Nobody("later").Connection.ClosedWith);
    }

    [Fact]
    public void Users_connections_are_counted_by_user()
    {
        for (int i = 0; i < 3; i++) Assert.Null(_server.Connect($"ann{i}", $"ann/{i}").Connection.ClosedWith);

        Assert.Equal("rate_limited", Assert.Single(_server.Connect("ann4", "ann/4").Heard).ErrorCode);
        Assert.Null(_server.Connect("bob").Connection.ClosedWith);
    }

    [Fact]
    public void Anonymous_messages_beyond_the_limit_are_dropped_told_and_heard_again_later()
    {
        _server.Accounts.Register(Doc, "ann", ("public", All));
        TestPeer nobody = Nobody("nobody");
        nobody.Open(Doc);
        _server.Server.Settle();
        for (int i = 0; i < 12; i++)
        {
            nobody.Edit(Doc, $"{i}");
            _server.Server.Settle();
        }

        Assert.Contains(nobody.Errors, e => e.ErrorCode == "rate_limited" && e.ErrorText == "Too many messages");
        Assert.True(_server.Server.StoredChanges(Doc).Count < 12);
        Assert.Null(nobody.Connection.ClosedWith);

        for (int i = 0; i < 15; i++)
        {
            _server.Server.Tick(15);
            _server.Server.Settle();
        }

        Assert.Equal(12, _server.Server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Anonymous_bytes_are_limited()
    {
        _server.Accounts.Register(Doc, "ann", ("public", All));
        TestPeer nobody = Nobody("nobody");
        nobody.Open(Doc);
        nobody.Edit(Doc, new string('x', 3_000));
        nobody.Edit(Doc, new string('y', 3_000));
        _server.Server.Settle();

        Assert.Contains(nobody.Errors, e => e.ErrorText == "Too many bytes");
    }

    [Fact]
    public void Users_bytes_are_limited_over_all_his_connections()
    {
        _server.Accounts.Register(Doc, "ann");
        TestPeer[] anns = [_server.Connect("ann1", "ann/1"), _server.Connect("ann2", "ann/2")];
        foreach (TestPeer ann in anns) ann.Open(Doc);
        _server.Server.Settle();
        for (int i = 0; i < 5; i++)
        {
            foreach (TestPeer ann in anns) ann.SayEphemeral(Doc, Cbor(40_000));
        }

        _server.Server.Settle();
        Assert.Contains(anns[1].Errors.Concat(anns[0].Errors), e => e.ErrorCode == "rate_limited");
    }

    [Fact]
    public void Undecodable_frames_of_an_address_are_limited_over_its_connections()
    {
        TestPeer first = _server.Connect("ann"), second = _server.Connect("bob");
        foreach (TestPeer peer in new[] { first, second })
        {
            for (int i = 0; i < 3; i++) peer.Say([0xff]);
            _server.Server.Carry(peer);
        }

        Assert.Null(first.Connection.ClosedWith);
        Assert.Equal(CloseCode.PolicyViolation, second.Connection.ClosedWith);
    }

    [Fact]
    public void Bad_tokens_of_an_address_are_not_even_looked_at_beyond_the_limit()
    {
        for (int i = 0; i < 2; i++) Assert.Equal("Invalid or expired token", _server.Connect($"eve{i}", "bad").Heard[^1].ErrorText);
        int before = _server.Authentications;

        Assert.Equal("rate_limited", _server.Connect("eve", "bad").Heard[^1].ErrorCode);
        Assert.Equal(before, _server.Authentications);
    }

    [Fact]
    public void Bytes_before_a_hello_are_limited()
    {
        TestPeer stranger = new("stranger");
        stranger.Connect(_server.Server.Engine, join: false);
        for (int i = 0; i < 5; i++) stranger.SaySync(Doc, new byte[60_000]);
        _server.Server.Carry(stranger);

        Assert.Equal(CloseCode.PolicyViolation, stranger.Connection.ClosedWith);
    }

    private TestPeer Nobody(string name) => _server.Connect(name, anonymous: true);

    private static byte[] Cbor(int length) => [0x59, (byte)(length >> 8), (byte)length, .. new byte[length]];
}
