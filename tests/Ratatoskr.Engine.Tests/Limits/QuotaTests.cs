using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using SharedTests.Accounts;

namespace Ratatoskr.Engine.Tests.Limits;

/// <summary>Quotas on the socket: counted from what is stored, reserved before anything is taken, lifted when there is room.</summary>
public sealed class QuotaTests : IDisposable
{
    private const Permission All = Permission.Read | Permission.Write;
    private static readonly DocumentId Doc = TestServer.Document("quota"), Other = TestServer.Document("other");

    private readonly AccountServer _server = new(engineLimits: new EngineLimits { QuietBeforeCompactionMs = 1 << 30 }, shards: 2);

    private FakeAccounts Accounts => _server.Accounts;

    public void Dispose() => _server.Dispose();

    [Fact]
    public void What_is_stored_is_recorded_and_charged_to_the_owner_whoever_writes()
    {
        Accounts.Register(Doc, "ann", ("bob", All));
        TestPeer bob = Connect("bob");
        bob.Open(Doc);
        bob.Edit(Doc, new string('x', 1_000));
        Settle();
        _server.Server.Tick(4);

        long stored = _server.Server.Stored(Doc).Sum(c => (long)c.Length);
        Assert.True(stored > 1_000);
        Assert.Equal(stored, Accounts.Recorded[Doc]);
        Assert.True(_server.Ledger.TryGet("ann", out OwnerAccount? account));
        Assert.Equal(stored, account.StorageBytes);
        Assert.False(_server.Ledger.TryGet("bob", out _));
    }

    [Theory]
    [InlineData(2_000, 1 << 20, "maxDocumentSize", "Document size quota exceeded")]
    [InlineData(1 << 20, 2_000, "maxTotalStorage", "Total storage quota exceeded")]
    public void Change_beyond_a_quota_is_refused_and_its_author_read_only_until_there_is_room(int size, int total, string quota, string text)
    {
        Accounts.Limit("ann", size, total);
        Accounts.Register(Doc, "ann");
        TestPeer ann = Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, Noise(1_500));
        Settle();
        Assert.Empty(ann.Errors);

        ann.SayChanges(Doc, ann[Doc].Edit(Noise(1_500)));
        Settle();

        ServerMessage error = Assert.Single(ann.Errors);
        Assert.Equal(("quota_exceeded", quota, text), (error.ErrorCode, error.Quota, error.ErrorText));
        Assert.Equal(2_000, error.Limit);
        Assert.InRange(error.Current, 500, 2_000);
        Assert.Single(_server.Server.StoredChanges(Doc));
        Assert.Contains(ann.Heard, m => m.Flags.HasFlag(SyncFlags.ReadOnly));

