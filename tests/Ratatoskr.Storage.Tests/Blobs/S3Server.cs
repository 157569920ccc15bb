using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Ratatoskr.Storage.Blobs;
using Ratatoskr.Storage.Tests.Blobs;

[assembly: AssemblyFixture(typeof(S3Server))]

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>npm s3rver in a Node process over a folder of its own, with faults on demand.</summary>
/// <remarks>One for all tests, started when the first one asks; each has a prefix of its own.</remarks>
public sealed class S3Server : IAsyncDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private Process? _process;
    private DirectoryInfo? _folder;
    private Uri? _address;

    private static string Scripts { get; } = Path.Combine(FindRoot(), "tests", "Ratatoskr.Storage.Tests", "node");

    /// <summary>Skips the test where the npm packages are missing; in CI fails it.</summary>
    public async Task<S3BlobStoreOptions> OptionsAsync()
    {
        string? missing = Directory.Exists(Path.Combine(Scripts, "node_modules"))
            ? null
            : "the npm packages are not installed: run ./test.sh once, or `npm ci` in tests/Ratatoskr.Storage.Tests/node";
        if (Environment.GetEnvironmentVariable("CI") == "true") Assert.Null(missing);
        else Assert.SkipWhen(missing is not null, missing ?? "");
        return new S3BlobStoreOptions
        {
            Bucket = "ratatoskr-blobs",
            Endpoint = await StartAsync(),
            KeyId = "S3RVER",
            Secret = "S3RVER",
            Prefix = $"{Guid.NewGuid():N}/",
            PartBytes = 5 << 20,
            RetriesMax = 0,
        };
    }

    /// <summary>The next requests fail whose method and URL these are: answered with 500, or cut off in the middle.</summary>
    public Task FailAsync(string method, string pattern, int count, bool cut = false) =>
        AskAsync(string.Create(CultureInfo.InvariantCulture, $"{(cut ? "cut" : "fail")} {method} {pattern} {count}"));

    /// <summary>Those since the last call, of a prefix.</summary>
    public async Task<IReadOnlyList<string>> RequestsAsync(string prefix) =>
        [.. JsonSerializer.Deserialize<string[]>(await AskAsync("requests"))!.Where(request => request.Contains(prefix, StringComparison.Ordinal))];

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            _process.StandardInput.Close();
            await _process.WaitForExitAsync();
            _process.Dispose();
        }

        _folder?.Delete(recursive: true);
        _turn.Dispose();
    }

    private async Task<string> AskAsync(string line)
    {
        await _process!.StandardInput.WriteLineAsync(line);
        await _process.StandardInput.FlushAsync();
        return await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("s3rver has ended");
    }

    private async Task<Uri> StartAsync()
    {
        await _turn.WaitAsync();
        try
        {
            if (_address is not null) return _address;
            _folder = Directory.CreateTempSubdirectory("ratatoskr-s3-");
            _process = Process.Start(new ProcessStartInfo("node", [Path.Combine(Scripts, "s3.mjs"), _folder.FullName])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            _process.ErrorDataReceived += static (_, _) => { };   // warnings of old packages; unread, they would fill the pipe
            _process.BeginErrorReadLine();
            return _address = new Uri(await _process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException("s3rver did not start"));
        }
        finally
        {
            _turn.Release();
        }
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) return folder.FullName;
        }

        throw new InvalidOperationException("These tests run from inside the repository: no Ratatoskr.sln above " + AppContext.BaseDirectory);
    }
}
