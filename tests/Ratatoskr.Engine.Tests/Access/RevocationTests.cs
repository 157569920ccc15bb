using Automerge.Changes;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Engine.Tests.Access;

/// <summary>When the API says that access was taken, nothing of what was written under it is stored any more.</summary>
public sealed class RevocationTests : IDisposable
{
    private const Permission All = Permission.Read | Permission.Write;
    private static readonly DocumentId Doc = TestServer.Document("revoked"), Other = TestServer.Document("other");

    private readonly AccountServer _server = new(manualCommit: true);
    private readonly TestPeer _ann, _bob;

    public RevocationTests()
    {
        _server.Accounts.Register(Doc, "ann", ("bob", All));
        _server.Accounts.Register(Other, "ann");
        (_ann, _bob) = (_server.Connect("ann"), _server.Connect("bob"));
        _ann.Open(Doc);
        _ann.Edit(Doc, "first");
        Commit();
        _bob.Open(Doc);
        Settle();
    }

    private InMemoryChunkStore Store => _server.Server.Store;

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Is_in_force_when_what_was_taken_before_is_on_disk()
    {
        _bob.Edit(Doc, "just before");
        Settle();
        Task revoked = TakeFromBob();
        Assert.False(revoked.IsCompleted);

        Commit();
        Assert.True(IsBound(revoked));
        Assert.Equal(2, Stored);
    }

    [Fact]
    public void Waits_for_no_writer_who_comes_later()
    {
        _bob.Edit(Doc, "just before");
        Settle();
        Task revoked = TakeFromBob();
        Store.OnAppend = _ => AppendVerdict.Hold;
        _ann.Edit(Doc, "and on");
        Settle();

        Commit();
        Assert.True(IsBound(revoked));
        Store.Release(Doc);
        Commit();
        Assert.Equal(3, Stored);
    }

    [Fact]
    public void Of_a_credential_waits_for_what_it_has_written_though_its_connection_is_gone()
    {
        _bob.Edit(Doc, "just before");
        Settle();
        _server.Revoked.Add("bob");
        Task revoked = _server.Server.BeginBind(new ControlChange(ControlSubject.Revoked, default, "bob"));
        Settle();
        Assert.NotNull(_bob.Connection.ClosedWith);
        Assert.False(revoked.IsCompleted);

        Commit();
        Assert.True(IsBound(revoked));
    }

