using System.Formats.Cbor;
using System.Net.WebSockets;
using Ratatoskr.Server.Composition;
using Ratatoskr.Server.Configuration;

namespace Ratatoskr.Server.Tests.Monitoring;

/// <summary>A whole server in this process, on a free port and a folder of its own.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-monitoring-").FullName;
    private readonly ServerHost _host;

    private RunningServer(Func<ServerOptions, ServerOptions>? change)
    {
        ServerOptions options = new() { Port = 0, AccessMode = AccessMode.Open, DataDirectory = _folder, ShardCount = 2 };
        if (change is not null) options = change(options);
        _host = new ServerHost(options, new EngineHost(options));
    }

    public HttpClient Http { get; } = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<RunningServer> StartAsync(Func<ServerOptions, ServerOptions>? change = null)
    {
        RunningServer server = new(change);
        await server._host.StartAsync(Cancel);
        server.Http.BaseAddress = server._host.Address;
        return server;
    }

    public async Task<Exposition> MetricsAsync() => Exposition.Read(await Http.GetStringAsync("/metrics", Cancel));

    /// <summary>A stock client that has joined.</summary>
    public async Task<ClientWebSocket> JoinAsync(string peerId)
    {
        ClientWebSocket peer = new();
        await peer.ConnectAsync(new UriBuilder(_host.Address) { Scheme = "ws", Path = "/sync" }.Uri, Cancel);
        CborWriter join = new();
        join.WriteStartMap(4);
        Text("type", "join");
        Text("senderId", peerId);
        join.WriteTextString("peerMetadata");
        join.WriteStartMap(0);
        join.WriteEndMap();
        join.WriteTextString("supportedProtocolVersions");
        join.WriteStartArray(1);
        join.WriteTextString("1");
        join.WriteEndArray();
        join.WriteEndMap();
        await peer.SendAsync(join.Encode(), WebSocketMessageType.Binary, true, Cancel);
        await peer.ReceiveAsync(new byte[1000], Cancel);
        return peer;

        void Text(string name, string value)
        {
            join.WriteTextString(name);
            join.WriteTextString(value);
        }
    }

    /// <summary>Asks for a document, and waits for an answer.</summary>
    public static async Task AskAsync(ClientWebSocket peer, string peerId, string documentId)
    {
        CborWriter request = new();
        request.WriteStartMap(5);
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)[("type", "request"), ("senderId", peerId), ("targetId", "server"), ("documentId", documentId)])
        {
            request.WriteTextString(name);
            request.WriteTextString(value);
        }

        // A first message of somebody who has nothing (docs: automerge sync protocol, type 0x42: no heads, no need, no have, no changes).
        request.WriteTextString("data");
        request.WriteByteString([0x42, 0, 0, 0, 0]);
        request.WriteEndMap();
        await peer.SendAsync(request.Encode(), WebSocketMessageType.Binary, true, Cancel);
        await peer.ReceiveAsync(new byte[1000], Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        await _host.StopAsync(Cancel);
        await _host.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
