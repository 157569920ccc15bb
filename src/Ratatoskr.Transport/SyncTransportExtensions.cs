using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Ratatoskr.Transport.Sockets;
using Ratatoskr.Transport.Upgrades;

namespace Ratatoskr.Transport;

/// <summary>Puts a <see cref="SyncTransport"/> into Kestrel. All of these belong together.</summary>
public static class SyncTransportExtensions
{
    /// <summary>Limits of the HTTP stack behind the peek.</summary>
    public static void ApplyTo(this TransportOptions options, KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.RequestHeadersTimeout = options.UpgradeTimeout;
        kestrel.Limits.MaxConcurrentConnections = options.SocketCountMax;
    }

    /// <summary>
    /// Has Kestrel listen on our own sockets, where they are to be had; elsewhere on its own. After <c>UseKestrelCore</c>: the last factory is asked first.
    /// </summary>
    /// <param name="isTls">Whether connections begin with TLS, which is Kestrel's. Those that do not are looked at before Kestrel has them: it costs as much as our part of a handshake.</param>
    public static IServiceCollection AddSyncSockets(this IServiceCollection services, bool isTls)
    {
        if (!OperatingSystem.IsLinux()) return services;
        return services.AddSingleton<SocketThreads>().AddSingleton<IConnectionListenerFactory>(provider => new EpollTransportFactory(
            provider.GetRequiredService<SyncTransport>(),
            provider.GetRequiredService<SocketThreads>(),
            isTls,
            provider.GetRequiredService<IMemoryPoolFactory<byte>>()));
    }

    /// <summary>
    /// Looks at the first request of every connection, unless <see cref="AddSyncSockets"/> has it done already. Call it after <c>UseHttps</c>, so that it sees what TLS carries.
    /// </summary>
    public static IConnectionBuilder UseSyncPeek(this IConnectionBuilder listen, SyncTransport transport)
    {
        UpgradePeek peek = new(transport);
        return listen.Use(next => async context =>
        {
            if (context is SocketConnection { IsForHttp: true } || await peek.IsForHttpAsync(context).ConfigureAwait(false)) await next(context).ConfigureAwait(false);
        });
    }

    /// <summary>Takes the upgrades that reach the HTTP stack. First in the pipeline, before anything that buffers or times requests.</summary>
    public static IApplicationBuilder UseSync(this IApplicationBuilder app, SyncTransport transport) =>
        app.Use(next => new HttpUpgrade(transport, next).InvokeAsync);
}
