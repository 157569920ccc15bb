using Automerge.Sync;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>Whole documents as automerge 3.5.0 saves them: in as they are, out as they are, and in pieces for who cannot take them whole.</summary>
public sealed class SnapshotTests : IDisposable
{
    private const int Large = 27;                              // 89 changes: more than what is folded into a tail
    private static readonly DocumentId Doc = TestServer.Document("snapshot");

    private readonly TestServer _server = new(manualCommit: true);
    private readonly TestPeer _ann;

    public SnapshotTests() => _ann = _server.Connect("ann");

    public void Dispose() => _server.Dispose();

    [Fact]
    public void First_whole_document_becomes_the_snapshot_and_is_acknowledged_after_the_commit()
    {
        byte[] saved = Vectors.Saved(Large);
        _ann.Open(Doc, saved);
        _server.Settle();
        Assert.DoesNotContain(_ann.Heard, m => m.Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));

        Commit();
        Assert.Contains(_ann.Heard, m => m.Heads.AsSpan().SequenceEqual(_ann[Doc].Graph.Heads));
        Assert.Equal(saved, Load().Snapshot.Chunk.ToArray());
        Assert.Empty(Load().Tail);
    }

    [Fact]
    public void It_goes_out_as_it_came_with_later_changes_behind_it()
    {
        byte[] saved = Vectors.Saved(Large);
        _ann.Open(Doc, saved);
        _server.Settle();
        byte[] later = _ann.Edit(Doc, "later");
        _server.Settle();
        Commit();

        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        _server.Settle();
        ServerMessage whole = bob.Heard.Single(m => m.Changes.Count > 0);
        Assert.Equal([.. saved, .. later], Assert.Single(whole.Changes));
        Assert.True(bob[Doc].Graph.Heads.SequenceEqual(_ann[Doc].Graph.Heads));
    }

    [Fact]
    public void Few_new_changes_of_a_whole_document_join_the_tail()
    {
        byte[][] changes = Vectors.Changes(Large);
        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        bob.SayChanges(Doc, changes.AsSpan(0, 40));
        _server.Settle();
        Commit();
        _ann.Open(Doc, Vectors.Saved(Large));
        _server.Settle();
        Commit();

        Assert.Equal(0, Load().Snapshot.Chunk.Length);
        Assert.Equal(changes.Length, _server.StoredChanges(Doc).Count);
        Assert.Equal(changes.Length, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Many_new_changes_replace_the_tail_by_the_whole_document()
    {
        byte[][] changes = Vectors.Changes(Large);
        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        bob.SayChanges(Doc, changes.AsSpan(0, 10));
        _server.Settle();
        Commit();
        _ann.Open(Doc, Vectors.Saved(Large));
        _server.Settle();
        Commit();

        Assert.NotEqual(0, Load().Snapshot.Chunk.Length);
        Assert.Empty(Load().Tail);
        Assert.Equal(changes.Length, bob[Doc].Graph.Count);
    }

    [Fact]
    public void An_edit_taken_while_the_snapshot_is_written_is_acknowledged_only_when_it_is_stored_itself()
    {
        _ann.Open(Doc, Vectors.Saved(Large));
        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        _server.Settle();
        bob.Heard.Clear();
        byte[] edit = bob.Edit(Doc, "meanwhile");
        _server.Settle();
        Assert.DoesNotContain(bob.Heard, m => m.Heads.AsSpan().SequenceEqual(bob[Doc].Graph.Heads));

        _server.Commit();                                      // the snapshot; now the edit is on its way
        _server.Settle();
        Assert.DoesNotContain(bob.Heard, m => m.Heads.AsSpan().SequenceEqual(bob[Doc].Graph.Heads));
        Commit();
        Assert.Contains(bob.Heard, m => m.Heads.AsSpan().SequenceEqual(bob[Doc].Graph.Heads));
        Assert.Equal(edit, Assert.Single(_server.Stored(Doc)));
    }

    [Fact]
    public void Peer_that_knows_only_V1_gets_re_created_changes()
    {
        _ann.Open(Doc, Vectors.Saved(Large));
        _server.Settle();
        Commit();
        TestPeer old = _server.Connect("old", speaksV1Only: true);
        old.Open(Doc);
        _server.Settle();

        Assert.True(old[Doc].Graph.Heads.SequenceEqual(_ann[Doc].Graph.Heads));
        Assert.All(old.Heard.Where(m => m.Changes.Count > 0), m => Assert.Equal(SyncVersion.V1, m.Version));
    }

    [Fact]
    public void Two_peers_that_need_different_re_created_changes_both_get_theirs()
    {
        _ann.Open(Doc, Vectors.Saved(Large));
        _server.Settle();
        Commit();
        TestPeer some = _server.Connect("some", speaksV1Only: true), none = _server.Connect("none", speaksV1Only: true);
        some.Open(Doc);
        none.Open(Doc);
        foreach (byte[] change in Vectors.Changes(Large).AsSpan(0, 40)) some[Doc].Apply(change);
        some.Outbox.Clear();
        some.Lose(documents: false);
        some.Open(Doc);
        _server.CarryOneWithoutWork(some);
        _server.CarryOneWithoutWork(none);
        _server.Settle();
        Assert.True(some[Doc].Graph.Heads.SequenceEqual(_ann[Doc].Graph.Heads));
        Assert.True(none[Doc].Graph.Heads.SequenceEqual(_ann[Doc].Graph.Heads));
    }

    [Fact]
    public void Snapshot_and_tail_survive_the_process()
    {
        _ann.Open(Doc, Vectors.Saved(Large));
        _server.Settle();
        _ann.Edit(Doc, "later");
        _server.Settle();
        Commit();
        using TestServer next = new(kept: _server.Store);
        TestPeer bob = next.Connect("bob");
        bob.Open(Doc);
        next.Settle();
        Assert.Equal(90, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Damaged_whole_document_is_refused_and_the_peer_told()
    {
        byte[] saved = Vectors.Saved(Large);
        _ann.Open(Doc);
        saved[^3] ^= 0x40;
        _ann.SayChanges(Doc, saved);
        _server.Settle();
        Assert.Equal("invalid_change", Assert.Single(_ann.Errors).ErrorCode);
        Assert.Equal(StoredPresence.Unknown, Load().Presence);
    }

    [Fact]
    public void Empty_document_chunk_is_taken_as_nothing()
    {
        _ann.Open(Doc);
        _ann.SayChanges(Doc, [0x85, 0x6f, 0x4a, 0x83, 0xb8, 0x1a, 0x95, 0x44, 0x00, 0x04, 0, 0, 0, 0]);
        _server.Settle();
        Commit();
        Assert.Empty(_ann.Errors);
        Assert.Equal(StoredPresence.Unknown, Load().Presence);
    }

    private StoredDocument Load() => _server.Store.LoadAsync(Doc, CancellationToken.None).AsTask().GetAwaiter().GetResult();

    private void Commit()
    {
        for (int i = 0; i < 3; i++)
        {
            _server.Commit();
            _server.Settle();
        }
    }
}
