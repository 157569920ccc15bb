using System.Buffers;
using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Transport.Sockets;
using Ratatoskr.Transport.Tests.Hosting;

namespace Ratatoskr.Transport.Tests.Sockets;

/// <summary>Our sockets without Kestrel: a listener on a free loopback port, whose connections the test takes.</summary>
internal sealed class SocketHost : IAsyncDisposable
{
    private readonly Meter _meter = new("Ratatoskr.Test");
    private readonly EpollTransportFactory _factory;
    private readonly IConnectionListener _listener;

    private SocketHost(TransportOptions options, TimeProvider time, bool peeks, IPAddress address)
    {
        Transport = new SyncTransport(Endpoint, options, _meter, NullLogger<SyncTransport>.Instance, time);
        _factory = new EpollTransportFactory(Transport, Threads, isTls: !peeks, new Pools());
        _listener = _factory.BindAsync(new IPEndPoint(address, 0), CancellationToken.None).AsTask().Result;
    }

    public TestEndpoint Endpoint { get; } = new();

    public SyncTransport Transport { get; }

    public SocketThreads Threads { get; } = new(NullLogger<SocketThreads>.Instance);

    public IConnectionListener Listener => _listener;

    public IPEndPoint EndPoint => (IPEndPoint)_listener.EndPoint;

    public async Task BindAgainAsync() => await _factory.BindAsync(EndPoint, TestContext.Current.CancellationToken);

    /// <param name="peeks">Whether what is ours is served, and the test gets the rest; else it gets all.</param>
    public static SocketHost Start(TransportOptions? options = null, TimeProvider? time = null, bool peeks = false, IPAddress? address = null) =>
        new(options ?? new TransportOptions(), time ?? TimeProvider.System, peeks, address ?? IPAddress.Loopback);

    public async Task<Socket> ConnectAsync()
    {
        Socket client = new(EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(EndPoint, TestContext.Current.CancellationToken);
        return client;
    }

    /// <summary>The next connection; what waits for it goes on where it is polled.</summary>
    public async Task<ConnectionContext> AcceptAsync()
    {
        ConnectionContext connection = await _listener.AcceptAsync(TestContext.Current.CancellationToken) ?? throw new InvalidOperationException("unbound");
        ((SocketConnection)connection).WakesOn = null;
        return connection;
    }

    public async Task<(Socket Client, ConnectionContext Connection)> PairAsync()
    {
        Socket client = await ConnectAsync();
        return (client, await AcceptAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await _listener.DisposeAsync();
        await Transport.DisposeAsync();
        _factory.Dispose();
        _meter.Dispose();
    }

    private sealed class Pools : IMemoryPoolFactory<byte>
    {
        public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => MemoryPool<byte>.Shared;
    }
}

internal static class SocketExtensions
{
    public static PipeReader Input(this ConnectionContext connection) => connection.Transport.Input;

    public static PipeWriter Output(this ConnectionContext connection) => connection.Transport.Output;

    /// <summary>Exactly so many bytes.</summary>
    public static async Task<byte[]> ReceiveAsync(this Socket client, int count)
    {
        byte[] bytes = new byte[count];
        for (int at = 0; at < count;)
        {
            int received = await client.ReceiveAsync(bytes.AsMemory(at), TestContext.Current.CancellationToken);
            Assert.NotEqual(0, received);
            at += received;
        }

        return bytes;
    }

    /// <summary>Has the kernel send a reset when it closes.</summary>
    public static void Reset(this Socket client)
    {
        client.LingerState = new LingerOption(enable: true, seconds: 0);
        client.Dispose();
    }

    /// <summary>Writes until the kernel takes no more.</summary>
    public static async Task<ValueTask<FlushResult>> FillAsync(this PipeWriter output)
    {
        while (true)
        {
            output.Write(new byte[64 * 1024]);
            ValueTask<FlushResult> flush = output.FlushAsync();
            if (!flush.IsCompleted) return flush;
            Assert.False((await flush).IsCompleted);
        }
    }

    public static Task ClosedAsync(this ConnectionContext connection)
    {
        TaskCompletionSource closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.ConnectionClosed.Register(closed.SetResult);
        return closed.Task.WaitAsync(TestContext.Current.CancellationToken);
    }
}
