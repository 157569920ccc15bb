using Automerge.Changes;

namespace Automerge.Tests.Changes;

public class ChangeQueueTests
{
    [Fact]
    public void TakeReady_gives_changes_in_order_of_readiness_first_in_first_out()
    {
        // Automerge's order: what is ready in queue order, then each as its last dependency comes out.
        ChangeGraph graph = new(1);
        ChangeQueue queue = new(1);
        Enqueue(queue, graph, 5, 3, 4);
        Enqueue(queue, graph, 4, 2);
        Enqueue(queue, graph, 2);
        Enqueue(queue, graph, 6, 1);
        Enqueue(queue, graph, 1);
        Enqueue(queue, graph, 3, 1);
        Enqueue(queue, graph, 7, 99);
        Assert.Equal([2, 1, 4, 6, 3, 5], Taken(queue));
        Assert.Equal(1, queue.Count);
        Assert.True(queue.IsAwaited(Hash(99)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void TakeReady_agrees_with_the_slow_way_for_random_arrivals(int seed)
    {
        Random random = new(seed);
        for (int round = 0; round < 200; round++)
        {
            int count = random.Next(1, 30);
            List<int[]> deps = [.. Enumerable.Range(0, count).Select(i => (int[])[.. Enumerable.Range(0, i).Where(_ => random.Next(i) < 2)])];
            int[] arrival = [.. Enumerable.Range(0, count).OrderBy(_ => random.Next())];
            ChangeGraph graph = new(1);
            ChangeQueue queue = new((ulong)seed);
            List<int> waiting = [];
            List<int> applied = [];
            foreach (int number in arrival)
            {
                waiting.Add(number);
                Enqueue(queue, graph, number, deps[number]);
                if (random.Next(4) > 0) continue;
                List<int> expected = Slowly(waiting, applied, deps);
                Assert.Equal(expected, Taken(queue));
                foreach (int taken in expected) AddTo(graph, taken, deps[taken]);
                Assert.Equal(waiting.Count, queue.Count);
            }

            Assert.Equal(Slowly(waiting, applied, deps), Taken(queue));
            Assert.Equal((0, 0L), (queue.Count, queue.MemoryBytes));
        }
    }

    [Fact]
    public void Release_lets_out_what_waited_for_a_change_added_directly()
    {
        ChangeGraph graph = new(1);
        ChangeQueue queue = new(1);
        Enqueue(queue, graph, 9, 2);
        Enqueue(queue, graph, 8, 1);
        AddTo(graph, 1);
        queue.Release(Hash(1));
        AddTo(graph, 2);
        queue.Release(Hash(2));
        Assert.Equal([9, 8], Taken(queue));
    }

    [Fact]
    public void TryEnqueue_refuses_what_it_holds_and_what_it_has_no_room_for()
    {
        ChangeGraph graph = new(1);
        ChangeQueue queue = new(1, countMax: 2, bytesMax: 4096);
        Assert.Equal(QueueVerdict.Queued, Enqueue(queue, graph, 1, 50));
        Assert.Equal(QueueVerdict.Duplicate, Enqueue(queue, graph, 1, 50));
        Assert.Equal(QueueVerdict.Full, queue.TryEnqueue(graph, Hash(2), [Hash(50)], new byte[4096]));
        Assert.Equal(QueueVerdict.Queued, Enqueue(queue, graph, 3, 50));
        Assert.Equal(QueueVerdict.Full, Enqueue(queue, graph, 4, 50));
        Assert.False(queue.Contains(Hash(4)));
        Assert.InRange(queue.MemoryBytes, 1, 4096);
    }

    [Fact]
    public void Trim_drops_what_came_last()
    {
        ChangeGraph graph = new(1);
        ChangeQueue queue = new(1);
        for (int i = 1; i <= 9; i++) Enqueue(queue, graph, i, 50);
        Assert.False(queue.Trim(9, long.MaxValue, out _));
        Assert.True(queue.Trim(4, long.MaxValue, out ChangeHash dropped));
        Assert.Equal(Hash(5), dropped);
        Assert.True(queue.Trim(9, queue.MemoryBytes - 1, out _));
        queue.Release(Hash(50));
        Assert.Equal([1, 2, 3], Taken(queue));
        Assert.Equal(0L, queue.MemoryBytes);
    }

    [Fact]
    public void Discard_drops_a_change_and_all_that_follow_from_it()
    {
        ChangeGraph graph = new(1);
        ChangeQueue queue = new(1);
        Enqueue(queue, graph, 2, 1);
        Enqueue(queue, graph, 3, 2);
        Enqueue(queue, graph, 4, 3, 40);
        Enqueue(queue, graph, 5, 40);
        Enqueue(queue, graph, 6);
        Assert.Equal(3, queue.Discard(Hash(1)));
        Assert.False(queue.IsAwaited(Hash(1)));
        Assert.True(queue.IsAwaited(Hash(40)));
        Assert.Equal([6], Taken(queue));
        queue.Release(Hash(40));
        Assert.Equal([5], Taken(queue));
        Assert.Equal((0, 0L), (queue.Count, queue.MemoryBytes));
        Assert.Equal(0, queue.Discard(Hash(77)));
    }

    [Fact]
    public void Discard_of_a_chain_of_thousands_needs_no_stack()
    {
        ChangeGraph graph = new(1);
        ChangeQueue queue = new(1);
        for (int i = 1; i <= 9_000; i++) Enqueue(queue, graph, i, i - 1);
        Assert.Equal(9_000, queue.Discard(Hash(0)));
        Assert.Equal(0L, queue.MemoryBytes);
    }

    [Fact]
    public void CollectMissing_walks_from_heads_through_the_queue_only()
    {
        ChangeGraph graph = new(1);
        AddTo(graph, 0);
        ChangeQueue queue = new(1);
        Enqueue(queue, graph, 3, 0, 30, 31);
        Enqueue(queue, graph, 4, 3, 30);
        Enqueue(queue, graph, 5, 32);
        List<ChangeHash> missing = [];
        queue.CollectMissing(graph, [Hash(4), Hash(0), Hash(77)], missing);
        Assert.Equal([.. new[] { Hash(30), Hash(31), Hash(77) }.Order()], missing);
    }

    private static ChangeHash Hash(int number) => GraphMaker.Hash(number);

    private static QueueVerdict Enqueue(ChangeQueue queue, ChangeGraph graph, int number, params int[] deps) =>
        queue.TryEnqueue(graph, Hash(number), [.. deps.Select(Hash).Order()], BitConverter.GetBytes(number));

    private static void AddTo(ChangeGraph graph, int number, params int[] deps) =>
        Assert.Equal(GraphVerdict.Added, graph.TryAdd(Hash(number), [.. deps.Select(Hash).Order()], GraphMaker.Actor(number), 1, graph.MaxOp + 1, 1));

    private static List<int> Taken(ChangeQueue queue)
    {
        List<QueuedChange> ready = [];
        queue.TakeReady(ready);
        return [.. ready.Select(change => BitConverter.ToInt32(change.Chunk))];
    }

    private static List<int> Slowly(List<int> waiting, List<int> applied, List<int[]> deps)
    {
        List<int> ready = [.. waiting.Where(number => deps[number].All(applied.Contains))];
        for (int i = 0; i < ready.Count; i++)
        {
            applied.Add(ready[i]);
            waiting.Remove(ready[i]);
            foreach (int number in waiting)
            {
                if (!ready.Contains(number) && deps[number].Contains(ready[i]) && deps[number].All(applied.Contains)) ready.Add(number);
            }
        }

        return ready;
    }
}
