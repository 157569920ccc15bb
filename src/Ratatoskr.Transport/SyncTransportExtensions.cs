using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Ratatoskr.Transport.Upgrades;

namespace Ratatoskr.Transport;

/// <summary>Puts a <see cref="SyncTransport"/> into Kestrel. All of these belong together.</summary>
public static class SyncTransportExtensions
{
    // All clients of a restarted server come back within 5 s (stock clients retry at that interval). The kernel's somaxconn, 4096, caps it anyway.
    private const int BacklogMax = 4096;

    /// <summary>Socket options: where code runs, and how much a socket may buffer.</summary>
    public static void ApplyTo(this TransportOptions options, SocketTransportOptions sockets)
    {
        sockets.UnsafePreferInlineScheduling = options.InlineScheduling;
        sockets.Backlog = BacklogMax;
        sockets.MaxReadBufferSize = options.SocketBufferBytes;
        sockets.MaxWriteBufferSize = options.SocketBufferBytes;
    }

    /// <summary>Limits of the HTTP stack behind the peek.</summary>
    public static void ApplyTo(this TransportOptions options, KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.RequestHeadersTimeout = options.UpgradeTimeout;
        kestrel.Limits.MaxConcurrentConnections = (long)options.ConnectionCountMax + options.PendingUpgradesMax + options.HttpConnectionCountMax;
    }

    /// <summary>Has Kestrel listen so that those who connect do not keep those who are there waiting. After <c>UseKestrelCore</c>: the last factory is asked first.</summary>
    public static IServiceCollection AddFairListeners(this IServiceCollection services) =>
        services.AddSingleton<IConnectionListenerFactory>(static provider =>
        {
            SyncTransport transport = provider.GetRequiredService<SyncTransport>();
            SocketTransportFactory sockets = new(provider.GetRequiredService<IOptions<SocketTransportOptions>>(), provider.GetRequiredService<ILoggerFactory>());
            return new FairListenerFactory(sockets, () => transport.Pending.AreMany, transport.Time);
        });

    /// <summary>Looks at the first request of every connection. Call it after <c>UseHttps</c>, so that it sees what TLS carries.</summary>
    public static IConnectionBuilder UseSyncPeek(this IConnectionBuilder listen, SyncTransport transport) =>
        listen.Use(next => new UpgradePeek(transport, next).OnConnectionAsync);

    /// <summary>Takes the upgrades that reach the HTTP stack. First in the pipeline, before anything that buffers or times requests.</summary>
    public static IApplicationBuilder UseSync(this IApplicationBuilder app, SyncTransport transport) =>
        app.Use(next => new HttpUpgrade(transport, next).InvokeAsync);
}
