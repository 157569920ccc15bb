using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Engine.Tests.Documents;

/// <summary>Tails are folded into snapshots behind everybody's back: nobody waits, nothing is lost, and who comes new gets one chunk.</summary>
public sealed class CompactionTests
{
    private static readonly DocumentId Doc = TestServer.Document("compacted");

    // Only what a test asks for: quiet documents are folded in their own test.
    private static readonly EngineLimits Eager = new() { TailChangesMax = 10, QuietBeforeCompactionMs = int.MaxValue };

    [Fact]
    public void Long_tail_is_folded_and_a_new_client_gets_one_document_chunk_and_what_came_since()
    {
        using TestServer server = new(Eager);
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        Edit(server, ann, 14);

        StoredDocument stored = Load(server.Store);
        Assert.Equal(1ul, stored.Version.Value);
        Assert.Equal(14 - 11, stored.Tail.Count);
        Assert.Equal(14, server.StoredChanges(Doc).Count);
        Assert.Equal(14, bob[Doc].Graph.Count);
        TestPeer cat = server.Connect("cat");
        cat.Open(Doc);
        server.Settle();
        byte[] whole = cat.Heard.Single(m => m.Changes.Count > 0).Changes.Single();
        Assert.True(ChunkReader.TryRead(whole, out Chunk first, out _));
        Assert.Equal(ChunkType.Document, first.Type);
        Assert.True(cat[Doc].Graph.Heads.SequenceEqual(ann[Doc].Graph.Heads));
        Assert.DoesNotContain(server.LogLines, l => l.Level >= LogLevel.Error);
    }

    [Fact]
    public void What_is_folded_is_what_automerge_would_save()
    {
        using TestServer server = new(Eager with { TailChangesMax = 50 });
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        ann.SayChanges(Doc, Vectors.Changes(27).AsSpan(0, 40));
        server.Settle();
        ann.SayChanges(Doc, Vectors.Changes(27).AsSpan(40));
        server.Settle();
        server.Tick();
        Assert.InRange(Load(server.Store).Snapshot.Chunk.Length, 1, Vectors.Saved(27).Length * 11 / 10);    // deflated by another library
        Assert.Equal(89, StoredContent.Load(server.Store, Doc).Graph.Count);
        StoredContent.Operations(server.Store, Doc);
    }

    [Fact]
    public void Edits_go_on_while_a_worker_folds_and_while_the_store_swaps()
    {
        using TestServer server = new(Eager, manualCommit: true);
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        for (int i = 0; i < 10; i++) Edit(server, ann, 1);
        server.Commit();
        server.Settle();
        ann.Edit(Doc, "the eleventh");
        server.Carry(ann);
        server.Store.Commit();
        server.Scheduler.RunOne();                                // the shard hears of the commit and starts a compaction
        Assert.Equal(1, server.Scheduler.Count);

        ann.Edit(Doc, "while a worker folds");
        server.CarryOneWithoutWork(ann);
        Assert.Contains(bob.Connection.Sent.Select(m => new ServerMessage(m)), m => m.Changes.Count > 0);
        server.Settle();                                          // now the swap waits for the commit, and the edit
        ann.Edit(Doc, "while the store swaps");
        server.Settle();
        Assert.Equal(13, bob[Doc].Graph.Count);
        Commit(server);

        Assert.Equal(1ul, Load(server.Store).Version.Value);
        Assert.Equal(2, Load(server.Store).Tail.Count);
        Assert.Equal(13, server.StoredChanges(Doc).Count);
        Edit(server, bob, 1);
        Commit(server);
        Assert.Equal(14, ann[Doc].Graph.Count);
        Assert.Contains(bob.Heard, m => m.Heads.AsSpan().SequenceEqual(bob[Doc].Graph.Heads));
        Assert.Equal(14, server.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Quiet_document_is_folded_sooner()
    {
        using TestServer server = new(new EngineLimits { TailChangesMax = 160, QuietBeforeCompactionMs = 5_000 });
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        Edit(server, ann, 11);
        server.Tick(3);
        Assert.Equal(0ul, Load(server.Store).Version.Value);
        server.Tick(4);
        Assert.Equal(1ul, Load(server.Store).Version.Value);
        Assert.Empty(Load(server.Store).Tail);
        server.Tick(60);
        Assert.Equal(1ul, Load(server.Store).Version.Value);
    }

    [Fact]
    public void Snapshot_is_folded_into()
    {
        using TestServer server = new(Eager);
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc, Vectors.Saved(27));
        server.Settle();
        Edit(server, ann, 25);
        Assert.True(Load(server.Store).Version.Value >= 2);
        Assert.Equal(89 + 25, server.StoredChanges(Doc).Count);
        StoredContent.Operations(server.Store, Doc);
    }

    [Fact]
    public void Op_set_stays_right_through_compactions()
    {
        using TestServer server = new(Eager);
        using Counters counters = new(server.Engine);
        TestPeer ann = server.Connect("ann"), eve = server.Connect("eve");
        ann.Open(Doc);
        eve.Open(Doc);
        Edit(server, ann, 60);
        Assert.True(counters["ratatoskr.compactions.done"] >= 4);
        Assert.Equal(0, counters["ratatoskr.op_sets.built"]);
        Assert.Equal(StoredContent.Operations(server.Store, Doc).RowCount, server.Engine.ContentOf(Doc)!.Operations!.RowCount);
        eve.SayChanges(Doc, PeerDocument.MakePoison(ann[Doc].Graph, new ActorId([0xEE]), out _));
        server.Settle();
        Assert.Single(eve.Errors);
    }

    [Fact]
    public void Who_lacks_only_what_was_just_folded_gets_only_that()
    {
        using TestServer server = new(Eager);
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc, Vectors.Saved(27));
        server.Settle();
        bob.Open(Doc);
        server.Settle();
        Edit(server, ann, 8);
        bob.Connection.IsWritable = false;
        Edit(server, ann, 4);
        Assert.Empty(Load(server.Store).Tail.Skip(1));
        bob.Heard.Clear();
        server.Drain(bob);
        server.Settle();
        Assert.InRange(bob.Heard.Sum(m => m.Changes.Sum(c => c.Length)), 1, 600);
        Assert.True(bob[Doc].Graph.Heads.SequenceEqual(ann[Doc].Graph.Heads));
    }

