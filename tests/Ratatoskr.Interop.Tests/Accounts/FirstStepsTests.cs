using System.Diagnostics;
using System.Text.RegularExpressions;
using System.Threading.Channels;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts;

/// <summary>What the README tells a newcomer to type, typed.</summary>
public sealed partial class FirstStepsTests : IDisposable
{
    private const string ReadmeAddress = "127.0.0.1:4151";

    private readonly string _folder = Directory.CreateTempSubdirectory("ratatoskr-first-steps-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Commands_of_the_README_sign_two_in_let_them_write_together_and_stop_one()
    {
        await using TestServer server = await TestServer.StartWithAccountsAsync();
        string readme = (await File.ReadAllTextAsync(Path.Combine(Repository.Root, "README.md"))).Replace(ReadmeAddress, $"127.0.0.1:{server.Port}", StringComparison.Ordinal);
        string[] signIn = Blocks(readme, "## Sign in", "sh"), shell = Blocks(readme, "## Point a client at it", "sh");
        await File.WriteAllTextAsync(Path.Combine(_folder, "client.mjs"), Assert.Single(Blocks(readme, "## Point a client at it", "js")));
        Assert.StartsWith("npm install", shell[0], StringComparison.Ordinal);
        Directory.CreateSymbolicLink(Path.Combine(_folder, "node_modules"), Path.Combine(Repository.Root, "tests", "Ratatoskr.Interop.Tests", "node", Versions.Current, "node_modules"));
        await using Terminal bash = new("bash", _folder);

        // Of the section before, what is used here: all that does not ask the API.
        foreach (string block in signIn) await bash.TypeAsync(string.Join('\n', block.Split('\n').Where(line => !line.StartsWith("curl", StringComparison.Ordinal))));
        await bash.TypeAsync(shell[1]);
        string forAlice = await bash.ReadAsync(), forBob = await bash.ReadAsync();
        await using Terminal alice = new(forAlice, _folder), bob = new(forBob, _folder);
        Assert.Equal("[]", await alice.ReadAsync());
        Assert.Equal("[]", await bob.ReadAsync());
        await alice.TypeAsync("hello");
        await bob.UntilAsync("[ 'hello' ]");
        await bob.TypeAsync("hi Alice");
        await alice.UntilAsync("[ 'hello', 'hi Alice' ]");

        await bash.TypeAsync(shell[2] + "\necho");
        Assert.Equal("""{"acl":[]}""", await bash.ReadAsync());
        using RestClient api = new(server, forAlice.Split(' ')[2]);
        string id = forAlice.Split(' ')[3];
        await alice.TypeAsync("are you there?");
        await UntilStoredAsync(api, id, "are you there?");
        await bob.TypeAsync("I am");
        await bob.UntilAsync("[ 'hello', 'hi Alice', 'I am' ]");
        await alice.TypeAsync("Bob?");

        Assert.Equal(["hello", "hi Alice", "are you there?", "Bob?"], await UntilStoredAsync(api, id, "Bob?"));
    }

    private static async Task<string[]> UntilStoredAsync(RestClient api, string id, string line)
    {
        using CancellationTokenSource late = new(TimeSpan.FromSeconds(30));
        while (true)
        {
            string[] lines = [.. (await api.ExportAsync(id))["lines"]!.AsArray().Select(item => (string)item!)];
            if (lines.Contains(line)) return lines;
            Assert.False(late.IsCancellationRequested, $"Only {string.Join(", ", lines)} were stored.");
        }
    }

    private static string[] Blocks(string readme, string section, string language)
    {
        int begin = readme.IndexOf(section, StringComparison.Ordinal), end = readme.IndexOf("\n## ", begin + section.Length, StringComparison.Ordinal);
        return [.. CodeBlock().Matches(readme[begin..end]).Where(block => block.Groups[1].Value == language).Select(block => block.Groups[2].Value)];
    }

    [GeneratedRegex("```([a-z]+)\n(.*?)\n```", RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    /// <summary>A command with somebody in front of it.</summary>
    private sealed class Terminal : IAsyncDisposable
    {
        private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

        private readonly Process _process;
        private readonly Channel<string> _lines = Channel.CreateUnbounded<string>(); // bounded by what one test types

        public Terminal(string command, string folder)
        {
            _process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "exec " + command])
            {
                WorkingDirectory = folder,
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
            }) ?? throw new InvalidOperationException($"{command} did not start.");
            _process.OutputDataReceived += (_, line) =>
            {
                if (line.Data is null) _lines.Writer.TryComplete();
                else if (line.Data.Length > 0) _lines.Writer.TryWrite(line.Data);
            };
            _process.BeginOutputReadLine();
        }

        public async Task TypeAsync(string lines)
        {
            await _process.StandardInput.WriteLineAsync(lines);
            await _process.StandardInput.FlushAsync();
        }

        public async Task<string> ReadAsync() => await _lines.Reader.ReadAsync().AsTask().WaitAsync(Patience);

        /// <summary>Reads until this line comes.</summary>
        public async Task UntilAsync(string expected)
        {
            List<string> read = [];
            try
            {
                do read.Add(await ReadAsync());
                while (read[^1] != expected);
            }
            catch (Exception e) when (e is TimeoutException or ChannelClosedException)
            {
                Assert.Fail($"Instead of {expected}: {string.Join(" / ", read)}");
            }
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
    }
}
