using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Ratatoskr.Server.Tests.Monitoring;

/// <summary>Metrics and traces go to a collector when one is named, and otherwise nothing of that is even loaded.</summary>
public sealed class OtlpTests : IDisposable
{
    private const int SigTerm = 15;

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-otlp-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Metrics_and_traces_reach_the_collector()
    {
        using HttpListener collector = Collector(out string endpoint);
        using Process server = Start(("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint), ("OTEL_METRIC_EXPORT_INTERVAL", "200"), ("OTEL_BSP_SCHEDULE_DELAY", "200"));
        string listening = await server.StandardOutput.ReadLineAsync(Cancel) ?? await server.StandardError.ReadToEndAsync(Cancel);
        using HttpClient http = new() { BaseAddress = new Uri(listening[listening.IndexOf("http", StringComparison.Ordinal)..]) };
        Assert.Equal("""{"status":"ready"}""", await http.GetStringAsync("/ready", Cancel));

        bool metrics = false, traces = false;
        while (!metrics || !traces)
        {
            HttpListenerContext post = await collector.GetContextAsync().WaitAsync(Cancel);
            using MemoryStream body = new();
            await post.Request.InputStream.CopyToAsync(body, Cancel);
            Assert.Equal("application/x-protobuf", post.Request.ContentType);
            metrics |= post.Request.Url!.AbsolutePath == "/v1/metrics" && Holds(body, "ratatoskr.connections.active"u8) && Holds(body, "dotnet.process.cpu.time"u8) && Holds(body, "service.name"u8);
            traces |= post.Request.Url!.AbsolutePath == "/v1/traces" && Holds(body, "Microsoft.AspNetCore"u8);
            post.Response.Close();
        }

        await StopAsync(server);
    }

    [Fact]
    public async Task Without_a_collector_the_library_is_not_loaded()
    {
        using Process server = Start(("OTEL_EXPORTER_OTLP_ENDPOINT", ""));
        Assert.StartsWith("listening on", await server.StandardOutput.ReadLineAsync(Cancel), StringComparison.Ordinal);
        string mapped = await File.ReadAllTextAsync($"/proc/{server.Id}/maps", Cancel);
        Assert.Contains("Ratatoskr.Engine.dll", mapped, StringComparison.Ordinal);
        Assert.DoesNotContain("OpenTelemetry", mapped, StringComparison.Ordinal);
        await StopAsync(server);
    }

    [Fact]
    public async Task Address_that_is_none_stops_the_start()
    {
        using Process server = Start(("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"));
        Assert.StartsWith("OTEL_EXPORTER_OTLP_ENDPOINT=collector cannot be used", await server.StandardError.ReadToEndAsync(Cancel), StringComparison.Ordinal);
        await server.WaitForExitAsync(Cancel);
        Assert.Equal(2, server.ExitCode);
    }

    private static bool Holds(MemoryStream body, ReadOnlySpan<byte> name) => body.GetBuffer().AsSpan(0, (int)body.Length).IndexOf(name) >= 0;

    // A port that was free a moment ago: HttpListener takes none by itself.
    private static HttpListener Collector(out string endpoint)
    {
        using TcpListener probe = new(IPAddress.Loopback, 0);
        probe.Start();
        endpoint = $"http://127.0.0.1:{((IPEndPoint)probe.LocalEndpoint).Port}";
        probe.Stop();
        HttpListener collector = new();
        collector.Prefixes.Add(endpoint + "/");
        collector.Start();
        return collector;
    }

    private async Task StopAsync(Process server)
    {
        _ = Kill(server.Id, SigTerm);
        await server.WaitForExitAsync(Cancel);
        Assert.Equal(0, server.ExitCode);
    }

    private Process Start(params (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "ratatoskr.dll")])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in (ReadOnlySpan<(string, string)>)[("PORT", "0"), ("ACCESS_MODE", "open"), .. variables]) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int processId, int signal);
}
