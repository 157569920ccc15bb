using Automerge.Sync;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;
using SharedTests.Accounts;

namespace Ratatoskr.Engine.Tests.Access;

/// <summary>Accounts on the socket: decisions that take time, changes of access on live connections, deletion, registration, expiry, revocation.</summary>
public sealed class AccountAccessTests : IDisposable
{
    private const Permission All = Permission.Read | Permission.Write;
    private static readonly DocumentId Doc = TestServer.Document("access"), Other = TestServer.Document("other");

    private readonly AccountServer _server = new();

    private FakeAccounts Accounts => _server.Accounts;

    public void Dispose() => _server.Dispose();

    [Fact]
    public void Messages_wait_for_the_decision_and_are_taken_in_order_when_it_comes()
    {
        Accounts.Register(Doc, "ann");
        TestPeer ann = _server.Connect("ann");
        Accounts.IsSlow = true;
        ann.Open(Doc);
        ann.Edit(Doc, "one");
        ann.Edit(Doc, "two");
        Settle();
        Assert.Empty(Stored(Doc));
        Assert.DoesNotContain(ann.Heard, m => m.Kind == MessageKind.Sync);

        AnswerAll();

        Assert.Equal(2, Stored(Doc).Count);
        Assert.Empty(ann.Errors);
    }

    [Fact]
    public void Waiting_for_one_document_holds_up_no_other()
    {
        Accounts.Register(Doc, "ann");
        Accounts.Register(Other, "ann");
        TestPeer ann = _server.Connect("ann");
        ann.Open(Other);
        Settle();
        Accounts.IsSlow = true;
        ann.Open(Doc);
        ann.Edit(Other, "meanwhile");
        Settle();

        Assert.Single(Stored(Other));
        AnswerAll();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Changes_that_came_while_access_was_taken_are_asked_for_again_when_it_is_given(bool speaksV1Only)
    {
        Accounts.Register(Doc, "ann");
        TestPeer bob = _server.Server.Connect(new TestPeer("bob", speaksV1Only, token: "bob"));
        bob.Open(Doc);
        bob.Edit(Doc);
        Settle();
        _server.Share(Doc, ("bob", All));
        bob.Listen();                                        // the server asks, and what it is sent in return does not get through
        Assert.NotEmpty(bob.Outbox);
        _server.Share(Doc);
        Settle();
        Assert.Empty(Stored(Doc));

        TestPeer ann = _server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc);
        Settle();
        _server.Share(Doc, ("bob", All));
        Settle();
        Assert.Equal(2, Stored(Doc).Count);
    }

    [Fact]
    public void Decision_made_while_access_changed_is_discarded_and_made_again()
    {
        Accounts.Register(Doc, "ann", ("bob", All));
        Write(Doc, "secret");
        TestPeer bob = _server.Connect("bob");
        _server.Resolver.Changed(new ControlChange(ControlSubject.Access, Doc, ""));      // not in memory any more
        Accounts.IsSlow = true;
        bob.Open(Doc);
        bob.SayChanges(Doc, bob[Doc].Edit("forbidden"));
        Settle();
        Assert.True(Accounts.Waiting > 0);

        // The answer that is under way says yes.
        Accounts.Register(Doc, "ann");
        _server.Bind(ControlSubject.Access, Doc);
        AnswerAll();

        Assert.Equal(0, bob[Doc].Graph.Count - 1);
        Assert.Single(Stored(Doc));
        Assert.Equal("permission_denied", Assert.Single(bob.Errors).ErrorCode);
    }

    [Fact]
    public void Revocation_binds_before_the_new_decision_is_known()
    {
        Accounts.Register(Doc, "ann", ("bob", All));
        Write(Doc, "first");
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        Settle();
        bob.Heard.Clear();

        Accounts.IsSlow = true;
        Accounts.Register(Doc, "ann");
        _server.Bind(ControlSubject.Access, Doc);              // in force, though nobody knows yet who may what
        ann.SayEphemeral(Doc, [1]);
        bob.SayChanges(Doc, bob[Doc].Edit("forbidden"));
        Settle();
        Assert.Empty(bob.Heard);
        Assert.Single(Stored(Doc));

        AnswerAll();
        ann.Edit(Doc, "second");
        Settle();
        Assert.Equal([MessageKind.Error, MessageKind.DocUnavailable], bob.Heard.Select(m => m.Kind).Distinct());
        Assert.Equal(2, Stored(Doc).Count);
    }

