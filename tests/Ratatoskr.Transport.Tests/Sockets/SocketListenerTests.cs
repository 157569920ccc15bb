using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Ratatoskr.Transport.Sockets;
using Ratatoskr.Transport.Tests.Hosting;
using SharedTests.Clocks;

namespace Ratatoskr.Transport.Tests.Sockets;

public class SocketListenerTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_is_ours_is_served_and_the_rest_comes_out_with_all_its_bytes()
    {
        await using SocketHost host = SocketHost.Start(peeks: true);
        using Socket web = await host.ConnectAsync(), sync = await host.ConnectAsync();
        await sync.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest("/sync")), Cancel);
        await host.Endpoint.NextAsync();
        await web.SendAsync("GET /health HTTP/1.1\r\n\r\n"u8.ToArray(), Cancel);
        ConnectionContext connection = await host.AcceptAsync();
        ReadResult read = await connection.Transport.Input.ReadAsync(Cancel);
        Assert.Equal("GET /health HTTP/1.1\r\n\r\n", Encoding.ASCII.GetString(read.Buffer.ToArray()));
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Beyond_the_limit_a_connection_is_closed_as_soon_as_it_is_there()
    {
        TransportOptions options = new() { ConnectionCountMax = 1, PendingUpgradesMax = 1, HttpConnectionCountMax = 1 };
        await using SocketHost host = SocketHost.Start(options);
        (Socket Client, ConnectionContext Connection)[] open = [await host.PairAsync(), await host.PairAsync(), await host.PairAsync()];
        using (Socket refused = await host.ConnectAsync()) Assert.Equal(0, await refused.ReceiveAsync(new byte[1], Cancel));

        open[1].Client.Dispose();
        await open[1].Connection.DisposeAsync();
        (open[1].Client, open[1].Connection) = await host.PairAsync();
        foreach ((Socket client, ConnectionContext connection) in open)
        {
            client.Dispose();
            await connection.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task While_many_have_not_said_what_they_are_the_next_few_wait_a_moment(bool areMany)
    {
        const int Silent = 20, Crowd = 3 * SocketListener.AtOnceMax;
        ManualTime time = new();
        await using SocketHost host = SocketHost.Start(new TransportOptions { PendingUpgradesMax = areMany ? (32 * Silent) - 1 : 64 * (Silent + Crowd) }, time, peeks: true);
        await using PollerGuests guests = await PollerGuests.ComeAsync(host);
        List<Socket> clients = [];
        for (int i = 0; i < Silent; i++) clients.Add(await host.ConnectAsync());
        while (host.Transport.Pending.Count < Silent) await Task.Yield();
        Assert.Equal(areMany, host.Transport.Pending.AreCrowding);
        int before = host.Transport.SocketCount;
        await guests.WhileBlockedAsync(async () =>
        {
            for (int i = 0; i < Crowd; i++) clients.Add(await host.ConnectAsync());
        });

        for (int accepted = SocketListener.AtOnceMax; areMany && accepted < Crowd; accepted += SocketListener.AtOnceMax)
        {
            while (host.Transport.SocketCount < before + accepted) await Task.Yield();
            for (int i = 0; i < 3; i++) await guests.BeServedAsync();
            Assert.Equal(before + accepted, host.Transport.SocketCount);
            time.Advance(3);
        }

        while (host.Transport.SocketCount < before + Crowd) await Task.Yield();
        foreach (Socket client in clients) client.Dispose();
    }

    [Fact]
    public async Task Who_connects_without_a_pause_does_not_keep_others_waiting()
    {
        const int Crowd = 60;
        await using SocketHost host = SocketHost.Start(peeks: true);
        await using PollerGuests guests = await PollerGuests.ComeAsync(host);
        List<Socket> clients = [];
        int before = host.Transport.SocketCount, whenServed = 0;
        await guests.WhileBlockedAsync(async () =>
        {
            for (int i = 0; i < Crowd; i++) clients.Add(await host.ConnectAsync());
            whenServed = -1;
        }, () => whenServed = host.Transport.SocketCount);
        Assert.InRange(whenServed - before, 0, SocketListener.AtOnceMax);
        while (host.Transport.SocketCount < before + Crowd) await Task.Yield();
        foreach (Socket client in clients) client.Dispose();
    }

    [Fact]
    public async Task Unbound_accepts_no_more_and_those_who_are_there_stay()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        ValueTask<ConnectionContext?> accepting = host.Listener.AcceptAsync(Cancel);
        await host.Listener.UnbindAsync(Cancel);
        Assert.Null(await accepting);
        Assert.Null(await host.Listener.AcceptAsync(Cancel));
        await Assert.ThrowsAsync<SocketException>(host.ConnectAsync);
        await connection.Transport.Output.WriteAsync("still here"u8.ToArray(), Cancel);
        Assert.Equal("still here"u8.ToArray(), await client.ReceiveAsync(10));
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Address_that_is_taken_is_said_to_be()
    {
        await using SocketHost host = SocketHost.Start();
        await Assert.ThrowsAsync<AddressInUseException>(host.BindAgainAsync);
    }
}