    [Fact]
    public void Change_whose_place_in_the_store_is_uncertain_is_not_folded_away()
    {
        using TestServer server = new(Eager with { TailChangesMax = 3 });
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        Edit(server, ann, 3);

        // The fourth is lost and the fifth takes its place in the store's count: what the engine counts as five is four there.
        int appends = 0;
        server.Store.OnAppend = _ => ++appends == 1 ? AppendVerdict.UnknownLost : AppendVerdict.Store;
        Say("lost");
        Say("takes its place");
        Assert.Equal(1, server.Scheduler.Count);                  // a compaction has started
        byte[] later = Say("comes later");
        Assert.Contains(server.Stored(Doc), later.SequenceEqual);
        server.Scheduler.RunAll();
        Assert.NotEqual(0ul, Load(server.Store).Version.Value);
        Assert.Contains(server.Stored(Doc), later.SequenceEqual);

        server.Tick(2);
        server.Settle();
        Assert.Equal(6, server.StoredChanges(Doc).Count);
        Edit(server, ann, 4);
        Assert.Equal(10, server.StoredChanges(Doc).Count);

        byte[] Say(string value)
        {
            byte[] change = ann[Doc].Edit(value);
            ann.SayChanges(Doc, change);
            server.CarryOneWithoutWork(ann);
            return change;
        }
    }

    [Fact]
    public void Document_that_cannot_be_folded_raises_an_alarm_stays_as_it_is_and_is_left_alone()
    {
        using TestServer server = new(Eager with { Document = DocumentLimits.Default with { MaxRebuiltBytes = 100 } });
        using Counters counters = new(server.Engine);
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        Edit(server, ann, 40);
        Assert.Equal(1, counters["ratatoskr.compactions.failed"]);
        (LogLevel level, string text) = server.LogLines.Single(l => l.Text.Contains("could not be compacted", StringComparison.Ordinal));
        Assert.Equal(LogLevel.Error, level);
        Assert.Contains(Doc.ToString(), text, StringComparison.Ordinal);
        Assert.Equal(40, bob[Doc].Graph.Count);
        Assert.Equal(40, server.StoredChanges(Doc).Count);
        server.Tick(299);
        Assert.Equal(1, counters["ratatoskr.compactions.failed"]);
        server.Tick(2);
        Assert.Equal(2, counters["ratatoskr.compactions.failed"]);
        server.Tick(590);
        Assert.Equal(2, counters["ratatoskr.compactions.failed"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Compaction_that_loses_or_fails_costs_nobody_anything(bool refused)
    {
        using HookedServer server = new(Eager);
        server.Store.RefusesCompactions = refused;
        server.Store.FailsCompactions = !refused;
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        ann.Open(Doc);
        bob.Open(Doc);
        for (int i = 0; i < 30; i++)
        {
            (i % 3 == 0 ? bob : ann).Edit(Doc, $"{i}");
            server.Settle();
        }

        Assert.Equal(1, server.Store.Compactions);
        Assert.Equal(30, server.Inner.StoredChanges(Doc).Count);
        Assert.Equal(30, ann[Doc].Graph.Count);
        Assert.Equal(30, bob[Doc].Graph.Count);
        server.Store.RefusesCompactions = server.Store.FailsCompactions = false;
        server.Inner.Tick(301);
        server.Settle();
        Assert.InRange(server.Store.Compactions, 2, 3);
        ann.Edit(Doc, "on");
        server.Settle();
        Assert.Equal(31, bob[Doc].Graph.Count);
        Assert.Equal(31, server.Inner.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Process_that_dies_before_during_or_after_the_swap_loses_nothing()
    {
        for (int work = 0; work < 12; work++)
        {
            InMemoryChunkStore disk = new(manualCommit: true);
            using TestServer server = new(Eager, kept: disk);
            TestPeer ann = server.Connect("ann");
            ann.Open(Doc);
            for (int i = 0; i < 11; i++)
            {
                ann.Edit(Doc, $"{i}");
                server.Carry(ann);
                ann.Listen();
            }

            for (int i = 0; i < work; i++)
            {
                if (!server.Scheduler.RunOne()) disk.Commit();
            }

            int confirmed = Load(disk).Presence == StoredPresence.Present ? 11 : 0;
            disk.Crash();
            server.Scheduler.IsStopped = true;
            using TestServer next = new(kept: disk);
            TestPeer bob = next.Connect("bob");
            bob.Open(Doc);
            next.Settle();
            Assert.Equal(confirmed, bob[Doc].Graph.Count);
        }
    }

    private static void Edit(TestServer server, TestPeer peer, int times)
    {
        for (int i = 0; i < times; i++)
        {
            peer.Edit(Doc, $"{i}");
            server.Settle();
        }
    }

    private static void Commit(TestServer server)
    {
        for (int i = 0; i < 4; i++)
        {
            server.Commit();
            server.Settle();
        }
    }

    private static StoredDocument Load(InMemoryChunkStore store) => store.LoadAsync(Doc, CancellationToken.None).AsTask().GetAwaiter().GetResult();
}
