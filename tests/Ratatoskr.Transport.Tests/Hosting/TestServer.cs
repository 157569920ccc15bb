using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Ratatoskr.Transport.Tests.Hosting;

/// <summary>A real Kestrel on a free loopback port, wired the way the server is.</summary>
internal sealed class TestServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Meter _meter = new("Ratatoskr.Test");
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _counts = [];

    private TestServer(TransportOptions options, TimeProvider time, X509Certificate2? certificate)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == _meter) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            string name = instrument.Name;
            foreach (KeyValuePair<string, object?> tag in tags) name += $" {tag.Key}={tag.Value}";
            _counts[name] = value;
        });
        _listener.Start();

        WebApplicationBuilder builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        ILoggerFactory loggers = LoggerFactory.Create(logging => logging.AddProvider(Logs).SetMinimumLevel(LogLevel.Debug));
        Transport = new SyncTransport(Endpoint, options, _meter, loggers.CreateLogger<SyncTransport>(), time);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            options.ApplyTo(kestrel);
            kestrel.Listen(IPAddress.Loopback, 0, listen =>
            {
                listen.Protocols = certificate is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
                if (certificate is not null) listen.UseHttps(certificate);
                listen.UseSyncPeek(Transport);
            });
        });
        builder.Services.AddSingleton(Transport);
        builder.Services.AddSyncSockets(isTls: certificate is not null);
        _app = builder.Build();
        _app.UseSync(Transport);
        _app.Run(context => context.Response.WriteAsync("http:" + context.Request.Path));
    }

    public TestEndpoint Endpoint { get; } = new();

    public TestLogs Logs { get; } = new();

    public SyncTransport Transport { get; }

    public int Port { get; private set; }

    public Uri WebSocketUri => new($"ws://127.0.0.1:{Port}/sync");

    public static async Task<TestServer> StartAsync(
        TransportOptions? options = null, TimeProvider? time = null, X509Certificate2? certificate = null, Action<TestEndpoint>? prepare = null)
    {
        TestServer server = new(options ?? new TransportOptions(), time ?? TimeProvider.System, certificate);
        prepare?.Invoke(server.Endpoint);
        await server._app.StartAsync();
        server.Port = new Uri(server._app.Urls.First()).Port;
        return server;
    }

    public static X509Certificate2 MakeCertificate()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new("CN=localhost", key, HashAlgorithmName.SHA256);
        SubjectAlternativeNameBuilder names = new();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    /// <summary>What an instrument says now, with its tags as in <c>name reason=gone</c>.</summary>
    public long Count(string instrument)
    {
        lock (_counts)
        {
            _listener.RecordObservableInstruments();
            return _counts[instrument];
        }
    }

    public async Task<RawClient> ConnectRawAsync()
    {
        TcpClient tcp = new() { NoDelay = true };
        await tcp.ConnectAsync(IPAddress.Loopback, Port);
        return new RawClient(tcp);
    }

    /// <summary>A raw client whose upgrade has been answered, and its session.</summary>
    public async Task<(RawClient Client, TestSession Session)> UpgradeRawAsync()
    {
        RawClient client = await ConnectRawAsync();
        await client.WriteAsync(RawClient.UpgradeRequest("/sync"));
        string head = await client.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 101 ", head, StringComparison.Ordinal);
        return (client, await Endpoint.NextAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await Transport.DisposeAsync();
        using CancellationTokenSource soon = new(TimeSpan.FromSeconds(2));
        await _app.StopAsync(soon.Token);
        await _app.DisposeAsync();
        _listener.Dispose();
        _meter.Dispose();
    }
}
