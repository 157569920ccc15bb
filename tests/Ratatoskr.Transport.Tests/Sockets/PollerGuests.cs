using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Ratatoskr.Transport.Sockets;
using SharedTests.Threads;

namespace Ratatoskr.Transport.Tests.Sockets;

/// <summary>Two connections on the poller that polls the listener: one that keeps its thread for as long as the test wants, one that is served whenever it has its turn.</summary>
internal sealed class PollerGuests : IAsyncDisposable
{
    private readonly List<(Socket Client, ConnectionContext Connection)> _connections = [];

    private PollerGuests()
    {
    }

    /// <summary>Before anybody else connects: pollers take connections in turn, so that the first and the last of these are on the listener's.</summary>
    public static async Task<PollerGuests> ComeAsync(SocketHost host)
    {
        PollerGuests guests = new();
        for (int i = 0; i <= Environment.ProcessorCount; i++)
        {
            Socket client = await host.ConnectAsync();
            await client.SendAsync("HTTP\n\n"u8.ToArray(), TestContext.Current.CancellationToken);
            ConnectionContext connection = await host.AcceptAsync();
            guests._connections.Add((client, connection));
            connection.Transport.Input.AdvanceTo((await connection.Transport.Input.ReadAsync(TestContext.Current.CancellationToken)).Buffer.End);
        }

        return guests;
    }

    /// <summary>Does something while the poller's thread is busy, and has the second guest wait for his turn behind it.</summary>
    /// <param name="served">On the poller's thread, in that turn.</param>
    public async Task WhileBlockedAsync(Func<Task> work, Action? served = null)
    {
        using ManualResetEventSlim blocks = new(), goesOn = new();
        Task blocking = TurnAsync(0, () =>
        {
            blocks.Set();
            goesOn.Wait(TestContext.Current.CancellationToken);
        });
        await Task.Run(() => blocks.Wait(TestContext.Current.CancellationToken));
        await work();
        Task serving = TurnAsync(_connections.Count - 1, served);
        goesOn.Set();
        await blocking;
        await serving;
    }

    /// <summary>Has both guests served in one turn of the poller, whose thread is kept from it until their bytes are there.</summary>
    public async Task TogetherAsync(SocketThreads threads, Action first, Action second)
    {
        using ManualResetEventSlim blocks = new(), goesOn = new();
        Assert.True(threads.TryRun(new Work(() =>
        {
            blocks.Set();
            goesOn.Wait(TestContext.Current.CancellationToken);
        }), 0));
        await Task.Run(() => blocks.Wait(TestContext.Current.CancellationToken));
        Task[] turns = [TurnAsync(0, first), TurnAsync(_connections.Count - 1, second)];
        goesOn.Set();
        await Task.WhenAll(turns);
    }

    /// <summary>The poller has gone round once more, at least.</summary>
    public Task BeServedAsync() => TurnAsync(_connections.Count - 1, null);

    public async ValueTask DisposeAsync()
    {
        foreach ((Socket client, ConnectionContext connection) in _connections)
        {
            client.Dispose();
            await connection.DisposeAsync();
        }
    }

    private Task TurnAsync(int guest, Action? then)
    {
        (Socket client, ConnectionContext connection) = _connections[guest];
        Task turn = ReadAsync();
        client.Send(new byte[1]);
        return turn;

        async Task ReadAsync()
        {
            ReadResult read = await connection.Transport.Input.ReadAsync(TestContext.Current.CancellationToken).ConfigureAwait(false);
            then?.Invoke();
            connection.Transport.Input.AdvanceTo(read.Buffer.End);
        }
    }
}
