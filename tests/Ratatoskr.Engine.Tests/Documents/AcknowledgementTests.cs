using Automerge.Changes;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>ADR 0001: the author hears nothing about a document while a change of its own is not on disk.</summary>
public sealed class AcknowledgementTests : IDisposable
{
    private static readonly DocumentId Doc = TestServer.Document("acknowledgement");

    private readonly TestServer _server = new(manualCommit: true);
    private readonly TestPeer _ann, _bob;

    public AcknowledgementTests()
    {
        _ann = _server.Connect("ann");
        _bob = _server.Connect("bob");
        _ann.Open(Doc);
        _bob.Open(Doc);
        _ann.Edit(Doc, "first");
        _server.Settle();
        _server.Commit();
        _server.Settle();
        _ann.Heard.Clear();
        _bob.Heard.Clear();
    }

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Author_is_answered_after_the_commit_and_others_before_it()
    {
        _ann.Edit(Doc, "typed");
        _server.Settle();
        Assert.Empty(_ann.Heard);
        Assert.Single(_bob.Heard);

        _server.Commit();
        _server.Settle();
        Assert.True(Assert.Single(_ann.Heard).Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));
    }

    [Fact]
    public void An_edit_of_another_peer_does_not_let_the_acknowledgement_out_early()
    {
        _ann.Edit(Doc, "mine");
        _server.Settle();
        _bob.Edit(Doc, "his");
        _server.Settle();
        Assert.Empty(_ann.Heard);

        _server.Commit();
        _server.Settle();
        Assert.NotEmpty(_ann.Heard);
        Assert.Equal(3, _ann[Doc].Graph.Count);
    }

    [Fact]
    public void A_commit_of_an_earlier_edit_does_not_let_a_later_acknowledgement_out()
    {
        _ann.Edit(Doc, "one");
        _server.Settle();
        _server.Store.OnAppend = _ => AppendVerdict.Hold;
        _ann.Edit(Doc, "two");
        _server.Settle();
        _server.Commit();
        _server.Settle();
        Assert.Empty(_ann.Heard);

        _server.Store.Release(Doc);
        _server.Commit();
        _server.Settle();
        Assert.Single(_ann.Heard);
    }

    [Fact]
    public void A_duplicate_of_an_uncommitted_change_is_confirmed_only_with_it()
    {
        _bob.Connection.IsWritable = false;                    // so that the relayed change has not reached him
        byte[] change = _ann.Edit(Doc, "mine");
        _server.Settle();
        _bob.SayChanges(Doc, change);
        _server.Settle();
        _server.Drain(_bob);
        _server.Settle();
        Assert.Empty(_bob.Heard);

        _server.Commit();
        _server.Settle();
        Assert.NotEmpty(_bob.Heard);
    }

    [Fact]
    public void Who_queued_an_orphan_is_not_answered_before_it_is_on_disk_also_when_another_frees_it()
    {
        PeerDocument source = new(Doc, new ActorId([7]));
        source.Apply(Assert.Single(_server.Stored(Doc)));
        byte[] dependency = source.Edit("dependency"), orphan = source.Edit("orphan");
        _ann.SayChanges(Doc, orphan);
        _server.Settle();
        _ann.Heard.Clear();

        _bob.SayChanges(Doc, dependency);
        _server.Settle();
        Assert.DoesNotContain(_ann.Heard, m => m.Heads.AsSpan().SequenceEqual(source.Graph.Heads));

        _server.Commit();
        _server.Settle();
        Assert.Contains(_ann.Heard, m => m.Heads.AsSpan().SequenceEqual(source.Graph.Heads));
    }

    [Fact]
    public void A_new_connection_of_the_author_is_not_told_of_what_is_not_on_disk()
    {
        _ann.Edit(Doc, "mine");
        _server.Settle();
        _ann.Disconnect();
        _server.Connect(_ann);
        Assert.DoesNotContain(_ann.Heard, m => m.Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));

        _server.Commit();
        _server.Settle();
        Assert.Contains(_ann.Heard, m => m.Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));
    }

    [Fact]
    public void An_author_whose_lost_change_comes_back_through_another_peer_hears_of_it_after_the_commit()
    {
        // Ann claims heads that the server lacks (it died before the commit); Bob, who was relayed the change, pushes it first.
        byte[] change = _ann[Doc].Edit("lost");
        _ann.SayHeads(Doc);
        _server.Carry(_ann);
        _bob.SayChanges(Doc, change);
        _server.Carry(_bob);
        Assert.DoesNotContain(_ann.Connection.Sent, m => new ServerMessage(m).Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));

        _server.Commit();
        _server.Settle();
        Assert.Contains(_ann.Heard, m => m.Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));
    }

    [Theory]
    [InlineData(AppendVerdict.UnknownStored)]
    [InlineData(AppendVerdict.UnknownLost)]
    public void An_append_of_unknown_outcome_is_repeated_until_it_is_stored(AppendVerdict verdict)
    {
        int calls = 0;
        _server.Store.OnAppend = _ => ++calls < 3 ? verdict : AppendVerdict.Store;
        _ann.Edit(Doc, "mine");
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(i < 3, _ann.Heard.Count == 0);
            _server.Settle();
            _server.Commit();
            _server.Tick();
            _server.Settle();
        }

        Assert.Equal(3, calls);
        Assert.Single(_ann.Heard);
        Assert.Contains(_ann[Doc].Graph.Heads[0], _server.StoredChanges(Doc));
    }

    [Fact]
    public void A_fenced_append_is_given_up_and_asked_for_again_from_its_author()
    {
        for (int i = 0; i < 10; i++) _ann.Edit(Doc, $"before {i}");      // long enough that the whole document is not sent for one change
        _server.Settle();
        _server.Commit();
        _server.Settle();
        _bob.Disconnect();                                     // or he gives it back
        int calls = 0;
        _server.Store.OnAppend = _ => ++calls == 1 ? AppendVerdict.Fence : AppendVerdict.Store;
        _ann.Edit(Doc, "mine");
        _server.Settle();
        _server.Commit();
        Assert.Equal(1, calls);

        _server.Settle();
        _server.Commit();
        _server.Settle();
        Assert.Contains(_ann[Doc].Graph.Heads[0], _server.StoredChanges(Doc));
        Assert.True(_ann.Heard[^1].Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));
    }

    [Fact]
    public async Task A_fence_that_has_moved_is_met_with_a_new_decision()
    {
        ControlNumber number = await _server.Control.AppendAsync(new ControlChange(ControlSubject.Access, TestServer.Document("another"), ""), CancellationToken.None);
        await _server.InForceAsync(number);
        _server.Store.RaiseFence(new Fence(1, number.Value));
        _ann.Edit(Doc, "mine");
        for (int i = 0; i < 5; i++)
        {
            _server.Settle();
            _server.Commit();
        }

        Assert.Contains(_ann[Doc].Graph.Heads[0], _server.StoredChanges(Doc));
    }

    [Fact]
    public async Task CommitAsync_waits_for_what_failed_and_will_be_repeated()
    {
        int calls = 0;
        _server.Store.OnAppend = _ => ++calls == 1 ? AppendVerdict.UnknownLost : AppendVerdict.Store;
        _ann.Edit(Doc, "mine");
        _server.Settle();
        _server.Commit();

        using CancellationTokenSource stop = new();
        Task committed = _server.Engine.CommitAsync(stop.Token);
        Assert.False(committed.IsCompleted);
        _server.Tick();
        _server.Commit();
        _server.Tick();
        await committed;
        Assert.Contains(_ann[Doc].Graph.Heads[0], _server.StoredChanges(Doc));
    }
}
