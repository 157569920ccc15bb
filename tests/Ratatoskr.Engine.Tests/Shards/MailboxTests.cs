using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Tests.Shards;

/// <summary>What waits is bounded: senders are held back, and one who sends on is closed.</summary>
public sealed class MailboxTests
{
    private static readonly DocumentId Doc = TestServer.Document("mailbox"), Other = TestServer.Document("other");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Thread_that_yields_to_all_others_leaves_the_shard_to_another(bool batch)
    {
        using TestServer server = new();
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        bob.Open(Doc);
        ann.Open(Doc);
        ann.Edit(Doc, "in memory");
        server.Settle();
        ann.Edit(Doc, "x");
        ann.Connection.Sent.Clear();
        bob.Connection.Sent.Clear();

        server.Scheduler.MayRunInline = false;
        if (batch) ann.Session!.BeginBatch();
        Assert.True(ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask().IsCompleted);
        if (batch) ann.Session!.EndBatch();
        Assert.Empty(bob.Connection.Sent);
        Assert.Equal(1, server.Scheduler.Count);

        Assert.True(server.Scheduler.RunOne());
        Assert.NotEmpty(bob.Connection.Sent);
    }

    [Fact]
    public void What_was_sent_before_leaving_counts_and_nothing_is_kept_of_who_left()
    {
        using TestServer server = new();
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "in memory");
        server.Settle();
        ann.Edit(Doc, "last words");
        server.Scheduler.MayRunInline = false;
        while (ann.Outbox.TryDequeue(out byte[]? message)) _ = ann.Session!.ReceiveAsync(message).AsTask();
        ann.Disconnect();
        server.Scheduler.RunAll();

