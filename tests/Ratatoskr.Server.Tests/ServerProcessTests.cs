using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Ratatoskr.Server.Tests;

/// <summary>The command as an operator meets it: a process with a port, three lines and an exit code.</summary>
public sealed class ServerProcessTests : IDisposable
{
    private const int SigInt = 2;
    private const int SigTerm = 15;

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-server-").FullName;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(SigTerm)]
    [InlineData(SigInt)]
    public async Task Serves_and_stops_with_0_when_told(int signal)
    {
        using Process server = Start(("PORT", "0"), ("ACCESS_MODE", "open"));
        string listening = await server.StandardOutput.ReadLineAsync(Cancel) ?? await server.StandardError.ReadToEndAsync(Cancel);
        string? data = await server.StandardOutput.ReadLineAsync(Cancel);
        string? access = await server.StandardOutput.ReadLineAsync(Cancel);
        Assert.Matches(@"^listening on ws://127\.0\.0\.1:[1-9]\d*/sync and http://127\.0\.0\.1:\d+$", listening);
        Assert.Equal($"documents in {Path.Combine(_folder, "data")}", data);
        Assert.StartsWith("open to everyone", access, StringComparison.Ordinal);

        using HttpClient http = new() { BaseAddress = new Uri(listening[(listening.IndexOf("http", StringComparison.Ordinal))..]) };
        Assert.Equal("""{"status":"ok"}""", await http.GetStringAsync("/health", Cancel));
        Assert.Equal("""{"status":"ready"}""", await http.GetStringAsync("/ready", Cancel));
        await AssertErrorAsync(await http.GetAsync("/nothing", Cancel), HttpStatusCode.NotFound, "not_found");
        await AssertErrorAsync(await http.PostAsync("/health", null, Cancel), HttpStatusCode.MethodNotAllowed, "method_not_allowed");
        await AssertErrorAsync(await http.GetAsync("/sync", Cancel), HttpStatusCode.UpgradeRequired, "upgrade_required");
        using HttpResponseMessage head = await http.SendAsync(new HttpRequestMessage(HttpMethod.Head, "/health"), Cancel);
        Assert.Equal(HttpStatusCode.OK, head.StatusCode);

        using ClientWebSocket peer = new();
        await peer.ConnectAsync(new UriBuilder(http.BaseAddress) { Scheme = "ws", Path = "/sync" }.Uri, Cancel);

        Assert.Equal(0, Kill(server.Id, signal));
        await peer.ReceiveAsync(new byte[10].AsMemory(), Cancel);
        Assert.Equal(1001, (int)peer.CloseStatus!);
        await peer.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancel);
        Assert.Equal("", await server.StandardOutput.ReadToEndAsync(Cancel));
        await server.WaitForExitAsync(Cancel);
        Assert.Equal(0, server.ExitCode);
    }

    [Theory]
    [InlineData("PORT", "eighty", "PORT=eighty cannot be used")]
    [InlineData("HOST", "192.0.2.1", "HOST=192.0.2.1 cannot be used: it is not an address of this machine")]
    [InlineData("DATA_DIR", "/proc/ratatoskr", "DATA_DIR=/proc/ratatoskr cannot be used")]
    public async Task Bad_setting_ends_with_2_and_one_line(string name, string value, string expected)
    {
        (int exitCode, string output, string errors) = await RunAsync([], ("PORT", "0"), ("ACCESS_MODE", "open"), (name, value));
        Assert.Equal(2, exitCode);
        Assert.Equal("", output);
        Assert.StartsWith(expected, Assert.Single(errors.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
    }

    // As in the container, where a server without provider does not start.
    [Fact]
    public async Task Check_needs_no_setting_but_the_folder()
    {
        (string Name, string Value)[] settings = [("HOST", "0.0.0.0"), ("DATA_DIR", Path.Combine(_folder, "kept"))];
        Assert.Equal((1, "", $"cannot run: {settings[1].Value} is not a data folder: it has no format file\n"), await RunAsync(["check"], settings));
        using (Process server = Start([.. settings, ("PORT", "0"), ("ACCESS_MODE", "open")]))
        {
            await server.StandardOutput.ReadLineAsync(Cancel);
            Assert.Equal(0, Kill(server.Id, SigTerm));
            await server.WaitForExitAsync(Cancel);
        }

        Assert.Equal((0, $"0 documents and 0 blobs in {settings[1].Value}, 0 damages\n", ""), await RunAsync(["check"], settings));
    }

    [Fact]
    public async Task Port_in_use_ends_with_1_and_one_line()
    {
        using TcpListener other = new(IPAddress.Loopback, 0);
        other.Start();
        int port = ((IPEndPoint)other.LocalEndpoint).Port;
        (int exitCode, string output, string errors) = await RunAsync([], ("PORT", $"{port}"), ("ACCESS_MODE", "open"));
        Assert.Equal(1, exitCode);
        Assert.Equal("", output);
        Assert.Equal($"cannot run: 127.0.0.1:{port} is in use by another process\n", errors);
    }

    [Fact]
    public async Task Foreign_variables_of_the_framework_change_nothing()
    {
        using Process server = Start(("PORT", "0"), ("ACCESS_MODE", "open"), ("ASPNETCORE_URLS", "http://0.0.0.0:1"), ("ASPNETCORE_HTTP_PORTS", "2"), ("Logging__LogLevel__Default", "Trace"));
        Assert.StartsWith("listening on ws://127.0.0.1:", await server.StandardOutput.ReadLineAsync(Cancel), StringComparison.Ordinal);
        Assert.Equal(0, Kill(server.Id, SigTerm));
        Assert.DoesNotContain("Microsoft", await server.StandardError.ReadToEndAsync(Cancel), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--help", 0, "PORT  ")]
    [InlineData("--version", 0, "ratatoskr ")]
    [InlineData("--port", 2, "")]
    public async Task Switches(string argument, int expected, string printed)
    {
        (int exitCode, string output, string errors) = await RunAsync([argument]);
        Assert.Equal(expected, exitCode);
        Assert.Contains(printed, output, StringComparison.Ordinal);
        Assert.Equal(expected == 0, errors.Length == 0);
    }

    private static async Task AssertErrorAsync(HttpResponseMessage response, HttpStatusCode status, string error)
    {
        using HttpResponseMessage disposing = response;
        Assert.Equal(status, response.StatusCode);
        using JsonDocument body = JsonDocument.Parse(await response.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(error, body.RootElement.GetProperty("error").GetString());
        Assert.NotEqual("", body.RootElement.GetProperty("message").GetString());
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.System32)]
    private static extern int Kill(int processId, int signal);

    private async Task<(int ExitCode, string Output, string Errors)> RunAsync(string[] arguments, params (string Name, string Value)[] variables)
    {
        using Process process = Start(arguments, variables);
        Task<string> output = process.StandardOutput.ReadToEndAsync(Cancel);
        string errors = await process.StandardError.ReadToEndAsync(Cancel);
        await process.WaitForExitAsync(Cancel);
        return (process.ExitCode, await output, errors);
    }

    private Process Start(params (string Name, string Value)[] variables) => Start([], variables);

    private Process Start(string[] arguments, (string Name, string Value)[] variables)
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "ratatoskr.dll"), .. arguments])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in variables) start.Environment[name] = value;
        return Process.Start(start)!;
    }
}
