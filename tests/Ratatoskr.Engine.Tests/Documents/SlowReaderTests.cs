using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>Back-pressure is state, not a queue.</summary>
public sealed class SlowReaderTests
{
    private static readonly DocumentId Doc = TestServer.Document("slow");

    [Fact]
    public void Slow_reader_gets_one_message_with_everything_when_it_has_drained()
    {
        using TestServer server = new();
        (TestPeer ann, TestPeer bob) = InStep(server);
        bob.Connection.IsWritable = false;
        for (int i = 0; i < 20; i++)
        {
            ann.Edit(Doc, $"{i}");
            server.Carry(ann);
            ann.Listen();
        }

        server.Tick(3);
        Assert.Empty(bob.Connection.Sent);
        server.Drain(bob);
        Assert.Single(bob.Connection.Sent);
        server.Settle();
        Assert.Equal(ann[Doc].Graph.Count, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Others_do_not_wait_for_a_slow_reader()
    {
        using TestServer server = new();
        (TestPeer ann, TestPeer bob) = InStep(server);
        TestPeer cat = server.Connect("cat");
        cat.Open(Doc);
        server.Settle();
        bob.Connection.IsWritable = false;
        ann.Edit(Doc, "now");
        server.Settle();
        Assert.Equal(2, cat[Doc].Graph.Count);
        Assert.Equal(1, bob[Doc].Graph.Count);
    }

    [Fact]
    public void What_a_slow_reader_is_owed_survives_the_eviction_of_the_document()
    {
        using TestServer server = new(new EngineLimits { MemoryBudgetBytes = 20_000 });
        (TestPeer ann, TestPeer bob) = InStep(server);
        bob.Connection.IsWritable = false;
        ann.Edit(Doc, new string('x', 5_000));
        server.Carry(ann);
        ann.Listen();
        Evict(server, ann);

        server.Drain(bob);
        server.Settle();
        Assert.Equal(2, bob[Doc].Graph.Count);
    }

    internal static void Evict(TestServer server, TestPeer by)
    {
        server.Tick(11);                                       // what was used lately stays
        for (int i = 0; i < 4; i++)
        {
            server.Tick();
            DocumentId filler = TestServer.Document($"filler {i}");
            by.Open(filler);
            by.Edit(filler, new string('y', 6_000));
            server.Settle();
        }
    }

    private static (TestPeer Ann, TestPeer Bob) InStep(TestServer server)
    {
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        ann.Edit(Doc, "first");
        server.Settle();
        return (ann, bob);
    }
}
