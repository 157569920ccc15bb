using System.ComponentModel;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Ratatoskr.Interop.Tests.Servers;

/// <summary>
/// One server process on a data folder of its own; in open mode, unless its settings say otherwise. <c>RATATOSKR_TEST_SERVER_CMD</c> names another server to
/// test instead (it gets PORT and DATA_DIR); it is run by a shell, and must be the process the shell becomes.
/// </summary>
internal sealed partial class TestServer : IAsyncDisposable
{
    /// <summary>Until a start is called failed. Generous: tests share two cores.</summary>
    private static readonly TimeSpan StartPatience = TimeSpan.FromSeconds(60);

    private const int SigTerm = 15;

    private readonly IReadOnlyDictionary<string, string> _settings;
    private readonly StringBuilder _output = new();
    private Process? _process;

    private TestServer(IReadOnlyDictionary<string, string> settings) => _settings = settings;

    /// <summary>The cores that servers are kept on, as <c>taskset -c</c> takes them; null: all. For measuring by hand.</summary>
    private static readonly string? s_cpu = Environment.GetEnvironmentVariable("RATATOSKR_TEST_SERVER_CPU");

    /// <summary>Another server under test, null: ours.</summary>
    public static string? ForeignCommand { get; } = Environment.GetEnvironmentVariable("RATATOSKR_TEST_SERVER_CMD");

    public string DataFolder { get; } = Directory.CreateTempSubdirectory("ratatoskr-interop-").FullName;

    /// <summary>0 until the first start; a restart takes the same port, so that clients find their way back.</summary>
    public int Port { get; private set; }

    public string Url => $"ws://127.0.0.1:{Port}";

    public bool UsesTls => _settings.ContainsKey("TLS_CERT");

    public string HttpUrl => $"{(UsesTls ? "https" : "http")}://127.0.0.1:{Port}";

    public string SyncUrl => $"ws://127.0.0.1:{Port}/sync";

    public int ProcessId => _process!.Id;

    /// <summary>Everything the server has printed, for the message of a failing test.</summary>
    public string Output
    {
        get { lock (_output) return _output.ToString(); }
    }

    /// <summary>How long the last start took to recover its documents, as it says itself; 0 when it did not.</summary>
    public long LastRecoveryMs => Recovered().Matches(Output) is [.., Match last] ? long.Parse(last.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture) : 0;

    public bool IsRunning => _process is { HasExited: false };

    /// <summary>A server with accounts, where the development provider signs people in.</summary>
    public static Task<TestServer> StartWithAccountsAsync(params (string Name, string Value)[] settings) =>
        StartAsync(new Dictionary<string, string>(settings.Select(setting => KeyValuePair.Create(setting.Name, setting.Value))) { ["ACCESS_MODE"] = "accounts" });

    public static async Task<TestServer> StartAsync(IReadOnlyDictionary<string, string>? settings = null)
    {
        TestServer server = new(settings ?? new Dictionary<string, string>());
        await server.StartAgainAsync();
        return server;
    }

    /// <summary>Starts on the same data folder and port.</summary>
    public async Task StartAgainAsync()
    {
        if (IsRunning) throw new InvalidOperationException("The server runs already.");
        if (Port == 0 && ForeignCommand is not null) Port = FreePort();

        string[] command = ForeignCommand is null ? ["dotnet", Path.Combine(AppContext.BaseDirectory, "ratatoskr.dll")] : ["/bin/sh", "-c", "exec " + ForeignCommand];
        if (s_cpu is not null) command = ["taskset", "-c", s_cpu, .. command];
        ProcessStartInfo start = new(command[0], command[1..]);
        start.RedirectStandardOutput = start.RedirectStandardError = true;
        start.Environment["PORT"] = Port.ToString(System.Globalization.CultureInfo.InvariantCulture);
        start.Environment["HOST"] = "127.0.0.1";
        start.Environment["DATA_DIR"] = DataFolder;
        start.Environment["ACCESS_MODE"] = "open";
        foreach ((string name, string value) in _settings) start.Environment[name] = value;

        TaskCompletionSource<int> listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _process = Process.Start(start) ?? throw new InvalidOperationException("The server's process did not start.");
        _process.OutputDataReceived += (_, line) => Note(line.Data, listening);
        _process.ErrorDataReceived += (_, line) => Note(line.Data, null);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();

        Task ended = _process.WaitForExitAsync();
        Task first = await Task.WhenAny(listening.Task, ended, Task.Delay(StartPatience));
        if (first != listening.Task)
            throw new InvalidOperationException($"The server {(first == ended ? "ended" : "did not say where it listens")}:\n{Output}");
        Port = await listening.Task;
    }

    /// <summary>SIGKILL: what the process had in memory is gone, what it handed to the kernel is not.</summary>
    public async Task KillAsync()
    {
        _process!.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and the wait for the process to end by itself.</summary>
    /// <returns>Its exit code.</returns>
    public async Task<int> StopAsync()
    {
        // Other servers may save behind their acknowledgements (the reference server: 100 ms). Ours may not.
        if (ForeignCommand is not null) await Task.Delay(400);
        if (Kill(_process!.Id, SigTerm) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError());
        await _process.WaitForExitAsync().WaitAsync(StartPatience);
        return _process.ExitCode;
    }

    /// <summary>Has the data folder of the server, which is not running, checked. What it says goes to <see cref="Output"/>.</summary>
    /// <returns>The exit code: 0 for no damage.</returns>
    public async Task<int> CheckAsync()
    {
        ProcessStartInfo start = new("dotnet", [Path.Combine(AppContext.BaseDirectory, "ratatoskr.dll"), "check"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["DATA_DIR"] = DataFolder;
        using Process check = Process.Start(start) ?? throw new InvalidOperationException("The check did not start.");
        check.OutputDataReceived += (_, line) => Note(line.Data, null);
        check.ErrorDataReceived += (_, line) => Note(line.Data, null);
        check.BeginOutputReadLine();
        check.BeginErrorReadLine();
        await check.WaitForExitAsync();
        return check.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (IsRunning) await KillAsync();
        _process?.Dispose();
        Directory.Delete(DataFolder, recursive: true);
    }

    private void Note(string? line, TaskCompletionSource<int>? listening)
    {
        if (line is null) return;
        lock (_output)
        {
            if (_output.Length < 100_000) _output.AppendLine(line); // a server gone mad must not fill our memory
        }
        if (listening is null) return;
        Match match = Listening().Match(line);
        if (match.Success) listening.TrySetResult(int.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));
    }

    private static int FreePort()
    {
        using TcpListener listener = new(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    // Ours: "… ws://127.0.0.1:4151/sync …"; the reference server: "listening on 4151".
    [GeneratedRegex(@"(?:wss?://[^\s/]+:|listening on )(\d+)")]
    private static partial Regex Listening();

    [GeneratedRegex(@"journal entries replayed in (\d+) ms")]
    private static partial Regex Recovered();

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int processId, int signal);
}
