using System.Net.WebSockets;
using System.Threading.Channels;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Peers;

/// <summary>A peer that sends exactly the frames it is told to, good or bad, and shows every frame that comes.</summary>
internal sealed class RawPeer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly ClientWebSocket _socket;
    private readonly Channel<Frame> _received = Channel.CreateUnbounded<Frame>(); // bounded by what one test provokes
    private readonly Task _receiving;

    private RawPeer(ClientWebSocket socket, string peerId)
    {
        _socket = socket;
        PeerId = peerId;
        _receiving = ReceiveAsync();
    }

    public string PeerId { get; }

    /// <summary>The server's peer id, empty before the handshake.</summary>
    public string ServerId { get; private set; } = "";

    /// <summary>How the server ended the connection; null while it has not, or when it said nothing.</summary>
    public WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    /// <summary>Its words with that.</summary>
    public string? CloseReason => _socket.CloseStatusDescription;

    /// <summary>Opens the WebSocket and says nothing.</summary>
    /// <param name="url">where the server is</param>
    /// <param name="peerId">null: a random one</param>
    /// <param name="token">goes into the upgrade's Authorization header</param>
    /// <param name="from">the loopback address to come from, for what is counted by address</param>
    public static async Task<RawPeer> ConnectAsync(string url, string? peerId = null, string? token = null, string from = "127.0.0.1")
    {
        ClientWebSocket socket = new();
        socket.Options.KeepAliveInterval = TimeSpan.Zero; // no frames of the library's own
        if (token is not null) socket.Options.SetRequestHeader("Authorization", $"Bearer {token}");
        using HttpMessageInvoker invoker = new(LoopbackAddresses.HandlerFrom(from), disposeHandler: false);
        await socket.ConnectAsync(new Uri(url), invoker, CancellationToken.None).WaitAsync(Patience);
        return new RawPeer(socket, peerId ?? $"raw-{Guid.NewGuid():N}");
    }

    /// <summary>Opens the WebSocket and joins, as who the token says.</summary>
    public static async Task<RawPeer> JoinAsync(string url, string? peerId = null, string? storageId = null, string? token = null, string from = "127.0.0.1")
    {
        RawPeer peer = await ConnectAsync(url, peerId, token, from);
        await peer.JoinAsync(storageId);
        return peer;
    }

    /// <summary>Opens the WebSocket and says the hello of the original's clients; its peer id is told by its first message.</summary>
    public static async Task<RawPeer> AuthenticateAsync(string url, string? token, string? peerId = null, string from = "127.0.0.1")
    {
        RawPeer peer = await ConnectAsync(url, peerId, from: from);
        await peer.SendAsync(Frame.Auth(token));
        peer.ServerId = (string)(await peer.NextAsync("auth_ok")).Fields["peerId"]!;
        return peer;
    }

    public async Task JoinAsync(string? storageId = null)
    {
        await SendAsync(Frame.Join(PeerId, storageId));
        ServerId = (await NextAsync("peer")).SenderId!;
    }

    public Task SendAsync(ReadOnlyMemory<byte> frame, WebSocketMessageType type = WebSocketMessageType.Binary) =>
        _socket.SendAsync(frame, type, endOfMessage: true, CancellationToken.None).AsTask();

    public Task SyncAsync(string documentId, SyncMessage message) =>
        SendAsync(Frame.Document("sync", PeerId, ServerId, documentId, message.Encode()));

    public Task RequestAsync(string documentId) =>
        SendAsync(Frame.Document("request", PeerId, ServerId, documentId, SyncMessage.EmptyRequest));

    /// <summary>The next frame, whatever it is.</summary>
    public async Task<Frame> NextAsync()
    {
        using CancellationTokenSource late = new(Patience);
        try
        {
            return await _received.Reader.ReadAsync(late.Token);
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"{PeerId} waited {Patience.TotalSeconds} s for a frame.");
        }
        catch (ChannelClosedException)
        {
            throw new ConnectionClosedException($"{PeerId}: the server closed the connection ({_socket.CloseStatus} {_socket.CloseStatusDescription}).");
        }
    }

    /// <summary>The next frame of that type; others are passed over.</summary>
    public async Task<Frame> NextAsync(string type)
    {
        while (true)
        {
            Frame frame = await NextAsync();
            if (frame.Type == type) return frame;
        }
    }

    /// <summary>The next sync message about that document which the condition accepts.</summary>
    public async Task<SyncMessage> NextSyncAsync(string documentId, Func<SyncMessage, bool>? condition = null)
    {
        while (true)
        {
            Frame frame = await NextAsync();
            if (frame.Type is not ("sync" or "request") || frame.DocumentId != documentId) continue;
            SyncMessage message = frame.Sync;
            if (condition is null || condition(message)) return message;
        }
    }

    /// <summary>
    /// Waits until the server has read everything sent before: a document asked for last, which nobody has, is refused.
    /// Each document then handles what came for it in order; answers about different documents may overtake each other.
    /// </summary>
    /// <returns>The frames that came meanwhile.</returns>
    public async Task<List<Frame>> UntilReadAsync()
    {
        string marker = DocumentIds.New();
        await RequestAsync(marker);
        List<Frame> before = [];
        while (true)
        {
            Frame frame = await NextAsync();
            if (frame.Type == "doc-unavailable" && frame.DocumentId == marker) return before;
            if (frame.DocumentId != marker) before.Add(frame);
        }
    }

    /// <summary>Waits until the server has ended the connection.</summary>
    public async Task UntilClosedAsync()
    {
        while (await _received.Reader.WaitToReadAsync().AsTask().WaitAsync(Patience)) _received.Reader.TryRead(out _);
    }

    public async ValueTask DisposeAsync()
    {
        if (_socket.State == WebSocketState.Open)
            await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        _socket.Abort();
        await _receiving;
        _socket.Dispose();
    }

    private async Task ReceiveAsync()
    {
        byte[] buffer = new byte[64 * 1024];
        MemoryStream message = new();
        try
        {
            while (true)
            {
                ValueWebSocketReceiveResult part = await _socket.ReceiveAsync(buffer.AsMemory(), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close) break;
                message.Write(buffer, 0, part.Count);
                if (!part.EndOfMessage) continue;
                _received.Writer.TryWrite(Frame.Parse(message.ToArray()));
                message.SetLength(0);
            }
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The connection is gone: readers learn it from the completed channel.
        }
        _received.Writer.TryComplete();
    }
}

/// <summary>The server ended the connection while the test waited for a frame.</summary>
internal sealed class ConnectionClosedException(string message) : Exception(message);
