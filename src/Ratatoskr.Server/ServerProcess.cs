using System.Runtime.InteropServices;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Server.Composition;
using Ratatoskr.Server.Configuration;
using Ratatoskr.Storage;

namespace Ratatoskr.Server;

/// <summary>The command from its arguments to its exit code.</summary>
internal static class ServerProcess
{
    private const int Stopped = 0;
    private const int Failed = 1;
    private const int BadSetting = 2;
    private const int Damaged = 3;

    public static async Task<int> RunAsync(
        string[] arguments, Func<string, string?> variable, Func<ServerOptions, IEngineHost> makeEngine, TextWriter output, TextWriter errors)
    {
        if (CommandLine.Answer(arguments) is { } answer)
        {
            await (answer.ExitCode == 0 ? output : errors).WriteLineAsync(answer.Text).ConfigureAwait(false);
            return answer.ExitCode;
        }

        using CancellationTokenSource stop = new();
        using CancellationTokenSource cut = new();
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal);
        try
        {
            if (arguments is [CommandLine.Check]) return await CheckAsync(OptionsOfCheck(variable), output).ConfigureAwait(false);
            ServerOptions options = ServerOptions.Read(variable);
            await ServeAsync(options, makeEngine(options), output, stop.Token, cut.Token).ConfigureAwait(false);
            return Stopped;
        }
        catch (SettingException e)
        {
            await errors.WriteLineAsync(e.Message).ConfigureAwait(false);
            return BadSetting;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return Stopped;         // told to stop before it had started
        }
        catch (Exception e)
        {
            await errors.WriteLineAsync("cannot run: " + e.Message.ReplaceLineEndings(" ")).ConfigureAwait(false);
            return Failed;
        }

        // The first signal stops in order, the second does not wait.
        void OnSignal(PosixSignalContext context)
        {
            context.Cancel = true;
            if (stop.IsCancellationRequested) cut.Cancel();
            else stop.Cancel();
        }
    }

    // Where things are, and nothing else: a check in a container, which listens on all addresses, would want a provider.
    private static ServerOptions OptionsOfCheck(Func<string, string?> variable) =>
        ServerOptions.Read(name => name is "DATA_DIR" or "BLOB_STORE" || name.StartsWith("S3_", StringComparison.Ordinal) ? variable(name) : null);

    private static async Task<int> CheckAsync(ServerOptions options, TextWriter output)
    {
        string folder = options.DataDirectory;
        using IDisposable? bucket = options.Accounts.Blobs.S3 is { } s3 ? BlobServices.BucketOf(s3) : null;
        FolderFindings found = await FolderCheck.RunAsync(folder, damage => Write("DAMAGED", damage), note => Write("NOTE", note), bucket as IBlobStore).ConfigureAwait(false);
        await output.WriteLineAsync($"{found.Documents} documents and {found.Blobs} blobs in {folder}, {found.Damages} damages").ConfigureAwait(false);
        return found.Damages == 0 ? Stopped : Damaged;

        void Write(string kind, string line) => output.WriteLine($"{kind} {line.ReplaceLineEndings(" ")}");
    }

    private static async Task ServeAsync(
        ServerOptions options, IEngineHost engine, TextWriter output, CancellationToken stop, CancellationToken cut)
    {
        ServerHost host = new(options, engine);
        await using (host.ConfigureAwait(false))
        {
            await host.StartAsync(stop).ConfigureAwait(false);
            foreach (string line in StartLines(options, host.Address)) await output.WriteLineAsync(line).ConfigureAwait(false);
            await output.FlushAsync(CancellationToken.None).ConfigureAwait(false);

            await Task.Delay(Timeout.Infinite, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await host.StopAsync(cut).ConfigureAwait(false);
        }
    }

    private static string WhoMayComeIn(ServerOptions options) => options switch
    {
        { AccessMode: AccessMode.Open } => "open to everyone who can reach this address: whoever knows a document's id may read and write it",
        { Accounts.Provider: { } provider } => $"people sign in at {provider.Issuer}",
        _ => "people on this machine sign in under any name (no OIDC_ISSUER is set)",
    };

    // Where it listens, where its data is, who may come in.
    private static string[] StartLines(ServerOptions options, Uri address)
    {
        string scheme = options.Tls is null ? "ws" : "wss";
        return
        [
            $"listening on {scheme}://{address.Authority}/sync and {address.GetLeftPart(UriPartial.Authority)}",
            $"documents in {options.DataDirectory}",
            WhoMayComeIn(options),
        ];
    }
}
