using Ratatoskr.Transport.Sockets;

namespace Ratatoskr.Transport.Tests.Sockets;

public class ReadinessTests
{
    private Readiness _readiness;

    [Fact]
    public void Who_waits_is_woken_once()
    {
        Assert.True(_readiness.TryWait());
        Assert.True(_readiness.Signal());
        Assert.False(_readiness.Signal());
        Assert.False(_readiness.TryGiveUp());
    }

    [Fact]
    public void Signal_before_the_wait_asks_for_another_try()
    {
        Assert.False(_readiness.Signal());
        Assert.False(_readiness.Signal());
        Assert.False(_readiness.TryWait());
        Assert.True(_readiness.TryWait());
    }

    [Fact]
    public void Who_gave_up_is_not_woken_and_the_signal_is_kept()
    {
        Assert.True(_readiness.TryWait());
        Assert.True(_readiness.TryGiveUp());
        Assert.False(_readiness.Signal());
        Assert.False(_readiness.TryWait());
    }

    [Fact]
    public void No_signal_is_lost_between_threads()
    {
        const int Count = 100_000;
        int produced = 0;
        int consumed = 0;
        using SemaphoreSlim woken = new(0);
        Thread signals = new(() =>
        {
            for (int i = 0; i < Count; i++)
            {
                Interlocked.Increment(ref produced);
                if (_readiness.Signal()) woken.Release();
            }
        });
        signals.Start();
        while (consumed < Count)
        {
            int there = Volatile.Read(ref produced);
            if (there > consumed) consumed = there;
            else if (_readiness.TryWait()) Assert.True(woken.Wait(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken));
        }

        signals.Join();
    }
}
