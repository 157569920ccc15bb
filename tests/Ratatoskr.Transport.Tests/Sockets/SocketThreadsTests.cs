using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Transport.Sockets;
using SharedTests.Threads;

namespace Ratatoskr.Transport.Tests.Sockets;

/// <summary>Work on the threads that poll sockets.</summary>
public sealed class SocketThreadsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Work_runs_on_the_thread_of_its_number()
    {
        using SocketThreads threads = Start();
        string[] names = new string[2 * Environment.ProcessorCount];
        using CountdownEvent ran = new(names.Length);
        for (int i = 0; i < names.Length; i++)
        {
            int number = i;
            Assert.True(threads.TryRun(
                new Work(() =>
                {
                    Assert.True(SocketThreads.IsCurrent);
                    names[number] = Thread.CurrentThread.Name!;
                    ran.Signal();
                }),
                number));
        }

        await Task.Run(() => ran.Wait(Cancel), Cancel);
        Assert.Equal(Enumerable.Range(0, names.Length).Select(i => $"sockets {i % Environment.ProcessorCount}"), names);
    }

    [Fact]
    public async Task Work_of_sockets_that_are_served_together_runs_after_them_and_in_order()
    {
        await using SocketHost host = SocketHost.Start(peeks: true);
        await using PollerGuests guests = await PollerGuests.ComeAsync(host);
        List<string> ran = [];

        // Where the machine is busy the first may take longer than work waits.
        for (int tries = 0; tries < 100 && ran.LastOrDefault() != "of the first, at last"; tries++)
        {
            ran.Clear();
            TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
            await guests.TogetherAsync(
                host.Threads,
                () =>
                {
                    Assert.True(SocketThreads.TryRunAfterEvents(new Work(() => ran.Add(ran.Count == 1 ? "of the first" : "of the first, at last"))));
                    ran.Add("first");
                },
                () =>
                {
                    ran.Add("second");
                    Assert.True(SocketThreads.TryRunAfterEvents(new Work(done.SetResult)));
                });
            await done.Task.WaitAsync(Cancel);
            Assert.Equal("first", ran[0]);
        }

        Assert.Equal(["first", "second", "of the first, at last"], ran);
    }

    [Fact]
    public async Task Work_runs_at_once_when_it_is_asked_for()
    {
        await using SocketHost host = SocketHost.Start(peeks: true);
        await using PollerGuests guests = await PollerGuests.ComeAsync(host);
        List<string> ran = [];
        await guests.TogetherAsync(
            host.Threads,
            () =>
            {
                ran.Add("first");
                SocketThreads.TryRunAfterEvents(new Work(() => ran.Add("of the first")));
                SocketThreads.RunNow();
            },
            () => ran.Add("second"));
        Assert.Equal(["first", "of the first", "second"], ran);
    }

    [Fact]
    public async Task Work_that_work_gives_waits_until_sockets_have_had_their_turn()
    {
        using SocketThreads threads = Start();
        List<string> ran = [];
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        threads.TryRun(
            new Work(() =>
            {
                SocketThreads.TryRunAfterEvents(new Work(() =>
                {
                    ran.Add("later");
                    done.SetResult();
                }));
                SocketThreads.RunNow();
                ran.Add("now");
            }),
            0);
        await done.Task.WaitAsync(Cancel);
        Assert.Equal(["now", "later"], ran);
    }

    [Fact]
    public async Task What_fails_keeps_nobody_else_from_his_turn()
    {
        using SocketThreads threads = Start();
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        threads.TryRun(new Work(() => throw new InvalidOperationException("meant to")), 0);
        threads.TryRun(new Work(done.SetResult), 0);
        await done.Task.WaitAsync(Cancel);
    }

    [Fact]
    public void Threads_that_end_run_what_they_were_given_and_take_no_more()
    {
        SocketThreads threads = Start();
        int ran = 0;
        for (int i = 0; i < 100; i++) Assert.True(threads.TryRun(new Work(() => Interlocked.Increment(ref ran)), i));
        threads.Dispose();
        Assert.Equal(100, ran);
        Assert.False(threads.TryRun(new Work(() => ran++), 0));
    }

    [Fact]
    public void Other_threads_defer_nothing()
    {
        Assert.False(SocketThreads.IsCurrent);
        Assert.False(SocketThreads.TryRunAfterEvents(new Work(() => Assert.Fail("on this thread"))));
        SocketThreads.RunNow();
    }

    private static SocketThreads Start() => new(NullLogger<SocketThreads>.Instance);
}
