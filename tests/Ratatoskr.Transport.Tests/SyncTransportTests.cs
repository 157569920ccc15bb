using System.Net.WebSockets;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Transport.Tests.Hosting;
using SharedTests.Clocks;

namespace Ratatoskr.Transport.Tests;

public sealed class SyncTransportTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stop_waits_for_the_journal_and_then_closes_everyone_with_1001()
    {
        await using TestServer server = await TestServer.StartAsync();
        using ClientWebSocket client = new();
        await client.ConnectAsync(server.WebSocketUri, Cancel);
        Task<ValueWebSocketReceiveResult> receiving = client.ReceiveAsync(new byte[100].AsMemory(), Cancel).AsTask();
        TaskCompletionSource committed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        Task stopping = server.Transport.StopAsync(_ => committed.Task, Cancel);
        using RawClient late = await server.ConnectRawAsync();
        await late.WriteAsync(RawClient.UpgradeRequest("/sync"));
        Assert.StartsWith("HTTP/1.1 503 ", await late.ReadHeadAsync(), StringComparison.Ordinal);
        Assert.False(receiving.IsCompleted);

        committed.SetResult();
        Assert.Equal(WebSocketMessageType.Close, (await receiving).MessageType);
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, client.CloseStatus);      // 1001
        await client.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
        await stopping;
        Assert.Equal(0, server.Transport.ConnectionCount);
        Assert.Equal(0, server.Count("ratatoskr.connections.active"));
    }

    [Fact]
    public async Task Stop_cuts_who_does_not_answer_when_the_deadline_is_over()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(time: time);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        Task stopping = server.Transport.StopAsync(null, Cancel);
        Assert.Equal(1001, (await client.ReadFrameAsync()).CloseCode);
        Assert.False(stopping.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(10));

        await stopping;
        await session.WhenDisconnected;
        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task Stop_closes_sockets_even_if_the_journal_fails()
    {
        await using TestServer server = await TestServer.StartAsync();
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        Task stopping = server.Transport.StopAsync(_ => Task.FromException(new IOException("disk full")), Cancel);
        Assert.Equal(1001, (await client.ReadFrameAsync()).CloseCode);
        await client.WriteAsync(RawClient.Frame(Opcode.Close, [0x03, 0xe9]));
        await stopping;

        Assert.Contains("disk full", Assert.Single(server.Logs.Lines), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Connection_above_the_limit_gets_503_and_a_free_place_is_given_again()
    {
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { ConnectionCountMax = 1 });
        (RawClient first, TestSession session) = await server.UpgradeRawAsync();
        using RawClient second = await server.ConnectRawAsync();
        await second.WriteAsync(RawClient.UpgradeRequest("/sync"));
        Assert.StartsWith("HTTP/1.1 503 ", await second.ReadToEndAsync(), StringComparison.Ordinal);

        await first.WriteAsync(RawClient.Frame(Opcode.Close, [0x03, 0xe8]));
        await session.WhenDisconnected;
        Assert.Equal(1000, (await first.ReadFrameAsync()).CloseCode);
        Assert.True(await first.IsClosedAsync());
        first.Dispose();
        (RawClient third, _) = await server.UpgradeRawAsync();
        third.Dispose();
    }
}
