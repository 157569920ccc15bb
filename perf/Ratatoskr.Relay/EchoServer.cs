using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Transport;

namespace Ratatoskr.Relay;

/// <summary>The server's transport with nothing behind it: every binary message goes back as it came.</summary>
internal sealed class EchoServer : ISyncEndpoint
{
    /// <summary>Serves until the process is killed.</summary>
    public static async Task RunAsync(int port)
    {
        TransportOptions options = new();
        using Meter meter = new("Ratatoskr.Relay");
        await using SyncTransport transport = new(new EchoServer(), options, meter, NullLogger<SyncTransport>.Instance, TimeProvider.System);
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            options.ApplyTo(kestrel);
            kestrel.ListenLocalhost(port, listen => listen.UseSyncPeek(transport));
        });
        builder.Services.AddSingleton(transport).AddSyncSockets(isTls: false);
        await using WebApplication app = builder.Build();
        app.UseSync(transport);
        await app.RunAsync();
    }

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info) => new Session(connection);

    private sealed class Session(IPeerConnection connection) : IPeerSession
    {
        public bool IsEstablished => true;

        public int MaxMessageBytes => int.MaxValue;

        public ValueTask ReceiveAsync(ReadOnlyMemory<byte> message)
        {
            connection.Send(message.Span, null);
            return default;
        }

        public ValueTask ReceiveTextAsync(ReadOnlyMemory<byte> message) => default;

        public void Drained()
        {
        }

        public void Disconnected()
        {
        }
    }
}