    [Fact]
    public void Binds_at_once_though_an_earlier_one_still_waits_for_the_disk()
    {
        _ann.Open(Other);
        _ann.Edit(Other, "held");
        Settle();
        Task first = _server.Server.BeginBind(new ControlChange(ControlSubject.Access, Other, ""));
        Settle();
        Task second = TakeFromBob();
        Settle();
        _bob.SayChanges(Doc, _bob[Doc].Edit("forbidden"));
        Settle();
        Assert.False(first.IsCompleted);
        Assert.Equal("permission_denied", Assert.Single(_bob.Errors).ErrorCode);

        Commit();
        Assert.True(IsBound(first) && IsBound(second));
        Assert.Equal(1, Stored);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_could_not_be_stored_before_is_not_tried_again_after(bool failsAfter)
    {
        Store.OnAppend = _ => AppendVerdict.UnknownLost;
        _ann.Disconnect();                                     // she would bring what she has heard of bob
        _bob.Edit(Doc, "just before");
        Settle();
        if (!failsAfter) Commit();
        Task revoked = TakeFromBob();
        if (failsAfter)
        {
            Assert.False(revoked.IsCompleted);
            Commit();
        }

        Assert.True(IsBound(revoked));
        Store.OnAppend = null;
        _server.Server.Tick(10);
        Commit();
        Assert.Equal(1, Stored);

        _server.Server.Connect(_ann);
        _ann.Edit(Doc, "and on");
        Commit();
        Assert.Equal(2, Stored);
        Assert.Equal(3, _bob[Doc].Graph.Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_other_writers_have_heard_of_it_they_may_bring(bool failsAfter)
    {
        Store.OnAppend = _ => AppendVerdict.UnknownLost;
        _bob.Edit(Doc, "just before");
        Settle();
        if (!failsAfter) Commit();
        Task revoked = TakeFromBob();
        if (failsAfter) Commit();
        Assert.True(IsBound(revoked));

        Store.OnAppend = null;
        Commit();
        _server.Server.Tick();
        Commit();
        Assert.Equal(2, _ann[Doc].Graph.Count);
        Assert.Equal(2, Stored);
    }

    [Fact]
    public void Of_a_writer_gives_up_its_changes_that_wait_for_others()
    {
        (byte[] dependency, byte[] orphan) = MakePair();
        _bob.SayChanges(Doc, orphan);
        Settle();
        Task revoked = TakeFromBob();
        Assert.True(IsBound(revoked));

        _ann.SayChanges(Doc, dependency);
        Settle();
        Commit();
        Assert.Equal(2, Stored);
    }

    [Fact]
    public void Of_a_credential_gives_up_its_changes_that_wait_for_others()
    {
        (byte[] dependency, byte[] orphan) = MakePair();
        _bob.SayChanges(Doc, orphan);
        Settle();
        _server.Revoke("bob");

        _ann.SayChanges(Doc, dependency);
        Settle();
        Commit();
        Assert.Equal(2, Stored);
    }

    [Theory]
    [InlineData("")]
    [InlineData("access")]
    [InlineData("credential")]
    public void Gives_up_what_waits_for_its_document_though_its_writer_is_gone(string revoked)
    {
        _server.Share(Other, ("bob", All));
        _server.Hooks.HoldsLoads = true;
        _bob.SayChanges(Other, PeerDocument.Make(new(1), new([1]), "last words", 1, out _));
        _server.Server.Carry(_bob);
        _bob.Disconnect();
        _server.Server.Scheduler.RunAll();
        if (revoked == "access") _server.Accounts.Register(Other, "ann");
        if (revoked == "access") _server.Server.BeginBind(new ControlChange(ControlSubject.Access, Other, ""));
        if (revoked == "credential") _server.Server.BeginBind(new ControlChange(ControlSubject.Revoked, default, "bob"));

        _server.Hooks.ReleaseHeld();
        Commit();
        Assert.Equal(revoked.Length == 0 ? 1 : 0, _server.Server.StoredChanges(Other).Count);
    }

    [Fact]
    public void What_reaches_the_disk_after_it_was_given_up_is_there_for_everybody()
    {
        (_, byte[] orphan) = MakePair();
        _ann.Edit(Doc, "on its way");
        _server.Server.Carry(_ann);
        _ann.Disconnect();
        _bob.SayChanges(Doc, orphan);
        Settle();
        Task revoked = TakeFromBob();                          // gives up what waits, and with it what is on its way
        Settle();
        Commit();
        Assert.True(IsBound(revoked));
        Assert.Equal(2, Stored);

        TestPeer again = _server.Connect("ann/2");
        again.Open(Doc);
        Settle();
        Assert.Equal(2, again[Doc].Graph.Count);
    }

    private int Stored => _server.Server.StoredChanges(Doc).Count;

    // One change, and one that comes after it.
    private (byte[] Dependency, byte[] Orphan) MakePair()
    {
        PeerDocument source = new(Doc, new ActorId([7]));
        source.Apply(Assert.Single(_server.Server.Stored(Doc)));
        return (source.Edit("dependency"), source.Edit("orphan"));
    }

    private Task TakeFromBob()
    {
        _server.Accounts.Register(Doc, "ann", ("bob", Permission.Read));
        return _server.Server.BeginBind(new ControlChange(ControlSubject.Access, Doc, ""));
    }

    private void Settle() => _server.Server.Settle();

    private void Commit()
    {
        Settle();
        _server.Server.Commit();
        Settle();
    }

    private bool IsBound(Task change) => _server.Server.IsBound(change);
}
