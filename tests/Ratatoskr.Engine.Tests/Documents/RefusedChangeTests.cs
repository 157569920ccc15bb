using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>Promise 2: a change that would spoil the document for anybody is not taken, and costs its sender only.</summary>
public sealed class RefusedChangeTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("refused");

    private readonly TestServer _server = new();

    /// <summary>Those that 3.5.0 panics on, refuses, or takes in and then cannot load its own save of; and two that no engine writes.</summary>
    public static TheoryData<string> RuleBreakers => [.. Vectors.HarmfulChanges, "same dep twice", "same pred twice"];

    public static TheoryData<string> Harmless => ["well-formed", "no deps", "empty key", "make over existing", "startOp gap", "increment overflow"];

    public void Dispose() => _server.Dispose();

    [Theory]
    [MemberData(nameof(RuleBreakers))]
    public void Refused_change_is_told_once_and_leaves_document_and_others_alone(string name)
    {
        byte[] hostile = Vectors.Hostile.Single(c => c.Name == name).Data;
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob"), eve = _server.Connect("eve");
        ann.Open(Doc, Vectors.HostileBase);
        bob.Open(Doc);
        eve.Open(Doc);
        _server.Settle();
        int before = _server.StoredChanges(Doc).Count;
        Assert.Equal(before, bob[Doc].Graph.Count);
        bob.Heard.Clear();
        eve.Heard.Clear();

        eve.SayChanges(Doc, hostile);
        _server.Settle();
        eve.SayChanges(Doc, hostile);
        eve.Edit(Doc, "after the refusal");
        _server.Settle();

        Assert.Equal("invalid_change", Assert.Single(eve.Errors).ErrorCode);
        Assert.Contains(eve.Heard, m => m.Flags.HasFlag(SyncFlags.ReadOnly));
        Assert.Equal(before, _server.StoredChanges(Doc).Count);
        Assert.Empty(bob.Heard);
        Assert.Null(eve.Connection.ClosedWith);

        ann.Edit(Doc, "carries on");
        _server.Settle();
        Assert.Equal(before + 1, bob[Doc].Graph.Count);
        Assert.Equal(before + 2, eve[Doc].Graph.Count);
    }

    [Theory]
    [MemberData(nameof(Harmless))]
    public void Change_that_does_no_harm_is_taken(string name)
    {
        TestPeer ann = _server.Connect("ann"), eve = _server.Connect("eve");
        ann.Open(Doc, Vectors.HostileBase);
        eve.Open(Doc);
        _server.Settle();
        int before = _server.StoredChanges(Doc).Count;

        eve.SayChanges(Doc, Vectors.Hostile.Single(c => c.Name == name).Data);
        _server.Settle();

        Assert.Empty(eve.Errors);
        Assert.Equal(before + 1, _server.StoredChanges(Doc).Count);
        Assert.Equal(before + 1, ann[Doc].Graph.Count);
    }

    [Fact]
    public void No_hostile_vector_breaks_the_engine_or_what_the_store_holds()
    {
        foreach ((string name, _, byte[] data) in Vectors.Hostile)
        {
            using TestServer server = new();
            TestPeer ann = server.Connect("ann"), eve = server.Connect("eve");
            ann.Open(Doc, Vectors.HostileBase);
            eve.Open(Doc);
            server.Settle();
            eve.SayChanges(Doc, data);
            server.Carry(eve);
            eve.Connection.Sent.Clear();

            // Readable from the beginning by somebody who checks everything again.
            int count = StoredContent.Load(server.Store, Doc).Graph.Count;
            Assert.True(count >= ann[Doc].Graph.Count, name);
        }
    }

    [Fact]
    public void Good_changes_before_a_bad_one_in_the_same_message_are_taken()
    {
        TestPeer ann = _server.Connect("ann"), eve = _server.Connect("eve");
        ann.Open(Doc);
        _server.Settle();
        PeerDocument source = new(Doc, new ActorId([9]));
        byte[] good = source.Edit("good"), bad = source.Edit("bad");
        bad[^1] ^= 1;
        eve.SayChanges(Doc, good, bad);
        _server.Settle();

        Assert.Single(_server.StoredChanges(Doc));
        Assert.Equal(1, ann[Doc].Graph.Count);
        Assert.Single(eve.Errors);
    }

    [Fact]
    public void Refused_sender_is_welcome_again_on_a_new_connection()
    {
        TestPeer eve = _server.Connect("eve");
        eve.Open(Doc);
        byte[] bad = PeerDocument.Make(eve[Doc].Graph, new ActorId([9]), "bad", 1, out _);
        bad[^1] ^= 1;
        eve.SayChanges(Doc, bad);
        _server.Settle();
        eve.Disconnect();
        _server.Connect(eve);
        eve.Edit(Doc, "good");
        _server.Settle();
        Assert.Single(_server.StoredChanges(Doc));
    }
}
