using Ratatoskr.Storage.Threads;

namespace Ratatoskr.Storage.Tests.Threads;

public sealed class WorkQueueTests
{
    private const int Takers = 4, Adders = 4, Each = 20_000;

    [Fact]
    public async Task What_many_add_many_take_each_once_and_those_who_sleep_are_woken()
    {
        using WorkQueue<object> queue = new();
        Task<List<object>>[] taking = [.. Enumerable.Range(0, Takers).Select(_ => OnThread(() =>
        {
            List<object> taken = [];
            while (queue.Take() is { } work) taken.Add(work);
            return taken;
        }))];
        await Task.WhenAll(Enumerable.Range(0, Adders).Select(adder => OnThread(() =>
        {
            for (int i = 0; i < Each; i++)
            {
                Assert.True(queue.TryAdd((adder * Each) + i));
                if (i % 64 == 0) Thread.Yield();
            }

            return true;
        })));
        queue.Close();
        object[] all = [.. (await Task.WhenAll(taking)).SelectMany(taken => taken)];
        Assert.Equal(Enumerable.Range(0, Adders * Each), all.Cast<int>().Order());
        Assert.Equal(0, queue.Count);
    }

    [Fact]
    public void Is_taken_in_order_and_to_the_end_when_closed()
    {
        using WorkQueue<string> queue = new();
        Assert.True(queue.TryAdd("first"));
        Assert.True(queue.TryAdd("second"));
        queue.Close();
        Assert.False(queue.TryAdd("late"));
        Assert.Equal(("first", "second", null), (queue.Take(), queue.Take(), queue.Take()));
    }

    [Fact]
    public async Task A_ring_before_anybody_waits_is_kept_and_wakes_one()
    {
        using Doorbell bell = new();
        bell.Ring();
        bell.Wait();
        int woken = 0;
        Task<int>[] waiting = [.. Enumerable.Range(0, 2).Select(_ => OnThread(() =>
        {
            bell.Wait();
            return Interlocked.Increment(ref woken);
        }))];
        bell.Ring();
        Assert.Equal(1, await await Task.WhenAny(waiting));
        Assert.Equal(1, Volatile.Read(ref woken));
        bell.Ring();
        await Task.WhenAll(waiting);
    }

    private static Task<T> OnThread<T>(Func<T> work) => Task.Factory.StartNew(work, TestContext.Current.CancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
}
