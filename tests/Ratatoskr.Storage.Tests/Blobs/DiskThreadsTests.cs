using Ratatoskr.Storage.Blobs;

namespace Ratatoskr.Storage.Tests.Blobs;

public sealed class DiskThreadsTests
{
    [Fact]
    public async Task As_many_run_at_once_as_there_are_threads_and_the_rest_afterwards()
    {
        using DiskThreads threads = new(3, 16);
        using SemaphoreSlim open = new(0);
        using CountdownEvent begun = new(3);
        int running = 0, most = 0;
        Task<int>[] all = [.. Enumerable.Range(0, 30).Select(i => threads.RunAsync(buffers =>
        {
            int now = Interlocked.Increment(ref running);
            InterlockedMax(ref most, now);
            if (!begun.IsSet) begun.Signal();
            open.Wait();
            Interlocked.Decrement(ref running);
            Assert.Equal((16, 16), (buffers.First.Length, buffers.Second.Length));
            return i;
        }))];
        begun.Wait(TestContext.Current.CancellationToken);
        Assert.DoesNotContain(all, task => task.IsCompleted);
        open.Release(30);
        Assert.Equal(Enumerable.Range(0, 30), await Task.WhenAll(all));
        Assert.Equal(3, most);
    }

    [Fact]
    public async Task What_work_throws_comes_back_and_the_thread_goes_on()
    {
        using DiskThreads threads = new(1, 16);
        Assert.Equal("so", (await Assert.ThrowsAsync<IOException>(() => threads.RunAsync<int>(_ => throw new IOException("so")))).Message);
        Assert.Equal(7, await threads.RunAsync(_ => 7));
    }

    [Fact]
    public async Task Closing_finishes_what_waits_and_refuses_the_rest()
    {
        DiskThreads threads = new(1, 16);
        using SemaphoreSlim open = new(0);
        Task<int> first = threads.RunAsync(_ =>
        {
            open.Wait();
            return 1;
        });
        Task<int> second = threads.RunAsync(_ => 2);
        threads.Dispose();
        open.Release();
        Assert.Equal((1, 2), (await first, await second));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => threads.RunAsync(_ => 3));
    }

    private static void InterlockedMax(ref int most, int now)
    {
        for (int seen = most; seen < now; seen = most) Interlocked.CompareExchange(ref most, now, seen);
    }
}
