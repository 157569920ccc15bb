using Automerge.Changes;
using Automerge.Documents;
using Automerge.Sync;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>Rule 4: nothing is stored, acknowledged or passed on before its operations are known to fit; and what that costs, only writers pay.</summary>
public sealed class OperationsTests : IDisposable
{
    private const string Built = "ratatoskr.op_sets.built";
    private static readonly DocumentId Doc = TestServer.Document("operations"), Other = TestServer.Document("other");
    private static readonly ActorId Stranger = new([0xEE]);

    private readonly List<IDisposable> _toDispose = [];

    public void Dispose()
    {
        for (int i = _toDispose.Count - 1; i >= 0; i--) _toDispose[i].Dispose();
    }

    [Fact]
    public void First_change_after_a_load_waits_for_the_op_set_and_only_its_document_waits()
    {
        (TestServer server, TestPeer ann, TestPeer bob) = AfterRestart(new());
        ann.Edit(Doc, "waits");
        server.CarryOneWithoutWork(ann);
        int work = server.Scheduler.Count;
        bob.Edit(Doc, "waits too");
        server.CarryOneWithoutWork(bob);
        bob.Edit(Other, "does not");
        server.CarryOneWithoutWork(bob);

        Assert.Equal(work, server.Scheduler.Count);               // one op set is built, once
        Assert.Empty(server.Stored(Doc).Skip(1));
        server.Settle();
        Assert.Equal(3, server.StoredChanges(Doc).Count);
        Assert.Equal(3, ann[Doc].Graph.Count);
        Assert.Equal(3, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Few_bytes_that_say_many_operations_are_taken_by_a_worker()
    {
        TestServer server = Use(new TestServer(new EngineLimits()));
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        server.Settle();
        ChangeOp again = new() { Key = OpKey.Map("k"), Action = OpAction.Set };
        byte[] change = new Change { Actor = Stranger, Seq = 1, StartOp = 1, Operations = [.. Enumerable.Repeat(again, 5_000)] }.Encode(out _);
        Assert.InRange(change.Length, 1, 200);
        int work = server.Scheduler.Count;
        ann.SayChanges(Doc, change);
        server.CarryOneWithoutWork(ann);
        Assert.Equal(work + 1, server.Scheduler.Count);
        server.Settle();
        Assert.Equal(2, server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Readers_of_a_document_without_op_set_are_served_without_one()
    {
        (TestServer server, TestPeer ann, _) = AfterRestart(new());
        Counters counters = Use(new Counters(server.Engine));
        TestPeer reader = server.Connect("reader");
        reader.Open(Doc);
        server.Settle();
        Assert.Equal(1, reader[Doc].Graph.Count);
        Assert.Equal(0, counters[Built]);
        ann.Edit(Doc, "now");
        server.Settle();
        Assert.Equal(1, counters[Built]);
    }

    [Fact]
    public void Changes_that_are_known_already_need_no_op_set()
    {
        (TestServer server, TestPeer ann, _) = AfterRestart(new());
        Counters counters = Use(new Counters(server.Engine));
        ann.SayChanges(Doc, ann[Doc].LastChange);
        server.Settle();
        Assert.Equal(0, counters[Built]);
        Assert.Empty(ann.Errors);
    }

    [Fact]
    public void Op_set_leaves_memory_when_nobody_writes_and_is_built_again()
    {
        (TestServer server, TestPeer ann, TestPeer bob) = AfterRestart(new EngineLimits { IdleOperationsMs = 5_000, IdleDocumentMs = 1_000_000 });
        Counters counters = Use(new Counters(server.Engine));
        ann.Edit(Doc, "one");
        server.Settle();
        server.Tick(4);
        ann.Edit(Doc, "two");
        server.Settle();
        Assert.Equal(1, counters[Built]);
        server.Tick(10);
        bob.Edit(Doc, "three");
        server.Settle();
        Assert.Equal(2, counters[Built]);
        Assert.Equal(4, ann[Doc].Graph.Count);
    }

    [Fact]
    public void Op_sets_go_before_content_when_memory_is_short()
    {
        TestServer server = Use(new TestServer(new EngineLimits { MemoryBudgetBytes = 60_000, Validation = ValidationMode.Enforce }));
        Counters counters = Use(new Counters(server.Engine));
        TestPeer ann = server.Connect("ann");
        for (int i = 0; i < 30; i++)
        {
            DocumentId id = TestServer.Document($"short {i}");
            ann.Open(id);
            ann.Edit(id, "x", operations: 10);
            server.Time.Advance(10);
            server.Settle();
        }

        Assert.True(counters["ratatoskr.op_sets.evicted"] > 0);
        Assert.Equal(0, counters["ratatoskr.documents.evicted"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Poison_reaches_nobody_and_honest_writers_write_on(bool large)
    {
        (TestServer server, TestPeer ann, TestPeer bob) = AfterRestart(large ? new EngineLimits { InlineChangesBytesMax = 0 } : new());
        TestPeer eve = server.Connect("eve");
        eve.Open(Doc);
        server.Settle();
        eve.Heard.Clear();
        byte[] poison = PeerDocument.MakePoison(ann[Doc].Graph, Stranger, out ChangeHash hash);
        eve.SayChanges(Doc, poison);
        server.Settle();
        ann.Edit(Doc, "honest");
        server.Settle();
        bob.Edit(Doc, "honest too");
        server.Settle();

        Assert.Equal("invalid_change", Assert.Single(eve.Errors).ErrorCode);
        Assert.Contains(eve.Heard, m => m.Flags.HasFlag(SyncFlags.ReadOnly));
        Assert.DoesNotContain(hash, server.StoredChanges(Doc));
        Assert.All([ann, bob, eve], peer => Assert.Equal(3, peer[Doc].Graph.Count));
        Assert.Empty(ann.Errors);
    }

    [Fact]
    public void Poison_that_waited_for_its_dependency_is_dropped_with_what_follows_it()
    {
        (TestServer server, TestPeer ann, TestPeer bob) = AfterRestart(new());
        PeerDocument source = new(Doc, Stranger);
        source.Apply(ann[Doc].LastChange);
        byte[] dependency = source.Edit("dependency");
        byte[] poison = PeerDocument.MakePoison(source.Graph, new ActorId([0xEF]), out ChangeHash poisonHash);
        PeerDocument poisoned = new(Doc, new ActorId([0xF0]));
        poisoned.Apply(ann[Doc].LastChange);
        poisoned.Apply(dependency);
        poisoned.Apply(poison);
        byte[] follower = poisoned.Edit("follower");
        byte[] good = PeerDocument.Make(source.Graph, new ActorId([0xF1]), "good", 1, out _);

        TestPeer eve = server.Connect("eve");
        eve.Open(Doc);
        server.Settle();
        eve.SayChanges(Doc, poison, follower, good);
        server.Carry(eve);
        bob.SayChanges(Doc, dependency);
        server.Settle();

        Assert.DoesNotContain(poisonHash, server.StoredChanges(Doc));
        Assert.Equal(3, server.StoredChanges(Doc).Count);         // first, dependency, good
        Assert.Equal(3, ann[Doc].Graph.Count);
        eve.SayChanges(Doc, poison);
        server.Settle();
        Assert.Single(eve.Errors);
    }

    [Fact]
    public void Received_snapshot_takes_the_op_set_with_it_and_the_next_change_is_checked_against_the_new_one()
    {
        TestServer server = Use(new TestServer());
        Counters counters = Use(new Counters(server.Engine));
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        bob.Open(Doc);
        bob.SayChanges(Doc, Vectors.Changes(27).AsSpan(0, 10));
        server.Settle();
        ann.Open(Doc, Vectors.Saved(27));
        server.Settle();
        Assert.NotEqual(0, Load(server).Snapshot.Chunk.Length);
        ann.Edit(Doc, "after");
        server.Settle();
        Assert.Equal(1, counters[Built]);
        bob.SayChanges(Doc, PeerDocument.MakePoison(ann[Doc].Graph, Stranger, out _));
        server.Settle();
        Assert.Single(bob.Errors);
        Assert.Equal(90, bob[Doc].Graph.Count);
    }

    [Fact]
    public void Observing_takes_poison_counts_it_and_stays_usable()
    {
        TestServer server = Use(new TestServer(new EngineLimits { Validation = ValidationMode.Observe }));
        Counters counters = Use(new Counters(server.Engine));
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        ann.Edit(Doc, "first");
        server.Settle();
        bob.SayChanges(Doc, PeerDocument.MakePoison(ann[Doc].Graph, Stranger, out ChangeHash hash));
        server.Settle();

        Assert.Empty(bob.Errors);
        Assert.Contains(hash, server.StoredChanges(Doc));
        Assert.Equal(1, counters["ratatoskr.changes.observed"]);
        Assert.Contains(server.LogLines, l => l.Text.Contains("would be refused", StringComparison.Ordinal) && l.Text.Contains(hash.ToString(), StringComparison.Ordinal));
        ann.Edit(Doc, "second");
        server.Settle();
        Assert.Equal(3, bob[Doc].Graph.Count);
        Assert.Equal(1, counters["ratatoskr.changes.observed"]);
    }

    [Fact]
    public void Stored_change_that_does_not_fit_is_kept_named_once_and_offered_to_nobody()
    {
        PoisonedStore(out InMemoryChunkStore store, out ChangeHash poison, out ChangeHash follower);
        TestServer server = Use(new TestServer(kept: store));
        Counters counters = Use(new Counters(server.Engine));
        TestPeer ann = server.Connect("ann");
        PeerDocument own = ann.Open(Doc);
        server.Settle();
        Assert.Equal(4, own.Graph.Count);                         // before somebody writes nobody has looked

        TestPeer bob = server.Connect(new TestPeer("bob"));
        bob.Open(Doc);
        bob.SayChanges(Doc, PeerDocument.Make(new ChangeGraph(1), Stranger, "honest", 1, out ChangeHash honest));
        server.Settle();
        TestPeer cat = server.Connect("cat");
        cat.Open(Doc);
        server.Settle();

        Assert.Equal(3, cat[Doc].Graph.Count);
        Assert.True(cat[Doc].Graph.Contains(honest));
        Assert.False(cat[Doc].Graph.Contains(poison) || cat[Doc].Graph.Contains(follower));
        Assert.Equal(2, counters["ratatoskr.changes.quarantined"]);
        (LogLevel Level, string Text)[] lines = [.. server.LogLines.Where(l => l.Text.Contains("does not fit it", StringComparison.Ordinal))];
        Assert.Equal(2, lines.Length);
        Assert.Contains(lines, l => l.Text.Contains(poison.ToString(), StringComparison.Ordinal) && l.Text.Contains(Doc.ToString(), StringComparison.Ordinal));
        Assert.Contains(poison, server.StoredChanges(Doc));
        Assert.Contains(follower, server.StoredChanges(Doc));

        cat.Edit(Doc, "on");
        server.Settle();
        Assert.Equal(4, bob[Doc].Graph.Contains(poison) ? bob[Doc].Graph.Count - 2 : bob[Doc].Graph.Count);
        Assert.Equal(2, counters["ratatoskr.changes.quarantined"]);

        // Who has it and brings it is refused as for any other such change.
        ann.SayChanges(Doc, own.LastChange);
        server.Settle();
        Assert.Single(ann.Errors);
    }

    [Fact]
    public void Change_that_would_make_the_document_too_large_is_refused_and_smaller_ones_are_taken()
    {
        TestServer server = Use(new TestServer(new EngineLimits { Document = DocumentLimits.Default with { MaxRows = 10 } }));
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        ann.Edit(Doc, "six", operations: 6);
        server.Settle();
        bob.Edit(Doc, "five more", operations: 5);
        server.Settle();
        ann.Edit(Doc, "four more", operations: 4);
        server.Settle();

        Assert.Equal("document_too_large", Assert.Single(bob.Errors).ErrorCode);
        Assert.Contains(bob.Heard, m => m.Flags.HasFlag(SyncFlags.ReadOnly));
        Assert.Empty(ann.Errors);
        Assert.Equal(2, server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Whole_document_with_too_many_rows_is_refused_unread()
    {
        TestServer server = Use(new TestServer(new EngineLimits { Document = DocumentLimits.Default with { MaxRows = 100 } }));
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc, Vectors.Saved(27));
        server.Settle();
        Assert.Equal("document_too_large", Assert.Single(ann.Errors).ErrorCode);
        Assert.Equal(StoredPresence.Unknown, Load(server).Presence);
    }

    [Fact]
    public void Stored_document_with_too_many_rows_is_read_and_not_written()
    {
        TestServer first = Use(new TestServer());
        TestPeer ann = first.Connect("ann");
        ann.Open(Doc, Vectors.Saved(27));
        first.Settle();
        TestServer server = Use(new TestServer(new EngineLimits { Document = DocumentLimits.Default with { MaxRows = 100 } }, kept: first.Store));
        TestPeer bob = server.Connect("bob");
        bob.Open(Doc);
        server.Settle();
        Assert.Equal(89, bob[Doc].Graph.Count);
        bob.Edit(Doc, "one too many");
        server.Settle();
        Assert.Equal("document_too_large", Assert.Single(bob.Errors).ErrorCode);
        Assert.Equal(89, server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Permission_lost_while_a_worker_takes_the_changes_keeps_them_out_of_the_store()
    {
        TestServer server = Use(new TestServer(new EngineLimits { InlineChangesBytesMax = 0 }, manualCommit: true));
        TestPeer ann = server.Connect("ann", token: "ann"), eve = server.Connect("eve", token: "eve");
        ann.Open(Doc);
        ann.Edit(Doc, "first");
        server.Settle();
        server.Commit();
        server.Settle();
        eve.Open(Doc);
        server.Settle();
        byte[] revoked = eve[Doc].Edit("revoked");
        eve.SayChanges(Doc, revoked);
        server.CarryOneWithoutWork(eve);
        server.Scheduler.RunOne();                                // verified; back at the shard next
        server.Scheduler.RunOne();                                // the shard lends its content
        Assert.Equal(1, server.Scheduler.Count);
        server.Access.Set("eve", Doc, Permission.Read);
        Task<ControlNumber> appended = server.Control.AppendAsync(new ControlChange(ControlSubject.Access, Doc, ""), CancellationToken.None).AsTask();
        SpinWait.SpinUntil(() => appended.IsCompleted && server.Scheduler.Count == 2);
        server.Scheduler.RunOne(1);                               // the shard hears of it before the worker is done
        server.Settle();
        server.Commit();
        server.Settle();
        Assert.Single(server.StoredChanges(Doc));
        Assert.Equal(1, ann[Doc].Graph.Count);

        ann.Edit(Doc, "goes on");
        server.Settle();
        server.Commit();
        server.Settle();
        Assert.Equal(2, server.StoredChanges(Doc).Count);
    }

    // A server that has read a document of one change, and two peers in step.
    private (TestServer Server, TestPeer Ann, TestPeer Bob) AfterRestart(EngineLimits limits)
    {
        TestServer before = Use(new TestServer());
        TestPeer author = before.Connect("author");
        author.Open(Doc);
        author.Edit(Doc, "first");
        before.Settle();
        TestServer server = Use(new TestServer(limits, kept: before.Store));
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        bob.Open(Other);
        server.Settle();
        return (server, ann, bob);
    }

    // Two sound changes, and two that were stored before their operations were checked.
    private static void PoisonedStore(out InMemoryChunkStore store, out ChangeHash poison, out ChangeHash follower)
    {
        store = new InMemoryChunkStore();
        PeerDocument document = new(Doc, new ActorId([1]));
        byte[] chunks = [.. document.Edit("first"), .. document.Edit("second")];
        byte[] bad = PeerDocument.MakePoison(document.Graph, new ActorId([2]), out poison);
        document.Apply(bad);
        byte[] last = document.Edit("follows");
        follower = document.Graph.Heads[0];
        store.AppendAsync(new AppendBatch(Doc, (byte[])[.. chunks, .. bad, .. last], document.Graph.Heads.ToArray()), new Fence(1, 0), CancellationToken.None).AsTask().GetAwaiter().GetResult();
    }

    private static StoredDocument Load(TestServer server) => server.Store.LoadAsync(Doc, CancellationToken.None).AsTask().GetAwaiter().GetResult();

    private T Use<T>(T disposable)
        where T : IDisposable
    {
        _toDispose.Add(disposable);
        return disposable;
    }
}
