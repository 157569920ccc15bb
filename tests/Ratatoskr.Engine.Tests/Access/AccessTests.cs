using Automerge.Sync;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Tests.Access;

/// <summary>The access seam: what a policy says binds every frame, and what the control log says binds live connections at once.</summary>
public sealed class AccessTests : IDisposable
{
    private const Permission All = Permission.Read | Permission.Write;
    private static readonly DocumentId Doc = TestServer.Document("access");

    private readonly TestServer _server = new();
    private readonly TestPeer _ann, _eve;

    public AccessTests()
    {
        _ann = _server.Connect("ann", token: "ann");
        _ann.Open(Doc);
        _ann.Edit(Doc, "first");
        _server.Settle();
        _eve = _server.Connect("eve", token: "eve");
        _eve.Heard.Clear();
    }

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Who_may_not_read_is_told_why_and_that_it_is_unavailable()
    {
        _server.Access.Set("eve", Doc, Permission.None);
        _eve.Open(Doc);
        _server.Settle();

        Assert.Equal([MessageKind.Error, MessageKind.DocUnavailable], _eve.Heard.Select(m => m.Kind));
        Assert.Equal("permission_denied", _eve.Heard[0].ErrorCode);

        _eve.SayHeads(Doc);
        _server.Settle();
        Assert.Equal(2, _eve.Unavailables);                    // every question is answered
        Assert.Single(_eve.Errors);                            // the reason is given once
    }

    [Fact]
    public void Who_may_not_read_notices_nothing_of_the_others()
    {
        _server.Access.Set("eve", Doc, Permission.None);
        _eve.Open(Doc);
        _server.Settle();
        _eve.Heard.Clear();
        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        _ann.Edit(Doc, "secret");
        _ann.SayEphemeral(Doc, [1]);
        _server.Settle();
        _server.Tick(5);
        _server.Settle();

        Assert.Empty(_eve.Heard);
        Assert.Equal(2, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Who_may_not_read_cannot_write_either()
    {
        _server.Access.Set("eve", Doc, Permission.None);
        _eve.Open(Doc);
        _eve.SayChanges(Doc, _eve[Doc].Edit("forbidden"));
        _eve.SayEphemeral(Doc, [1]);
        _ann.Heard.Clear();
        _server.Settle();

        Assert.Single(_server.StoredChanges(Doc));
        Assert.Empty(_ann.Heard);
    }

    [Fact]
    public async Task A_grant_brings_the_document_to_a_peer_that_was_refused_without_reconnecting()
    {
        _server.Access.Set("eve", Doc, Permission.None);
        _eve.Open(Doc);
        _server.Settle();

        _server.Access.Set("eve", Doc, Permission.Read);
        await _server.ChangeAccessAsync(Doc);
        _server.Settle();

        Assert.Equal(1, _eve[Doc].Graph.Count);
        Assert.False(_eve[Doc].IsUnavailable);
    }

    [Fact]
    public async Task A_revocation_is_told_at_once_and_ends_the_flow_both_ways()
    {
        _eve.Open(Doc);
        _server.Settle();
        _eve.Heard.Clear();

        _server.Access.Set("eve", Doc, Permission.None);
        await _server.ChangeAccessAsync(Doc);
        _server.Settle();
        Assert.Equal(MessageKind.DocUnavailable, _eve.Heard[^1].Kind);

        _ann.Edit(Doc, "secret");
        _eve.Edit(Doc, "forbidden");
        _server.Settle();
        Assert.Equal(1 + 1, _eve[Doc].Graph.Count);
        Assert.Equal(2, _server.StoredChanges(Doc).Count);
    }

    [Fact]
    public async Task What_was_written_while_revoked_arrives_after_a_new_grant()
    {
        _eve.Open(Doc);
        _server.Settle();
        _server.Access.Set("eve", Doc, Permission.None);
        await _server.ChangeAccessAsync(Doc);
        _server.Settle();
        _eve.Edit(Doc, "unheard");
        _ann.Edit(Doc, "secret");
        _server.Settle();

        _server.Access.Set("eve", Doc, All);
        await _server.ChangeAccessAsync(Doc);
        _server.Settle();

        Assert.Equal(3, _server.StoredChanges(Doc).Count);
        Assert.Equal(3, _ann[Doc].Graph.Count);
        Assert.Equal(3, _eve[Doc].Graph.Count);
    }

    [Fact]
    public void A_reader_is_told_read_only_gets_edits_and_cannot_write()
    {
        _server.Access.Set("eve", Doc, Permission.Read);
        _eve.Open(Doc);
        _server.Settle();
        Assert.All(_eve.Heard, m => Assert.True(m.Flags.HasFlag(SyncFlags.ReadOnly)));

        _eve.Edit(Doc, "forbidden");
        _server.Settle();
        _ann.Edit(Doc, "second");
        _server.Settle();

        Assert.Equal(2, _server.StoredChanges(Doc).Count);
        Assert.Equal(2, _ann[Doc].Graph.Count);
        Assert.Equal(3, _eve[Doc].Graph.Count);
        Assert.Empty(_eve.Errors);                             // 3.5.0 heeds the flag and sends nothing that had to be refused
    }

    [Fact]
    public void A_reader_that_does_not_know_the_flag_is_told_once_and_does_not_loop()
    {
        _server.Access.Set("old", Doc, Permission.Read);
        TestPeer old = _server.Connect("old", speaksV1Only: true, token: "old");
        old.Open(Doc);
        _server.Settle();
        for (int i = 0; i < 3; i++)
        {
            old.Edit(Doc, "forbidden");
            _server.Settle();
        }

        Assert.Equal("permission_denied", Assert.Single(old.Errors).ErrorCode);
        Assert.Single(_server.StoredChanges(Doc));
        _ann.Edit(Doc, "second");
        _server.Settle();
        Assert.Equal(2 + 3, old[Doc].Graph.Count);
    }

    [Fact]
    public async Task Losing_write_access_is_told_at_once()
    {
        _eve.Open(Doc);
        _server.Settle();
        _eve.Heard.Clear();

        _server.Access.Set("eve", Doc, Permission.Read);
        await _server.ChangeAccessAsync(Doc);
        _server.Settle();

        Assert.Contains(_eve.Heard, m => m.Flags.HasFlag(SyncFlags.ReadOnly));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Gaining_write_access_brings_the_edits_made_before_it(bool speaksV1Only)
    {
        _server.Access.Set("bob", Doc, Permission.Read);
        TestPeer bob = _server.Connect("bob", speaksV1Only, token: "bob");
        bob.Open(Doc);
        _server.Settle();
        bob.Edit(Doc, "early");
        _server.Settle();
        Assert.Single(_server.StoredChanges(Doc));

        _server.Access.Set("bob", Doc, All);
        await _server.ChangeAccessAsync(Doc);
        _server.Settle();

        Assert.Equal(2, _server.StoredChanges(Doc).Count);
        Assert.Equal(2, _ann[Doc].Graph.Count);
    }

    [Fact]
    public async Task A_change_of_access_asks_the_policy_again_for_its_document_only()
    {
        DocumentId other = TestServer.Document("other");
        _ann.Open(other);
        _ann.Edit(other, "x");
        _server.Settle();
        int before = _server.Access.Decisions;

        await _server.ChangeAccessAsync(Doc);
        _ann.Edit(other, "y");
        _server.Settle();

        Assert.Equal(before + 1, _server.Access.Decisions);
    }
}
