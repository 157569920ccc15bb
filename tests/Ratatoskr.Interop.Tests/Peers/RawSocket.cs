using System.Net.Sockets;
using System.Text;

namespace Ratatoskr.Interop.Tests.Peers;

/// <summary>A TCP connection on which the test writes the upgrade and the WebSocket frames byte by byte.</summary>
internal sealed class RawSocket : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TcpClient _client = new();
    private NetworkStream? _stream;

    public static async Task<RawSocket> UpgradeAsync(int port)
    {
        RawSocket socket = new();
        await socket._client.ConnectAsync("127.0.0.1", port);
        socket._stream = socket._client.GetStream();
        await socket.SendAsync(Encoding.ASCII.GetBytes(
            $"GET /sync HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"));
        StringBuilder response = new();
        byte[] one = new byte[1];
        while (!response.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await socket._stream.ReadAsync(one).AsTask().WaitAsync(Patience) == 0) break;
            response.Append((char)one[0]);
        }
        Assert.StartsWith("HTTP/1.1 101 ", response.ToString(), StringComparison.Ordinal);
        return socket;
    }

    public Task SendAsync(ReadOnlyMemory<byte> bytes) => _stream!.WriteAsync(bytes).AsTask();

    /// <summary>Reads until the server ends the connection.</summary>
    /// <returns>What came before.</returns>
    public async Task<byte[]> UntilClosedAsync()
    {
        MemoryStream received = new();
        try
        {
            await _stream!.CopyToAsync(received).WaitAsync(Patience);
        }
        catch (IOException)
        {
            // reset: closed as well
        }
        return received.ToArray();
    }

    public async ValueTask DisposeAsync()
    {
        if (_stream is not null) await _stream.DisposeAsync();
        _client.Dispose();
    }
}
