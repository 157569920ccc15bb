using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Ratatoskr.Http;
using Ratatoskr.Http.Endpoints;
using Ratatoskr.Http.Monitoring;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.OpenApi;
using Ratatoskr.Server.Configuration;
using Ratatoskr.Transport;
using Ratatoskr.Transport.Sockets;

namespace Ratatoskr.Server.Composition;

/// <summary>The parts of a running server, wired; started and stopped in order.</summary>
internal sealed class ServerHost : IAsyncDisposable
{
    private readonly ServerOptions _options;
    private readonly IEngineHost _engine;
    private readonly WebApplication _app;
    private readonly SyncTransport _transport;
    private readonly YieldingThreads _busyConnections = new(Environment.ProcessorCount, "Busy connection");
    private readonly ILogger _log;
    private readonly PublicAddress _publicAddress;
    private readonly MetricsReader _metrics;
    private readonly Telemetry? _telemetry;
    private AuthServices? _auth;
    private readonly Readiness _readiness;
    private volatile RequestDelegate? _pipeline;
    private volatile bool _stopping;

    public ServerHost(ServerOptions options, IEngineHost engine)
    {
        _options = options;
        _engine = engine;
        _readiness = new Readiness(this);
        HashSet<string> origins = [.. options.Accounts.CorsAllowedOrigins];
        TransportOptions transport = MemoryLimits.Of(options, new TransportOptions
        {
            AllowsOrigin = origins.Count == 0 ? null : origins.Contains,
            ConnectionCountMax = options.MaxConnections,
            BusyScheduler = _busyConnections,
        });
        transport = FileLimits.Of(transport, FileLimits.OpenFiles());

        // The empty builder, so that settings come from our variables only: ASPNETCORE_URLS or a stray appsettings.json change nothing.
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ApplicationName = "ratatoskr" });
        ServerLogging.Configure(builder.Logging, options.LogFormat);
        builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        builder.Services.AddRoutingCore();
        builder.Services.AddMetrics();
        builder.Services.AddSingleton(services =>
            new SyncTransport(engine.Endpoint, transport, services.GetRequiredService<IMeterFactory>().Create(SyncTransport.MeterName), services.GetRequiredService<ILogger<SyncTransport>>(), TimeProvider.System));
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            transport.ApplyTo(kestrel);
            Listen(kestrel);
        });
        builder.Services.AddSyncSockets(isTls: options.Tls is not null);

        _app = builder.Build();
        IMeterFactory meters = _app.Services.GetRequiredService<IMeterFactory>();
        _metrics = new MetricsReader(instrument => Instruments.AreShown(instrument, meters));
        _transport = _app.Services.GetRequiredService<SyncTransport>();
        if (options.SendsTelemetry) _telemetry = Telemetry.Start();
        ProcessMetrics.Show(meters, () => NotReadyBecause is null);
        _log = _app.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Ratatoskr.Http");
        _publicAddress = new PublicAddress(options.Accounts.BaseUrl ?? OriginOf(options.Accounts.Provider?.RedirectUri));
    }

    /// <summary>The base address that peers can use, with the real port.</summary>
    public Uri Address { get; private set; } = new("http://localhost");

    /// <exception cref="SettingException">The data folder cannot be used.</exception>
    /// <exception cref="IOException">The port cannot be had; the message says which and why.</exception>
    public async Task StartAsync(CancellationToken cancel)
    {
        ProbePort();
        OpenDataDirectory();
        _transport.NotTakingBecause = _engine.NotReadyBecause;
        _app.UseErrorAnswers(_log);
        _app.Run(context => _pipeline is { } pipeline ? pipeline(context) : HealthEndpoints.AnswerWhileStarting(context, _readiness));

        // Side by side: recovery may take long, and /health answers meanwhile.
        Task rehearsing = Task.Run(() => Rehearsal.PlayAsync(cancel), CancellationToken.None);
        Task recovering = Task.Run(() => _engine.StartAsync(new UrgentScheduler(_app.Services.GetService<SocketThreads>()), _app.Services.GetRequiredService<ILoggerFactory>(), _app.Services.GetRequiredService<IMeterFactory>(), cancel), CancellationToken.None);
        try
        {
            await OpenPortAsync(cancel).ConfigureAwait(false);
            Address = new Uri(_app.Urls.First());
            _publicAddress.Listening = Address;
        }
        finally
        {
            await recovering.ConfigureAwait(false);
            await rehearsing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);      // whoever comes before would wait for it all the same
        }

        _pipeline = MakePipeline();
        _transport.NotTakingBecause = null;
    }

    /// <summary>Commits, closes every socket with 1001, then the port, within <see cref="TransportOptions.StopTimeout"/> and a little.</summary>
    /// <param name="cancel">Cuts instead of waiting.</param>
    public async Task StopAsync(CancellationToken cancel)
    {
        _stopping = true;
        await _transport.StopAsync(_engine.CommitAsync, cancel).ConfigureAwait(false);

        // What is left are plain HTTP requests under way.
        using CancellationTokenSource soon = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        soon.CancelAfter(TimeSpan.FromSeconds(2));
        await _app.StopAsync(soon.Token).ConfigureAwait(false);
    }

    public async ValueTask DisposeAsync()
    {
        await _transport.DisposeAsync().ConfigureAwait(false);
        await _app.DisposeAsync().ConfigureAwait(false);
        _busyConnections.Dispose();
        _auth?.Dispose();
        await _engine.DisposeAsync().ConfigureAwait(false);
        _telemetry?.Dispose();              // sends what it still has
        _metrics.Dispose();
    }

    // In the order a request meets them. Made when there is something behind it.
    private RequestDelegate MakePipeline()
    {
        ApplicationBuilder pipeline = new(_app.Services);
        if (_engine.Accounts is { } accounts) MapAccounts(pipeline, accounts);
        else pipeline.UseSync(_transport).UseRouting().UseEndpoints(MapOperations);
        return pipeline.Build();
    }

    private void MapOperations(IEndpointRouteBuilder routes)
    {
        routes.MapHealth(_readiness);
        routes.MapMetrics(_metrics, _publicAddress, _options.MetricsToken);
    }

    private void MapAccounts(ApplicationBuilder pipeline, AccountServices accounts)
    {
        RestLimits limits = new(accounts.Limiter, _options.Accounts.Clients, TimeProvider.System);
        ResponseRoom room = new(((long)_options.MemoryBudgetMb << 20) / 4, TimeProvider.System, _app.Services.GetRequiredService<IMeterFactory>().Create(ResponseRoom.MeterName));
        Cors cors = new(_options.Accounts.CorsAllowedOrigins);
        _auth = new AuthServices(new AuthOptions
        {
            Store = accounts.Store,
            Control = accounts.Control,
            Authenticator = accounts.Authenticator,
            Sessions = accounts.Sessions,
            Tokens = accounts.Tokens,
            Address = _publicAddress,
            Meters = _app.Services.GetRequiredService<IMeterFactory>(),
            Limiter = accounts.Limiter,
            Log = _log,
            Clients = _options.Accounts.Clients,
            Provider = _options.Accounts.Provider,
            AllowedOrigins = _options.Accounts.CorsAllowedOrigins,
            Certificate = _options.Tls?.Certificate,
        });

        // Other sites' pages may read the API, and nothing else: the development provider's form least of all.
        pipeline.UseWhen(static context => context.Request.Path.StartsWithSegments("/api", StringComparison.Ordinal), api => api.UseCors(cors));
        pipeline.UseSync(_transport).Use(limits.BeforeEndpoints).UseRouting().UseEndpoints(routes =>
        {
            MapOperations(routes);
            routes.MapAuth(_auth);
            routes.MapDocuments(new DocumentApi(_auth.Bearer, accounts.Directory, _engine.Contents, limits, room, TimeProvider.System, RandomNumberGenerator.Fill));
            routes.MapBlobs(new BlobApi(
                _auth.Bearer, _engine.Blobs!.Service, accounts.Directory, limits, room, _publicAddress, accounts.Links, TimeProvider.System, RandomNumberGenerator.Fill));
            routes.MapOpenApi();
        });
    }

    private string? NotReadyBecause => _stopping ? "the server stops" : _engine.NotReadyBecause ?? (_pipeline is null ? "the server starts" : null);

    private static Uri? OriginOf(Uri? redirect) => redirect is null ? null : new Uri(redirect.GetLeftPart(UriPartial.Authority));

    private void Listen(KestrelServerOptions kestrel)
    {
        if (_options.Address is { } address) kestrel.Listen(address, _options.Port, Configure);
        else if (_options.Port == 0) kestrel.Listen(IPAddress.Loopback, 0, Configure);      // a free port is free on one address
        else kestrel.ListenLocalhost(_options.Port, Configure);

        void Configure(ListenOptions listen)
        {
            // Without TLS there is nothing to agree on HTTP/2 with.
            listen.Protocols = _options.Tls is null ? HttpProtocols.Http1 : HttpProtocols.Http1AndHttp2;
            if (_options.Tls is { } tls)
            {
                listen.UseHttps(https =>
                {
                    https.ServerCertificate = tls.Certificate;
                    https.ServerCertificateChain = tls.Chain;
                });
            }

            listen.UseSyncPeek(kestrel.ApplicationServices.GetRequiredService<SyncTransport>());
        }
    }

    // Asked before the data folder is touched: an address that cannot be had is another server's, and its folder perhaps too.
    private void ProbePort()
    {
        IPEndPoint endPoint = new(_options.Address ?? IPAddress.Loopback, _options.Port);
        try
        {
            using Socket probe = new(endPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            probe.Bind(endPoint);
        }
        catch (SocketException e)
        {
            throw CannotListen(e.SocketErrorCode, e);
        }
    }

    private async Task OpenPortAsync(CancellationToken cancel)
    {
        try
        {
            await _app.StartAsync(cancel).ConfigureAwait(false);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            throw CannotListen(SocketError.AddressAlreadyInUse, e);
        }
        catch (SocketException e)
        {
            throw CannotListen(e.SocketErrorCode, e);
        }
    }

    private Exception CannotListen(SocketError error, Exception cause)
    {
        string host = _options.Address is { } address ? new IPEndPoint(address, _options.Port).ToString() : $"localhost:{_options.Port}";
        return error switch
        {
            SocketError.AddressAlreadyInUse => new IOException($"{host} is in use by another process", cause),
            SocketError.AddressNotAvailable => new SettingException("HOST", _options.Address?.ToString() ?? "localhost", "it is not an address of this machine"),
            _ => new IOException($"cannot listen on {host}: {cause.Message}", cause),
        };
    }

    private void OpenDataDirectory()
    {
        string folder = _options.DataDirectory;
        try
        {
            Directory.CreateDirectory(folder);
            string probe = Path.Combine(folder, $".probe-{Environment.ProcessId}");
            File.WriteAllBytes(probe, []);
            File.Delete(probe);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SettingException("DATA_DIR", folder, "it must be a folder that this process may make and write to");
        }
    }

    // Signals are ServerProcess's business: the host's own handler would only race it.
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Readiness(ServerHost host) : IReadiness
    {
        public string? NotReadyBecause => host.NotReadyBecause;
    }
}