        // The operator gives him more.
        Accounts.Limit("ann", 1 << 20, 1 << 20);
        _server.Bind(new ControlChange(ControlSubject.Settings, default, ""));
        Settle();
        Assert.Equal(2, _server.Server.StoredChanges(Doc).Count);
    }

    [Fact]
    public async Task What_a_process_that_died_did_not_record_is_recorded_when_the_owner_comes_though_a_reader_came_first()
    {
        byte[] change = PeerDocument.Make(new ChangeGraph(1), new ActorId([1]), "stored", 1, out ChangeHash hash);
        await _server.Server.Store.AppendAsync(new AppendBatch(Doc, change, new[] { hash }), new Fence(1, 0), CancellationToken.None);
        Accounts.Register(Doc, "ann", ("bob", Permission.Read));
        Connect("bob").Open(Doc);
        Settle();
        Connect("ann").Open(Doc);
        Settle();
        _server.Server.Tick(4);
        Assert.Equal(change.Length, Accounts.Recorded.GetValueOrDefault(Doc));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_promised_to_changes_that_wait_for_the_op_set_is_set_right_when_their_author_goes_or_is_sent_away(bool isSentAway)
    {
        Accounts.Register(Doc, "ann", ("bob", All));
        TestPeer ann = Connect("ann"), bob = Connect("bob");
        ann.Open(Doc);
        ann.Edit(Doc);
        bob.Open(Doc);
        Settle();
        _server.Server.Tick(120);                            // the op set has left memory
        bob.Edit(Doc, Noise(1_000));
        _server.Server.CarryOneWithoutWork(bob);             // the changes wait for it
        if (isSentAway) ((PeerSession)bob.Session!).Revoke();
        bob.Disconnect();
        Settle();

        long stored = _server.Server.Stored(Doc).Sum(c => (long)c.Length);
        Assert.Equal(isSentAway, stored < 1_000);
        Assert.True(_server.Ledger.TryGet("ann", out OwnerAccount? account));
        Assert.Equal(stored, account.StorageBytes);
    }

    [Fact]
    public void Small_changes_still_fit_after_a_large_one_was_refused_once_there_is_room_for_it()
    {
        Accounts.Limit("ann", 1 << 20, 4_000);
        Accounts.Register(Doc, "ann");
        Accounts.Register(Other, "ann");
        TestPeer ann = Connect("ann");
        ann.Open(Other);
        ann.Edit(Other, Noise(2_000));
        ann.Open(Doc);
        Settle();
        ann.Edit(Doc, Noise(2_500));
        Settle();
        Assert.Equal("quota_exceeded", Assert.Single(ann.Errors).ErrorCode);

        // Another document goes, and takes its bytes along.
        Accounts.Remove(Other);
        _server.Bind(ControlSubject.Deleted, Other);
        Task deleted = _server.Server.Engine.DeleteAsync(Other, "ann", 0);
        Settle();
        Assert.True(deleted.IsCompleted);
        _server.Server.Tick();
        Settle();

        Assert.Single(_server.Server.StoredChanges(Doc));
    }

    [Fact]
    public void Tail_is_folded_before_anything_is_refused()
    {
        Accounts.Limit("ann", 12_000, 1 << 20);
        Accounts.Register(Doc, "ann");
        TestPeer ann = Connect("ann");
        ann.Open(Doc);
        for (int i = 0; i < 200; i++)
        {
            ann.Edit(Doc, new string('x', 40));                // some 120 bytes each in the tail, a few in a snapshot
            Settle();
        }

        Assert.Empty(ann.Errors);
        Assert.Equal(200, _server.Server.StoredChanges(Doc).Count);
        _server.Server.Tick(4);
        Assert.InRange(Accounts.Recorded[Doc], 1, 12_000);
    }

    [Fact]
    public void Writers_on_several_shards_cannot_pass_together()
    {
        const int Limit = 20_000;
        Accounts.Limit("ann", 1 << 20, Limit);
        DocumentId[] documents = [.. Enumerable.Range(0, 8).Select(i => TestServer.Document($"document {i}"))];
        TestPeer[] peers = [.. documents.Select((id, i) =>
        {
            Accounts.Register(id, "ann");
            TestPeer peer = Connect($"ann {i}", "ann");
            peer.Open(id);
            return peer;
        })];
        Settle();
        for (int round = 0; round < 10; round++)
        {
            for (int i = 0; i < peers.Length; i++) peers[i].Edit(documents[i], Noise(1_000));
            Settle();
        }

        Assert.InRange(documents.Sum(id => _server.Server.Stored(id).Sum(c => (long)c.Length)), Limit / 2, Limit);
        Assert.True(_server.Ledger.TryGet("ann", out OwnerAccount? account));
        Assert.InRange(account.StorageBytes, Limit / 2, Limit);
    }

    [Fact]
    public void Whole_documents_are_counted_too()
    {
        Accounts.Limit("ann", 3_000, 1 << 20);
        Accounts.Register(Doc, "ann");
        TestPeer ann = Connect("ann");
        for (int i = 0; i < 40; i++) ann.Open(Doc).Edit(Noise(200));
        ann.Open(Doc);
        Settle();

        Assert.Equal("quota_exceeded", ann.Errors.First().ErrorCode);
        Assert.Empty(_server.Server.StoredChanges(Doc));
        Assert.True(_server.Ledger.TryGet("ann", out OwnerAccount? account));
        Assert.Equal(0, account.StorageBytes);
    }

    [Fact]
    public void What_is_known_already_needs_no_room()
    {
        Accounts.Limit("ann", 2_000, 1 << 20);
        Accounts.Register(Doc, "ann");
        TestPeer ann = Connect("ann");
        ann.Open(Doc);
        byte[] change = ann.Edit(Doc, Noise(1_500));
        Settle();

        ann.SayChanges(Doc, change);
        Settle();

        Assert.Empty(ann.Errors);
    }

    [Fact]
    public void Refused_and_waiting_changes_are_not_charged()
    {
        Accounts.Register(Doc, "ann");
        TestPeer ann = Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        Settle();
        Assert.True(_server.Ledger.TryGet("ann", out OwnerAccount? account));
        long before = account.StorageBytes;

        PeerDocument elsewhere = new(Doc, new Automerge.Changes.ActorId([1, 2]));
        elsewhere.Edit("never sent");
        ann.SayChanges(Doc, elsewhere.Edit("waits for what never comes"));
        Settle();
        Assert.Equal(before, account.StorageBytes);
        byte[] poison = PeerDocument.MakePoison(ann[Doc].Graph, new Automerge.Changes.ActorId([3]), out _);
        ann.SayChanges(Doc, poison);
        Settle();
        Assert.Equal(before, account.StorageBytes);
    }

    [Fact]
    public void Sizes_that_the_store_did_not_take_are_recorded_later_and_documents_that_left_memory_stay_charged()
    {
        Accounts.Register(Doc, "ann");
        TestPeer ann = Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, Noise(500));
        Settle();
        Accounts.Failure = new IOException("the database is away");
        _server.Server.Tick(4);
        Assert.Empty(Accounts.Recorded);
        ann.Disconnect();
        for (int i = 0; i < 100; i++) _server.Server.Tick(1);
        Assert.Null(_server.Server.Engine.ContentOf(Doc));

        long stored = _server.Server.Stored(Doc).Sum(c => (long)c.Length);
        Assert.Equal(stored, Accounts.Recorded[Doc]);
        Assert.True(_server.Ledger.TryGet("ann", out OwnerAccount? account));
        Assert.Equal(stored, account.StorageBytes);
        ann = Connect("ann2", "ann");
        ann.Open(Doc);
        ann.Edit(Doc, "more");
        Settle();
        Assert.InRange(account.StorageBytes, stored + 1, stored + 200);
    }

    [Fact]
    public void Record_that_says_something_else_is_put_right_when_the_document_is_read()
    {
        Accounts.Put(Accounts.Register(Doc, "ann") with { Size = 123_456 });
        TestPeer ann = Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "x");
        Settle();
        _server.Server.Tick(4);

        long stored = _server.Server.Stored(Doc).Sum(c => (long)c.Length);
        Assert.Equal(stored, Accounts.Recorded[Doc]);
        Assert.True(_server.Ledger.TryGet("ann", out OwnerAccount? account));
        Assert.Equal(stored, account.StorageBytes);
    }

    [Fact]
    public async Task Accounts_in_use_stay_and_others_leave_a_full_table()
    {
        using QuotaLedger ledger = new(Accounts, accountsMax: 2);
        foreach (string owner in new[] { "a", "b", "c" }) Accounts.Register(TestServer.Document(owner), owner);
        OwnerAccount used = await ledger.GetAsync("a", CancellationToken.None);
        Assert.True(used.TryAttach(Doc, 7, out long charged));
        Assert.Equal(7, charged);
        await ledger.GetAsync("b", CancellationToken.None);
        await ledger.GetAsync("c", CancellationToken.None);

        Assert.Equal(2, ledger.Count);
        Assert.True(ledger.TryGet("a", out OwnerAccount? still));
        Assert.Same(used, still);
        Assert.False(ledger.TryGet("b", out _));
    }

    private TestPeer Connect(string name, string? token = null) => _server.Connect(name, token);

    private void Settle() => _server.Server.Settle();

    private static string Noise(int length)
    {
        Random random = new(length);
        return string.Create(length, random, static (span, random) =>
        {
            foreach (ref char c in span) c = (char)random.Next('a', 'z');
        });
    }
}