    [Fact]
    public void Edits_that_fall_due_while_a_reader_is_undecided_reach_it_afterwards()
    {
        Accounts.Register(Doc, "ann", ("bob", Permission.Read));
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob");
        ann.Open(Doc);
        ann.Edit(Doc, "one");
        bob.Open(Doc);
        Settle();

        ann.Edit(Doc, "two");
        _server.Server.Carry(ann);                             // marked, and at once:
        Accounts.IsSlow = true;
        _server.Bind(ControlSubject.Access, Doc);
        AnswerAll();

        Assert.Equal(2, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Grant_and_loss_of_writing_are_told_on_the_live_connection()
    {
        Accounts.Register(Doc, "ann");
        Write(Doc, "first");
        TestPeer bob = _server.Connect("bob");
        bob.Open(Doc);
        Settle();
        Assert.Equal("permission_denied", Assert.Single(bob.Errors).ErrorCode);
        Assert.Equal("Read access required", bob.Errors.Single().ErrorText);
        Assert.True(bob[Doc].IsUnavailable);

        _server.Share(Doc, ("bob", Permission.Read));
        Settle();
        Assert.Equal(1, bob[Doc].Graph.Count);
        Assert.Contains(bob.Heard, m => m.Flags.HasFlag(SyncFlags.ReadOnly));

        _server.Share(Doc, ("bob", All));
        Settle();
        bob.Edit(Doc, "mine");
        Settle();
        Assert.Equal(2, Stored(Doc).Count);

        bob.Heard.Clear();
        _server.Share(Doc, ("bob", Permission.Read));
        Settle();
        Assert.Contains(bob.Heard, m => m.Flags.HasFlag(SyncFlags.ReadOnly));
        bob.SayChanges(Doc, bob[Doc].Edit("forbidden"));
        Settle();
        Assert.Equal(2, Stored(Doc).Count);
        Assert.Equal("Write access required to apply changes", Assert.Single(bob.Errors).ErrorText);
    }

    [Fact]
    public void Unregistered_document_starts_when_it_is_registered_with_the_registrants_announcement_only()
    {
        TestPeer ann = _server.Connect("ann"), eve = _server.Connect("eve");
        foreach (TestPeer peer in new[] { ann, eve })
        {
            peer.Open(Doc);
            peer.Edit(Doc, $"{peer.Name}'s");
        }

        Settle();
        foreach (TestPeer peer in new[] { ann, eve })
        {
            Assert.Equal("document_not_found", Assert.Single(peer.Errors).ErrorCode);
            Assert.Equal("Document must be created via API before syncing", peer.Errors.Single().ErrorText);
            Assert.True(peer.Unavailables > 0);
        }

        Accounts.Register(Doc, "ann");
        _server.Bind(ControlSubject.Registered, Doc);
        Settle();

        Assert.Single(Stored(Doc));
        Assert.Equal(1, ann[Doc].Graph.Count);
        Assert.Equal(1, eve[Doc].Graph.Count);
        Assert.Equal("permission_denied", eve.Errors.Last().ErrorCode);
    }

    [Fact]
    public async Task Deleted_document_is_told_freed_and_takes_nothing_any_more()
    {
        Accounts.Register(Doc, "ann", ("bob", All));
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob");
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        bob.Open(Doc);
        Settle();
        bob.Heard.Clear();

        Accounts.Remove(Doc);
        _server.Bind(ControlSubject.Deleted, Doc);
        Task deleted = _server.Server.Engine.DeleteAsync(Doc, "ann", 0);
        bob.Edit(Doc, "too late");
        Settle();
        await deleted;
        SynchronizationContext.SetSynchronizationContext(null);

        Assert.Equal("document_not_found", bob.Heard[0].ErrorCode);
        Assert.Equal(MessageKind.DocUnavailable, bob.Heard[1].Kind);
        Assert.Equal(StoredPresence.Tombstoned, (await _server.Server.Store.LoadAsync(Doc, CancellationToken.None)).Presence);
        Assert.Null(_server.Server.Engine.ContentOf(Doc));

        // Its owner may have the id again; what peers still hold comes back by their own hand only.
        SynchronizationContext.SetSynchronizationContext(null);
        Accounts.Register(Doc, "ann");
        _server.Bind(ControlSubject.Registered, Doc);
        Settle();
        Assert.Single(Stored(Doc));                            // ann's
        Assert.Equal(2, bob[Doc].Graph.Count);
    }

    [Fact]
    public async Task Deletion_waits_for_what_is_under_way_and_wins()
    {
        Accounts.Register(Doc, "ann");
        TestPeer ann = _server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        Settle();
        ann.Disconnect();
        _server.Server.Tick(120);                              // out of memory
        ann = _server.Connect("ann");
        Accounts.IsSlow = true;
        _server.Resolver.Changed(new ControlChange(ControlSubject.Access, Doc, ""));
        ann.Open(Doc);
        Settle();                                              // waits for a decision

        Task first = _server.Server.Engine.DeleteAsync(Doc, "ann", 0), second = _server.Server.Engine.DeleteAsync(Doc, "ann", 0);
        Settle();
        Assert.False(first.IsCompleted);
        Accounts.Remove(Doc);
        _server.Bind(ControlSubject.Deleted, Doc);
        AnswerAll();
        await first;
        await second;
        Assert.Equal(StoredPresence.Tombstoned, (await _server.Server.Store.LoadAsync(Doc, CancellationToken.None)).Presence);
    }

    [Fact]
    public void Document_is_gone_the_moment_it_expires()
    {
        Accounts.Put(Accounts.Register(Doc, "ann", ("bob", All)) with { ExpiresAt = _server.Server.Time.GetUtcNow().AddSeconds(30) });
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob");
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        bob.Open(Doc);
        Settle();
        Assert.Equal(1, bob[Doc].Graph.Count);

        _server.Server.Time.Advance(30_000 - 1);
        ann.Edit(Doc, "in time");
        Settle();
        Assert.Equal(2, bob[Doc].Graph.Count);

        bob.Heard.Clear();
        _server.Server.Time.Advance(1);                        // no tick yet
        ann.SayChanges(Doc, ann[Doc].Edit("too late"));
        _server.Server.Carry(ann);
        Assert.Equal(2, Stored(Doc).Count);
        _server.Server.Tick();
        Settle();
        Assert.Equal("document_not_found", bob.Heard[0].ErrorCode);
        Assert.Equal(MessageKind.DocUnavailable, bob.Heard[1].Kind);
    }

    [Fact]
    public void Policy_that_fails_is_told_and_asked_again()
    {
        Accounts.Register(Doc, "ann");
        TestPeer ann = _server.Connect("ann");
        Accounts.Failure = new IOException("the database is away");
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        Settle();
        Assert.Equal("internal_error", Assert.Single(ann.Errors).ErrorCode);
        Assert.True(ann[Doc].IsUnavailable);

        _server.Server.Tick(2);
        Settle();
        Assert.Single(Stored(Doc));
    }

    [Theory]
    [InlineData("read", 1)]
    [InlineData("doc:other", 0)]
    public void Scopes_bind_on_the_socket(string scope, int received)
    {
        Accounts.Register(Doc, "ann");
        Write(Doc, "first");
        _server.Scopes["ann/cli"] = [scope];
        TestPeer cli = _server.Connect("cli", "ann/cli");
        cli.Open(Doc);
        Settle();
        Assert.Equal(received, cli[Doc].Graph.Count);

        cli.SayChanges(Doc, cli[Doc].Edit("forbidden"));
        Settle();
        Assert.Single(Stored(Doc));
        Assert.Equal("permission_denied", cli.Errors.Last().ErrorCode);
    }

    [Fact]
    public void Ephemeral_messages_need_read_permission_and_an_open_document_that_exists()
    {
        Accounts.Register(Doc, "ann", ("public", Permission.Read));
        Accounts.Register(Other, "ann");
        TestPeer ann = _server.Connect("ann"), nobody = _server.Connect("nobody", anonymous: true);
        ann.Open(Doc);
        ann.Open(Other);
        Settle();
        ann.Heard.Clear();

        nobody.SayEphemeral(Doc, [1]);                         // not open
        nobody.Open(Other);                                    // may not
        nobody.SayEphemeral(Other, [2]);
        Settle();
        Assert.Empty(ann.Heard);

        nobody.Open(Doc);
        nobody.SayEphemeral(Doc, [3]);
        Settle();
        Assert.Single(ann.Heard, m => m.Kind == MessageKind.Ephemeral);
    }

    [Fact]
    public void Ephemeral_messages_kept_for_a_slow_reader_are_not_sent_after_its_revocation()
    {
        Accounts.Register(Doc, "ann", ("bob", Permission.Read));
        TestPeer ann = _server.Connect("ann"), bob = _server.Connect("bob");
        ann.Open(Doc);
        ann.Edit(Doc, "x");
        bob.Open(Doc);
        Settle();
        bob.Heard.Clear();
        bob.Connection.IsWritable = false;
        ann.SayEphemeral(Doc, [1]);
        Settle();

        _server.Share(Doc);
        _server.Server.Drain(bob);
        Settle();

        Assert.DoesNotContain(bob.Heard, m => m.Kind == MessageKind.Ephemeral);
    }

    [Fact]
    public void Revoked_credential_ends_its_connections_and_no_other()
    {
        Accounts.Register(Doc, "ann");
        TestPeer ann = _server.Connect("ann"), cli = _server.Connect("cli", "ann/cli");
        foreach (TestPeer peer in new[] { ann, cli }) peer.Open(Doc);
        Settle();

        _server.Revoke("ann/cli");
        cli.SayChanges(Doc, cli[Doc].Edit("forbidden"));
        cli.Listen();
        Settle();

        Assert.Equal("invalid_token", cli.Heard[^1].ErrorCode);
        Assert.Equal(MessageKind.AuthError, cli.Heard[^1].Kind);
        Assert.Equal(CloseCode.PolicyViolation, cli.Connection.ClosedWith);
        Assert.Null(ann.Connection.ClosedWith);
        Assert.Empty(Stored(Doc));

        _server.Revoke("ann");                                 // the user
        Assert.Equal(CloseCode.PolicyViolation, ann.Connection.ClosedWith);
    }

    [Fact]
    public void Credential_revoked_while_it_is_looked_at_is_looked_at_again()
    {
        _server.Gate = new TaskCompletionSource();
        TestPeer ann = new("ann", token: "ann");
        ann.Connect(_server.Server.Engine);
        Task hello = ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask();
        _server.Revoke("ann");                                 // found valid just before
        _server.Gate.SetResult();
        SpinWait.SpinUntil(() => hello.IsCompleted);
        ann.Listen();

        Assert.Equal(2, _server.Authentications);
        Assert.Equal("invalid_token", Assert.Single(ann.Heard).ErrorCode);
        Assert.Equal(CloseCode.PolicyViolation, ann.Connection.ClosedWith);
    }

    [Fact]
    public void Connection_closes_when_its_credential_ends_unless_the_user_shows_another()
    {
        DateTimeOffset now = _server.Server.Time.GetUtcNow();
        _server.Ends["ann"] = now.AddMinutes(1);
        _server.Ends["ann/2"] = now.AddMinutes(2);
        TestPeer ann = _server.Connect("ann"), lazy = _server.Connect("lazy", "ann");
        ann.Say(MessageBytes.Auth("ann/2"));
        Settle();
        Assert.Equal(MessageKind.AuthOk, ann.Heard[^1].Kind);

        _server.Server.Tick(60);
        Assert.Equal(CloseCode.PolicyViolation, lazy.Connection.ClosedWith);
        Assert.Null(ann.Connection.ClosedWith);
        _server.Server.Tick(60);
        Assert.Equal(CloseCode.PolicyViolation, ann.Connection.ClosedWith);
    }

    [Theory]
    [InlineData("bob")]
    [InlineData("bad")]
    public void Second_auth_of_somebody_else_changes_nothing(string token)
    {
        TestPeer ann = _server.Connect("ann");
        ann.Say(MessageBytes.Auth(token));
        Settle();

        Assert.Equal("already_authenticated", ann.Heard[^1].ErrorCode);
        Assert.Null(ann.Connection.ClosedWith);
        Accounts.Register(Doc, "ann");
        ann.Open(Doc);
        ann.Edit(Doc, "still ann");
        Settle();
        Assert.Single(Stored(Doc));
    }

    [Fact]
    public void Renewal_with_narrower_scopes_binds_documents_that_are_open()
    {
        Accounts.Register(Doc, "ann");
        _server.Scopes["ann/read"] = ["read"];
        TestPeer ann = _server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "one");
        Settle();

        ann.Say(MessageBytes.Auth("ann/read"));
        Settle();
        ann.SayChanges(Doc, ann[Doc].Edit("forbidden"));
        Settle();

        Assert.Single(Stored(Doc));
    }

    [Fact]
    public void Peer_id_passes_to_the_same_principal_only_and_among_the_anonymous_to_who_finds_it_silent()
    {
        TestPeer ann = _server.Connect("peer", "ann"), thief = _server.Connect("peer", "eve"), again = _server.Connect("peer", "ann/2");
        Assert.NotNull(thief.Connection.ClosedWith);
        Assert.NotNull(ann.Connection.ClosedWith);
        Assert.Null(again.Connection.ClosedWith);

        TestPeer nobody = _server.Connect("nobody", anonymous: true), rude = _server.Connect("nobody", anonymous: true);
        Assert.NotNull(rude.Connection.ClosedWith);
        Assert.Null(nobody.Connection.ClosedWith);
        nobody.Connection.IsSilent = true;
        TestPeer heir = _server.Connect("nobody", anonymous: true);
        Assert.Null(heir.Connection.ClosedWith);
        Assert.NotNull(nobody.Connection.ClosedWith);
        TestPeer named = _server.Connect("nobody", "ann");     // not even then
        Assert.NotNull(named.Connection.ClosedWith);
    }

    private IReadOnlyCollection<Automerge.Changes.ChangeHash> Stored(DocumentId id) => _server.Server.StoredChanges(id);

    private void Settle() => _server.Server.Settle();

    private void AnswerAll()
    {
        for (int round = 0; round < 10; round++)
        {
            Accounts.AnswerAll();
            Settle();
        }

        Assert.Equal(0, Accounts.Waiting);
    }

    private void Write(DocumentId id, string value)
    {
        TestPeer writer = _server.Connect("writer", Accounts[id].OwnerId);
        writer.Open(id);
        writer.Edit(id, value);
        Settle();
        writer.Disconnect();
        Settle();
    }
}