        Assert.Equal(2, server.StoredChanges(Doc).Count);
        server.Tick(120);
        Assert.Null(server.Engine.ContentOf(Doc));
    }

    [Theory]
    [InlineData(0, false)]
    [InlineData(4 << 20, true)]
    public void Who_has_left_may_leave_no_more_waiting_than_who_stays(long roomBytes, bool waits)
    {
        using HookedServer server = new(new EngineLimits { QueueBytesPerSession = roomBytes });
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        bob.Open(Doc);
        server.Store.HoldsLoads = true;
        server.Inner.Carry(bob);
        PeerDocument source = new(Doc, new([1]));
        source.Edit("dependency");
        ann.SayChanges(Doc, source.Edit("orphan"));
        server.Inner.Carry(ann);
        ann.Disconnect();
        server.Inner.Scheduler.RunAll();

        server.Store.ReleaseHeld();
        server.Settle();
        Assert.Equal(waits, server.Inner.Engine.ContentOf(Doc)?.Queue is { Count: > 0 });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_asks_for_many_documents_that_are_not_there_waits_for_the_next_second(bool stays)
    {
        const int Most = 10;
        using TestServer server = new(new EngineLimits { AbsentDocumentsPerSecond = Most });
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        bob.Open(Doc);
        server.Settle();
        server.Time.Advance(400);                             // ticks come when they come
        for (int second = 0; second < 3; second++)
        {
            Task last = Task.CompletedTask;
            int asked = 0;
            for (; last.IsCompleted && asked <= Most; asked++)
            {
                ann.Open(TestServer.Document($"made up {second} {asked}"));
                last = ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask();
                server.Scheduler.RunAll();
            }

            Assert.Equal(Most, asked);
            Assert.False(last.IsCompleted);
            bob.Edit(Doc, "as ever");
            server.Settle();
            Assert.Equal(second + 1, server.StoredChanges(Doc).Count);

            if (!stays) ann.Disconnect();
            server.Time.Advance(second == 0 ? 600 : 1_000);
            server.Scheduler.RunAll();
            await last;
            if (!stays) return;
        }
    }

    [Fact]
    public async Task When_all_together_ask_for_too_many_those_wait_that_have_asked_for_more_than_their_share()
    {
        using TestServer server = new(new EngineLimits { AbsentDocumentsPerSecond = 100, AbsentDocumentsPerSecondOfAll = 20, AbsentDocumentsShareMin = 2 });
        TestPeer[] many = [.. Enumerable.Range(0, 3).Select(number => server.Connect($"asks {number}"))];
        TestPeer few = server.Connect("few");
        int asked = 0;
        Task<bool> IsHeldBackAsync(TestPeer peer)
        {
            peer.Open(TestServer.Document($"made up {asked++}"));
            return MailboxTests.IsHeldBackAsync(server, peer);
        }

        for (int i = 0; i < 6; i++)
        {
            foreach (TestPeer peer in many) Assert.False(await IsHeldBackAsync(peer));
        }

        Assert.False(await IsHeldBackAsync(few));             // the 19th of 20
        foreach (TestPeer peer in many) await IsHeldBackAsync(peer);
        foreach (TestPeer peer in many) Assert.True(await IsHeldBackAsync(peer));
        for (int i = 0; i < 3; i++) Assert.False(await IsHeldBackAsync(few));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_is_refused_much_that_is_large_waits_for_the_next_second(bool byWorker)
    {
        const int Most = 5;
        using TestServer server = new(new EngineLimits { LargeRefusalsPerSecond = Most, InlineChangesBytesMax = 0 });
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        bob.Open(Doc);
        server.Settle();
        server.Time.Advance(400);                             // ticks come when they come
        for (int second = 0; second < 3; second++)
        {
            Task last = Task.CompletedTask;
            int sent = 0;
            for (; last.IsCompleted && sent <= 2 * Most; sent++)
            {
                DocumentId id = TestServer.Document($"refused {second} {sent}");
                if (byWorker) ann.SayChanges(id, [1, 2, 3]);
                else ann.SaySync(id, [1, 2, 3]);
                last = ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask();
                server.Scheduler.RunAll();
            }

            Assert.InRange(sent, Most, Most + 1);             // what a worker refuses is refused when the next is on its way
            Assert.False(last.IsCompleted);
            bob.Edit(Doc, "as ever");
            server.Settle();
            Assert.Equal(second + 1, server.StoredChanges(Doc).Count);

            server.Time.Advance(second == 0 ? 600 : 1_000);
            server.Scheduler.RunAll();
            await last;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task When_much_that_is_large_is_refused_to_all_together_those_wait_who_have_sent_two(bool byWorker)
    {
        using TestServer server = new(new EngineLimits { LargeRefusalsPerSecond = 100, LargeRefusalsPerSecondOfAll = 10, InlineChangesBytesMax = 0 });
        TestPeer[] peers = [.. Enumerable.Range(0, 12).Select(number => server.Connect($"peer {number}"))];
        TestPeer late = server.Connect("late");
        int sent = 0;
        Task<bool> IsHeldBackAsync(TestPeer peer)
        {
            DocumentId id = TestServer.Document($"refused {sent++}");
            if (byWorker) peer.SayChanges(id, [1, 2, 3]);
            else peer.SaySync(id, [1, 2, 3]);
            return MailboxTests.IsHeldBackAsync(server, peer);
        }

        foreach (TestPeer peer in peers) Assert.False(await IsHeldBackAsync(peer));
        if (byWorker)                                         // what a worker refuses is refused when it was taken
        {
            foreach (TestPeer peer in peers) Assert.False(await IsHeldBackAsync(peer));
        }

        foreach (TestPeer peer in peers) Assert.True(await IsHeldBackAsync(peer));
        Assert.False(await IsHeldBackAsync(late));
    }

    [Fact]
    public async Task Eight_messages_of_a_session_are_at_workers_before_it_waits_for_them()
    {
        using TestServer server = new(new EngineLimits { InlineChangesBytesMax = 0 });
        TestPeer ann = server.Connect("ann");
        DocumentId[] ids = [.. Enumerable.Range(0, 20).Select(number => TestServer.Document($"large {number}"))];
        foreach (DocumentId id in ids)
        {
            ann.Open(id);
            ann.Edit(id, "in memory");
        }

        server.Settle();
        foreach (DocumentId id in ids) ann.Edit(id, "large");

        Task last = Task.CompletedTask;
        int sent = 0;
        for (; last.IsCompleted && ann.Outbox.TryDequeue(out byte[]? message); sent++) last = ann.Session!.ReceiveAsync(message).AsTask();
        Assert.Equal(9, sent);                                // the ninth is taken, and nothing is read behind it
        Assert.False(last.IsCompleted);

        server.Scheduler.RunAll();
        await last;
        server.Settle();
        foreach (DocumentId id in ids) Assert.Equal(2, server.StoredChanges(id).Count);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_waited_for_its_document_counts_after_leaving_too_and_nothing_is_kept(bool loadFails)
    {
        using HookedServer server = new(new EngineLimits());
        TestPeer ann = server.Connect("ann");
        server.Store.HoldsLoads = true;
        ann.SayChanges(Doc, PeerDocument.Make(new(1), new([1]), "last words", 1, out _));
        server.Inner.Carry(ann);
        ann.Disconnect();
        server.Inner.Scheduler.RunAll();
        Assert.NotNull(server.Inner.Engine.Leftovers());

        server.Store.FailsLoads = loadFails;
        server.Store.ReleaseHeld();
        server.Settle();
        Assert.Equal(loadFails ? 0 : 1, server.Inner.StoredChanges(Doc).Count);
        server.Inner.Tick(120);
        Assert.Null(server.Inner.Engine.Leftovers());
    }

    [Fact]
    public async Task Sender_is_held_back_while_too_much_waits_for_a_document_and_goes_on_when_it_is_loaded()
    {
        using HookedServer server = new(new EngineLimits { MailboxBytesMax = 10_000 });
        TestPeer ann = server.Connect("ann");
        server.Store.HoldsLoads = true;
        byte[] change = PeerDocument.Make(new(1), new([1]), Noise(6_000), 1, out _);
        ann.SayChanges(Doc, change);
        Task first = ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask();
        Assert.True(first.IsCompleted);

        ann.SayChanges(Doc, change);
        Task second = ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask();
        Assert.False(second.IsCompleted);

        server.Store.ReleaseHeld();
        server.Inner.Scheduler.RunAll();
        await second;
        server.Settle();
        Assert.Single(server.Inner.StoredChanges(Doc));
    }

    [Fact]
    public async Task Full_shard_holds_back_only_those_who_filled_it()
    {
        using HookedServer server = new(new EngineLimits { MailboxBytesMax = 10_000 });
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        server.Store.HoldsLoads = true;
        ann.SayChanges(Doc, PeerDocument.Make(new(1), new([1]), Noise(12_000), 1, out _));
        Task filling = ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask();
        Assert.False(filling.IsCompleted);

        bob.SayChanges(Other, PeerDocument.Make(new(2), new([2]), "y", 1, out _));
        Assert.True(bob.Session!.ReceiveAsync(bob.Outbox.Dequeue()).AsTask().IsCompleted);

        server.Store.ReleaseHeld();
        server.Inner.Scheduler.RunAll();
        await filling;
    }

    [Fact]
    public async Task Session_that_floods_a_busy_shard_waits_until_its_messages_are_handled_and_others_do_not()
    {
        using HookedServer server = new(new EngineLimits());
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        server.Store.HoldsLoads = true;
        bob.Open(Other);
        server.Inner.Carry(bob);
        server.Store.ReleaseHeld();                           // the shard is about to run on another thread: what comes now waits in its mailbox

        Task last = Task.CompletedTask;
        int taken = 0;
        for (; last.IsCompleted && taken < 100; taken++)
        {
            ann.Open(TestServer.Document($"flood {taken}"));
            last = ann.Session!.ReceiveAsync(ann.Outbox.Dequeue()).AsTask();
        }

        Assert.InRange(taken, 10, 20);
        bob.Open(Doc);
        Assert.True(bob.Session!.ReceiveAsync(bob.Outbox.Dequeue()).AsTask().IsCompleted);

        server.Inner.Scheduler.RunAll();
        await last;
    }

    [Fact]
    public void What_waited_for_a_document_is_taken_in_portions_and_others_are_answered_in_between()
    {
        const int Messages = 120;
        using HookedServer server = new(new EngineLimits());
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        bob.Open(Other);
        bob.Edit(Other, "in memory");
        server.Settle();
        server.Store.HoldsLoads = true;
        for (byte i = 1; i <= Messages; i++)
        {
            ann.SayChanges(Doc, PeerDocument.Make(new(i), new([i]), Noise(3_000), 1, out _));
            server.Inner.CarryOneWithoutWork(ann);
        }

        server.Store.ReleaseHeld();                           // the shard is about to run
        bob.Edit(Other, "small");
        server.Inner.CarryOneWithoutWork(bob);
        int? takenBefore = null;
        bob.Connection.OnSend = _ => takenBefore ??= server.Inner.StoredChanges(Doc).Count;
        server.Inner.Scheduler.RunAll();

        Assert.InRange(takenBefore!.Value, 1, Messages / 2);
        Assert.Equal(Messages, server.Inner.StoredChanges(Doc).Count);
    }

    [Fact]
    public void Who_sends_more_than_a_waiting_document_takes_is_closed_with_1013_and_others_are_not()
    {
        using HookedServer server = new(new EngineLimits { DocumentWaitingBytesMax = 1_000 });
        TestPeer ann = server.Connect("ann"), bob = server.Connect("bob");
        server.Store.HoldsLoads = true;
        byte[] change = PeerDocument.Make(new(1), new([1]), new string('x', 600), 1, out _);
        bob.Open(Doc);
        server.Inner.Carry(bob);
        ann.SayChanges(Doc, change);
        ann.SayChanges(Doc, change);
        server.Inner.Carry(ann);

        Assert.Equal(CloseCode.TryAgainLater, ann.Connection.ClosedWith);
        Assert.Null(bob.Connection.ClosedWith);
    }

    [Fact]
    public void Documents_beyond_the_limit_of_a_connection_are_unavailable()
    {
        using TestServer server = new(new EngineLimits { DocumentsPerSessionMax = 1 });
        TestPeer ann = server.Connect("ann");
        ann.Open(Doc);
        ann.Edit(Doc, "x");
        ann.Open(Other);
        server.Settle();
        Assert.True(ann[Other].IsUnavailable);
        Assert.Equal("too_many_documents", Assert.Single(ann.Errors).ErrorCode);
        Assert.Single(server.StoredChanges(Doc));
    }

    [Fact]
    public void Session_with_most_of_what_may_be_kept_of_peers_is_closed_and_a_modest_one_is_not()
    {
        using TestServer server = new(new EngineLimits { MemoryBudgetBytes = 40_000 });
        TestPeer greedy = server.Connect("greedy"), modest = server.Connect("modest");
        for (int i = 0; i < 30; i++) greedy.Open(TestServer.Document($"greedy {i}"));   // more than 1 KiB each
        server.Settle();
        Assert.Null(greedy.Connection.ClosedWith);

        for (int i = 0; i < 10; i++) modest.Open(TestServer.Document($"modest {i}"));
        server.Settle();
        Assert.Null(modest.Connection.ClosedWith);
        Assert.Empty(modest.Errors);

        greedy.Edit(TestServer.Document("greedy 0"), "x");
        server.Settle();
        Assert.Equal(CloseCode.TryAgainLater, greedy.Connection.ClosedWith);
        Assert.Null(modest.Connection.ClosedWith);
    }

    private static async Task<bool> IsHeldBackAsync(TestServer server, TestPeer peer)
    {
        Task taken = peer.Session!.ReceiveAsync(peer.Outbox.Dequeue()).AsTask();
        server.Scheduler.RunAll();
        if (taken.IsCompleted) await taken;
        return !taken.IsCompleted;
    }

    // It must not shrink when it is deflated.
    private static string Noise(int length)
    {
        Random random = new(1);
        return string.Create(length, random, static (text, random) =>
        {
            foreach (ref char letter in text) letter = (char)random.Next('a', 'z' + 1);
        });
    }
}
