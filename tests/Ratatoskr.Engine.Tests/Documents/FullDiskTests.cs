using Automerge.Sync;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>A store that cannot take anything: new edits are refused with a reason, reads go on, and all of it ends when the store works again.</summary>
public sealed class FullDiskTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("full disk"), Other = TestServer.Document("not written");

    private readonly HookedServer _server = new(new EngineLimits());
    private readonly TestPeer _ann, _bob;

    public FullDiskTests()
    {
        _ann = _server.Connect("ann");
        _bob = _server.Connect("bob");
        foreach (DocumentId id in new[] { Doc, Other })
        {
            _ann.Open(id);
            _ann.Edit(id, "first");
            _server.Settle();
        }

        _bob.Open(Doc);
        _server.Settle();
        _server.Store.FailsAppends = true;
    }

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Author_is_told_why_he_is_not_acknowledged_and_is_when_space_returns()
    {
        _ann.Heard.Clear();
        _ann.Edit(Doc, "second");
        _server.Settle();
        _server.Inner.Tick(3);
        Assert.Equal("storage_unavailable", Assert.Single(_ann.Errors).ErrorCode);
        Assert.DoesNotContain(_ann.Heard, message => message.Kind == Ratatoskr.Protocol.Messages.MessageKind.Sync);
        Assert.Single(_server.Inner.StoredChanges(Doc));

        _server.Store.FailsAppends = false;
        Settle();
        Assert.Equal(2, _server.Inner.StoredChanges(Doc).Count);
        Assert.True(_ann.Heard[^1].Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));
        Assert.False(_ann.Heard[^1].Flags.HasFlag(SyncFlags.ReadOnly));
    }

    [Fact]
    public void New_edits_are_refused_as_read_only_and_asked_for_when_space_returns()
    {
        _ann.Edit(Doc, "second");
        _server.Settle();
        int held = _server.Inner.Engine.ContentOf(Doc)!.Graph.Count;
        for (int i = 0; i < 5; i++)
        {
            _bob.SayChanges(Doc, _bob[Doc].Edit($"bob {i}"));
            _server.Settle();
            _server.Inner.Tick();
        }

        Assert.Equal("storage_unavailable", Assert.Single(_bob.Errors).ErrorCode);
        Assert.Contains(_bob.Heard, message => message.Flags.HasFlag(SyncFlags.ReadOnly));
        Assert.Equal(held, _server.Inner.Engine.ContentOf(Doc)!.Graph.Count);

        _server.Store.FailsAppends = false;
        Settle();
        Assert.Equal(7, _server.Inner.StoredChanges(Doc).Count);
        Assert.Equal(7, _ann[Doc].Graph.Count);
        _ann.Edit(Doc, "and on");
        Settle();
        Assert.Equal(8, _server.Inner.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Reads_go_on()
    {
        _ann.Edit(Doc, "second");
        _server.Settle();
        TestPeer cid = _server.Connect("cid");
        cid.Open(Doc);
        cid.Open(Other);
        _server.Settle();
        Assert.Equal(2, cid[Doc].Graph.Count);
        Assert.Equal(1, cid[Other].Graph.Count);
        Assert.Empty(cid.Errors);
    }

    private void Settle()
    {
        for (int i = 0; i < 4; i++)
        {
            _server.Inner.Tick();
            _server.Settle();
        }
    }
}
