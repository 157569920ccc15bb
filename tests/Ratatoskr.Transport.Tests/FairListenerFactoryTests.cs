using System.Net;
using Microsoft.AspNetCore.Connections;
using SharedTests.Clocks;

namespace Ratatoskr.Transport.Tests;

public class FairListenerFactoryTests
{
    [Fact]
    public async Task Who_connects_without_a_pause_is_accepted_a_few_at_a_time()
    {
        await using IConnectionListener listener = await new FairListenerFactory(new Crowd(), static () => false, TimeProvider.System).BindAsync(new IPEndPoint(IPAddress.Loopback, 0), TestContext.Current.CancellationToken);
        for (int round = 0; round < 3; round++)
        {
            int inOneGo = 0;
            ValueTask<ConnectionContext?> accept;
            while ((accept = listener.AcceptAsync(TestContext.Current.CancellationToken)).IsCompleted)
            {
                inOneGo++;
                await accept;
            }

            await accept;
            Assert.Equal(FairListenerFactory.Listener.AtOnceMax - 1, inOneGo);
        }
    }

    [Fact]
    public async Task Thread_that_brings_a_connection_does_not_accept_the_next()
    {
        Crowd crowd = new() { Next = new TaskCompletionSource<ConnectionContext?>() };       // runs what waits for it on the thread that completes it
        await using IConnectionListener listener = await new FairListenerFactory(crowd, static () => false, TimeProvider.System).BindAsync(new IPEndPoint(IPAddress.Loopback, 0), TestContext.Current.CancellationToken);
        TaskCompletionSource<int> acceptedOn = new();
        Thread socket = new(() => crowd.Next.SetResult(null));
        _ = Accept();
        socket.Start();
        socket.Join();
        Assert.NotEqual(socket.ManagedThreadId, await acceptedOn.Task);

        async Task Accept()
        {
            await listener.AcceptAsync().ConfigureAwait(false);
            acceptedOn.SetResult(Environment.CurrentManagedThreadId);
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task While_many_have_not_said_what_they_are_the_next_few_wait_a_moment(bool areMany)
    {
        ManualTime time = new();
        await using IConnectionListener listener = await new FairListenerFactory(new Crowd(), () => areMany, time).BindAsync(new IPEndPoint(IPAddress.Loopback, 0), TestContext.Current.CancellationToken);
        for (int i = 1; i < FairListenerFactory.Listener.AtOnceMax; i++) await listener.AcceptAsync(TestContext.Current.CancellationToken);
        Task last = listener.AcceptAsync(TestContext.Current.CancellationToken).AsTask();
        if (!areMany)
        {
            await last;                                       // the clock stands
            return;
        }

        for (int i = 0; i < 10; i++) await Task.Run(static () => { }, TestContext.Current.CancellationToken);     // behind it in the pool's queue
        Assert.False(last.IsCompleted);
        time.Advance(10);
        await last;
    }

    // There is always one more.
    private sealed class Crowd : IConnectionListenerFactory, IConnectionListener
    {
        public TaskCompletionSource<ConnectionContext?>? Next { get; init; }

        public EndPoint EndPoint { get; } = new IPEndPoint(IPAddress.Loopback, 1);

        public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) => new(this);

        public ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default) => Next is null ? new((ConnectionContext?)null) : new(Next.Task);

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => default;

        public ValueTask DisposeAsync() => default;
    }
}
