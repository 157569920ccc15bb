using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Server.Composition;
using Ratatoskr.Transport.Sockets;
using SharedTests.Threads;

namespace Ratatoskr.Server.Tests.Composition;

public sealed class UrgentSchedulerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Large_work_of_a_thread_that_yields_comes_to_the_pool_by_a_thread_that_polls()
    {
        using SocketThreads threads = new(NullLogger<SocketThreads>.Instance);
        using YieldingThreads yielding = new(1, "yields");
        UrgentScheduler urgent = new(threads);
        using ManualResetEventSlim held = new();
        TaskCompletionSource polls = NewSource(), handedOver = NewSource(), ofOther = NewSource();
        TaskCompletionSource<bool> ofYielding = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Assert.True(threads.TryRun(
            new Work(() =>
            {
                polls.SetResult();
                held.Wait(Cancel);
            }),
            0));
        await polls.Task.WaitAsync(Cancel);

        try
        {
            yielding.Schedule(new Work(() =>
            {
                urgent.Schedule(new Work(() => ofYielding.SetResult(Thread.CurrentThread.IsThreadPoolThread)), lane: 0, isSmall: false);
                handedOver.SetResult();
            }));
            await handedOver.Task.WaitAsync(Cancel);
            urgent.Schedule(new Work(ofOther.SetResult), lane: 0, isSmall: false);
            await ofOther.Task.WaitAsync(Cancel);
            Assert.False(ofYielding.Task.IsCompleted);
        }
        finally
        {
            held.Set();
        }

        Assert.True(await ofYielding.Task.WaitAsync(Cancel));
    }

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
