using System.Buffers;
using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Ratatoskr.Transport.Upgrades;

namespace Ratatoskr.Transport.Sockets;

/// <summary>
/// Kestrel's TCP sockets on Linux: a thread for each processor waits for its share of them and runs what has waited. A message costs a call to receive and a call to send, and no
/// other thread (docs/adr/0015).
/// </summary>
/// <remarks>Safe on any thread. Ends the threads when it is disposed: nobody else has sockets there.</remarks>
internal sealed class EpollTransportFactory(SyncTransport transport, SocketThreads threads, bool isTls, IMemoryPoolFactory<byte> pools)
    : IConnectionListenerFactory, IConnectionListenerFactorySelector, IDisposable
{
    // All clients of a restarted server come back within 5 s (stock clients retry at that interval). The kernel's somaxconn, 4096, caps it anyway.
    private const int BacklogMax = 4096;

    private readonly MemoryPool<byte> _pool = pools.Create();

    /// <summary>TCP; other endpoints are for Kestrel's own sockets.</summary>
    public bool CanBind(EndPoint endpoint) => endpoint is IPEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        Socket? socket = null;
        try
        {
            socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.NoDelay = true;              // those that are accepted inherit both
            socket.Blocking = false;
            socket.Listen(BacklogMax);
            return new ValueTask<IConnectionListener>(new SocketListener(socket, threads.Pollers, _pool, transport, isTls ? null : new UpgradePeek(transport)));
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            socket?.Dispose();
            throw new AddressInUseException(e.Message, e);
        }
        catch
        {
            socket?.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (SocketPoller poller in threads.Pollers)
        {
            foreach (IPolled polled in poller.Polled()) (polled as SocketConnection)?.Abort(new ConnectionAbortedException("the server stops"));
        }

        threads.Dispose();
        _pool.Dispose();
    }
}
