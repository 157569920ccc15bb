using System.Net.WebSockets;
using System.Text;
using Ratatoskr.Transport.Tests.Hosting;

namespace Ratatoskr.Transport.Tests.Connections;

public sealed class WebSocketConnectionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Echo_over_a_stock_client()
    {
        await using TestServer server = await TestServer.StartAsync();
        using ClientWebSocket client = new();
        await client.ConnectAsync(server.WebSocketUri, Cancel);
        byte[] buffer = new byte[1024];
        for (int i = 0; i < 100; i++)
        {
            byte[] message = Encoding.ASCII.GetBytes($"message {i}");
            await client.SendAsync(message, WebSocketMessageType.Binary, true, Cancel);
            ValueWebSocketReceiveResult got = await client.ReceiveAsync(buffer.AsMemory(), Cancel);
            Assert.Equal(message, buffer[..got.Count]);
        }

        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", Cancel);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
        TestSession session = await server.Endpoint.NextAsync();
        await session.WhenDisconnected;
        Assert.Equal(1, session.DisconnectedCount);
    }
}
