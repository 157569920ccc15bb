using System.Diagnostics;
using System.Text.Json;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Lockstep;

/// <summary>A Node process with npm <c>@automerge/automerge</c> 3.5.0 (node/lockstep.mjs), asked line by line.</summary>
/// <remarks>One thread at a time.</remarks>
internal sealed class LockstepNode : IDisposable
{
    private readonly Process _process;

    private LockstepNode(string script)
    {
        ProcessStartInfo start = new("node", [script]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        _process = Process.Start(start) ?? throw new InvalidOperationException("node did not start");
    }

    /// <summary>Starts the process; skips the test when the package is not installed, but fails it on a build server.</summary>
    public static LockstepNode Start()
    {
        string folder = Path.Combine(VectorFiles.Root, "tests", "Automerge.Net.Tests", "Lockstep", "node");
        if (!Directory.Exists(Path.Combine(folder, "node_modules")))
        {
            string reason = $"automerge 3.5.0 is not installed: run ./test.sh once, or `npm ci` in {folder}";
            if (Environment.GetEnvironmentVariable("CI") == "true") Assert.Fail(reason);
            Assert.Skip(reason);
        }

        return new LockstepNode(Path.Combine(folder, "lockstep.mjs"));
    }

    /// <summary>The histories of these seeds.</summary>
    public IReadOnlyList<LockstepHistory> Make(IEnumerable<int> seeds) =>
        [.. Ask(JsonSerializer.Serialize(new { seeds })).EnumerateArray().Select(LockstepHistory.Parse)];

    /// <summary>What 3.5.0 says to given steps.</summary>
    public LockstepHistory Run(IEnumerable<JsonElement> steps) => LockstepHistory.Parse(Ask(JsonSerializer.Serialize(new { steps })));

    /// <summary>What 3.5.0 reads in documents: heads and content.</summary>
    public IReadOnlyList<JsonElement> Read(IEnumerable<byte[]> documents) => [.. Ask(JsonSerializer.Serialize(new { documents })).EnumerateArray()];

    /// <summary>What 3.5.0 makes of documents and changes on top of them: heads, content, its save; and whether it reads that save, and what then.</summary>
    public IReadOnlyList<JsonElement> Judge(IEnumerable<(byte[] Document, IReadOnlyList<byte[]> Changes)> trials) =>
        [.. Ask(JsonSerializer.Serialize(new { trials = trials.Select(trial => new { document = trial.Document, changes = trial.Changes }) })).EnumerateArray()];

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private JsonElement Ask(string command)
    {
        _process.StandardInput.WriteLine(command);
        _process.StandardInput.Flush();
        string answer = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("the Node process ended");
        using JsonDocument json = JsonDocument.Parse(answer, new JsonDocumentOptions { MaxDepth = 256 });
        return json.RootElement.Clone();
    }
}
