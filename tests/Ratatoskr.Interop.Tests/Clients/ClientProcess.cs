using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Ratatoskr.Interop.Tests.Clients;

/// <summary>A Node process with real automerge-repo clients of one version (node/driver.mjs), steered by JSON lines.</summary>
internal sealed class ClientProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly ConcurrentDictionary<int, TaskCompletionSource<JsonNode?>> _waiting = new();
    private readonly StringBuilder _errors = new();
    private readonly Lock _writing = new();
    private int _lastId;

    private ClientProcess(string version)
    {
        Version = version;
        string folder = Path.Combine(Repository.Root, "tests", "Ratatoskr.Interop.Tests", "node");
        if (!Directory.Exists(Path.Combine(folder, version, "node_modules")))
            throw new InvalidOperationException($"The npm packages of {version} are not installed: run ./test.sh once, or `npm ci` in {folder}/{version}.");
        ProcessStartInfo start = new("node", [Path.Combine(folder, "driver.mjs"), version])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _process = Process.Start(start) ?? throw new InvalidOperationException("node did not start.");
        _process.OutputDataReceived += (_, line) => Take(line.Data);
        _process.ErrorDataReceived += (_, line) => NoteError(line.Data);
    }

    public string Version { get; }

    public static async Task<ClientProcess> StartAsync(string version)
    {
        ClientProcess client = new(version);
        Task<JsonNode?> ready = client.WaitFor(0); // the driver's first line
        client._process.BeginOutputReadLine();
        client._process.BeginErrorReadLine();
        await ready;
        return client;
    }

    /// <summary>Sends one command and waits for its answer. The driver itself ends waits that take too long.</summary>
    public Task<JsonNode?> RunAsync(string op, JsonObject options)
    {
        int id = Interlocked.Increment(ref _lastId);
        options["id"] = id;
        options["op"] = op;
        Task<JsonNode?> answer = WaitFor(id);
        lock (_writing)
        {
            _process.StandardInput.WriteLine(options.ToJsonString());
            _process.StandardInput.Flush();
        }
        return answer;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }
        _process.Dispose();
    }

    private Task<JsonNode?> WaitFor(int id)
    {
        TaskCompletionSource<JsonNode?> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[id] = answer;
        if (_process.HasExited) Fail(answer);
        return answer.Task;
    }

    private void Take(string? line)
    {
        if (line is null) // end of output: the process is gone
        {
            foreach (int id in _waiting.Keys)
                if (_waiting.TryRemove(id, out TaskCompletionSource<JsonNode?>? lost)) Fail(lost);
            return;
        }
        JsonNode answer = JsonNode.Parse(line) ?? throw new JsonException(line);
        if (!_waiting.TryRemove((int)answer["id"]!, out TaskCompletionSource<JsonNode?>? waiting)) return;
        if (answer["error"] is { } error) waiting.SetException(new ClientException($"{Version}: {error}\n{Errors()}"));
        else waiting.SetResult(answer["result"]);
    }

    private void Fail(TaskCompletionSource<JsonNode?> answer) =>
        answer.TrySetException(new ClientException($"The Node process with {Version} clients ended.\n{Errors()}"));

    private void NoteError(string? line)
    {
        lock (_errors)
        {
            if (line is not null && _errors.Length < 20_000) _errors.AppendLine(line);
        }
    }

    private string Errors()
    {
        lock (_errors) return _errors.ToString();
    }
}

/// <summary>What a real client reported: a refused command, a wait that took too long.</summary>
internal sealed class ClientException(string message) : Exception(message);
