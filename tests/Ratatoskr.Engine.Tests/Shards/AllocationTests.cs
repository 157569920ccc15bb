using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Shards;

/// <summary>The steady state of a connection: what comes every second from everybody must not make garbage.</summary>
public sealed class AllocationTests : IDisposable
{
    private const int Warmup = 200;
    private const int Measured = 1_000;
    private const int Rounds = 3;
    private static readonly DocumentId Doc = TestServer.Document("steady");

    private TestServer _server = new();
    private AccountServer? _accounts;

    public void Dispose()
    {
        _server.Dispose();
        _accounts?.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Acknowledgement_that_needs_no_answer_allocates_nothing(bool accounts)
    {
        if (accounts) UseAccounts();
        (IPeerSession session, SilentConnection connection, byte[] frame) = Silent("bob", InStep());
        int answered = connection.Messages;

        Assert.Equal(0, Allocated(_ => frame, session));
        Assert.Equal(answered, connection.Messages);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Relayed_ephemeral_allocates_nothing(bool accounts)
    {
        if (accounts) UseAccounts();
        TestPeer ann = InStep();
        (_, SilentConnection listener, _) = Silent("bob", ann);
        byte[][] frames = new byte[Warmup + (Rounds * Measured)][];
        for (int i = 0; i < frames.Length; i++)
        {
            ann.SayEphemeral(Doc, [0x83, 1, 2, 3]);
            frames[i] = ann.Outbox.Dequeue();
        }

        ann.Disconnect();
        (IPeerSession speaker, _, _) = Silent("ann", ann);
        int before = listener.Messages;

        Assert.Equal(0, Allocated(i => frames[i], speaker));
        Assert.Equal(before + frames.Length, listener.Messages);
    }

    // The least of some rounds: a pool that another thread has emptied meanwhile is filled again at our cost.
    private static long Allocated(Func<int, byte[]> frame, IPeerSession session)
    {
        for (int i = 0; i < Warmup; i++) Assert.True(Receive(session, frame(i)));
        long least = long.MaxValue;
        bool completed = true;
        for (int round = 0; round < Rounds; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < Measured; i++) completed &= Receive(session, frame(Warmup + (round * Measured) + i));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.True(completed);
        return least;
    }

    private static bool Receive(IPeerSession session, byte[] frame)
    {
        ValueTask received = session.ReceiveAsync(frame);
        return received.IsCompletedSuccessfully;
    }

    // Access is checked, messages and bytes are counted.
    private void UseAccounts()
    {
        _server.Dispose();
        _accounts = new AccountServer(new RateLimits { UserBandwidth = new RateLimit(1L << 40, 60) });
        _accounts.Accounts.Register(Doc, "ann", ("bob", Ratatoskr.Engine.Access.Permission.Read));
        _server = _accounts.Server;
        foreach (string user in new[] { "ann", "bob" }) _accounts.Limiter!.TryTake(RateLimitKind.UserBandwidth, user, 1, new Timestamp(_server.Time.GetUtcNow().ToUnixTimeMilliseconds()), out _);   // once per user
    }

    private TestPeer InStep()
    {
        TestPeer ann = _server.Connect(new TestPeer("ann", token: "ann"));
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        _server.Settle();
        return ann;
    }

    // A connection that keeps nothing, in step with another peer, and the frame in which it says so.
    private (IPeerSession Session, SilentConnection Connection, byte[] Acknowledgement) Silent(string name, TestPeer like)
    {
        SilentConnection connection = new();
        IPeerSession session = _server.Engine.Accept(connection, new ConnectionInfo { Path = "/", Authorization = $"Bearer {name}" });
        TestPeer sayer = new(name);
        sayer.Documents[Doc] = like[Doc];
        sayer.Join();
        sayer.SayHeads(Doc);
        Assert.True(Receive(session, sayer.Outbox.Dequeue()));
        byte[] acknowledgement = sayer.Outbox.Dequeue();
        Assert.True(Receive(session, acknowledgement));
        _server.Scheduler.RunAll();
        return (session, connection, acknowledgement);
    }
}
