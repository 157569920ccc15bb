using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Server.Composition;
using Ratatoskr.Server.Configuration;

namespace Ratatoskr.Server.Tests.Composition;

/// <summary>What a server answers while its store recovers.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-start-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task While_the_store_recovers_health_answers_and_nothing_else_is_ready(bool accounts)
    {
        ServerOptions options = new() { Port = FreePort(), DataDirectory = _folder, AccessMode = accounts ? AccessMode.Accounts : AccessMode.Open };
        SlowEngineHost engine = new(new EngineHost(options));
        await using ServerHost host = new(options, engine);
        Task start = host.StartAsync(Cancel);
        using HttpClient http = new() { BaseAddress = new Uri($"http://127.0.0.1:{options.Port}") };
        await engine.Entered;
        while (!await IsListeningAsync(options.Port)) await Task.Yield();

        Assert.Equal("""{"status":"ok"}""", await http.GetStringAsync("/health", Cancel));
        Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"error":"not_ready","message":"the engine starts"}"""), await GetAsync("/ready"));
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await GetAsync("/api/v1/documents")).Status);
        using ClientWebSocket early = new();
        WebSocketException refused = await Assert.ThrowsAsync<WebSocketException>(() => early.ConnectAsync(new Uri($"ws://127.0.0.1:{options.Port}/sync"), Cancel));
        Assert.Contains("503", refused.Message, StringComparison.Ordinal);

        engine.Recover();
        await start;
        Assert.Equal((HttpStatusCode.OK, """{"status":"ready"}"""), await GetAsync("/ready"));
        using ClientWebSocket peer = new();
        await peer.ConnectAsync(new Uri($"ws://127.0.0.1:{options.Port}/sync"), Cancel);
        peer.Abort();
        await host.StopAsync(Cancel);

        async Task<(HttpStatusCode Status, string Body)> GetAsync(string path)
        {
            using HttpResponseMessage answer = await http.GetAsync(path, Cancel);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Cancel));
        }
    }

    private static int FreePort()
    {
        using TcpListener probe = new(IPAddress.Loopback, 0);
        probe.Start();
        return ((IPEndPoint)probe.LocalEndpoint).Port;
    }

    private static async Task<bool> IsListeningAsync(int port)
    {
        using TcpClient client = new();
        try
        {
            await client.ConnectAsync(IPAddress.Loopback, port, Cancel);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private sealed class SlowEngineHost(EngineHost inner) : IEngineHost
    {
        private readonly TaskCompletionSource _entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _recovered = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Entered => _entered.Task;

        public ISyncEndpoint Endpoint => inner.Endpoint;

        public AccountServices? Accounts => inner.Accounts;

        public BlobServices? Blobs => inner.Blobs;

        public DocumentContents Contents => inner.Contents;

        public string? NotReadyBecause => inner.NotReadyBecause;

        public void Recover() => _recovered.SetResult();

        public async Task StartAsync(IWorkScheduler urgent, ILoggerFactory loggers, IMeterFactory meters, CancellationToken cancel)
        {
            _entered.SetResult();
            await _recovered.Task;
            await inner.StartAsync(urgent, loggers, meters, cancel);
        }

        public Task CommitAsync(CancellationToken cancel) => inner.CommitAsync(cancel);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
