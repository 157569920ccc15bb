using System.Diagnostics;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Durability;

/// <summary>A running server whose disk is full, or whose data folder is gone: it refuses edits and says why, goes on reading, and writes again when it can, without a restart.</summary>
public sealed class DiskTests(Stage stage) : IDisposable
{
    private readonly string _parent = Directory.CreateTempSubdirectory("ratatoskr-disk-").FullName;

    public void Dispose() => Directory.Delete(_parent, recursive: true);

    [Fact]
    public async Task Data_folder_that_is_moved_away_and_comes_back()
    {
        string folder = Path.Combine(_parent, "data"), away = Path.Combine(_parent, "away");
        await using TestServer server = await StartAsync(folder);
        await AssertRefusedMeanwhileAsync(server, () => Directory.Move(folder, away), () => Directory.Move(away, folder));
    }

    [Fact]
    public async Task Full_disk_that_gets_space_again()
    {
        string mount = Directory.CreateDirectory(Path.Combine(_parent, "mount")).FullName;
        Assert.SkipUnless(Run("mount", "-t", "tmpfs", "-o", "size=300m", "tmpfs", mount), "only root can mount a small disk");
        try
        {
            string ballast = Path.Combine(mount, "ballast");
            await using TestServer server = await StartAsync(Path.Combine(mount, "data"));
            await AssertRefusedMeanwhileAsync(server, () => File.WriteAllBytes(ballast, new byte[64 << 20]), () => File.Delete(ballast));
        }
        finally
        {
            Run("umount", mount);
        }
    }

    private async Task AssertRefusedMeanwhileAsync(TestServer server, Action take, Action giveBack)
    {
        ChangeStream stream = await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), "aa", 3);
        string id = DocumentIds.New();
        await using RawPeer author = await RawPeer.JoinAsync(server.Url);
        await SayAsync(author, id, stream, 0);
        await author.NextSyncAsync(id, sync => sync.Heads.Contains(stream.Hashes[0]));

        take();
        await SayAsync(author, id, stream, 1);
        await AssertToldAsync(author, id);
        await using RawPeer reader = await RawPeer.JoinAsync(server.Url);
        await reader.RequestAsync(id);
        Assert.NotEmpty((await reader.NextSyncAsync(id, sync => sync.Changes.Count > 0)).Changes);
        await SayAsync(reader, id, stream, 2);
        await AssertToldAsync(reader, id);

        giveBack();
        await author.NextSyncAsync(id, sync => sync.Heads.Contains(stream.Hashes[1]));
        await SayAsync(author, id, stream, 2);
        await author.NextSyncAsync(id, sync => sync.Heads.Contains(stream.Hashes[2]));
        await server.KillAsync();
        await server.StartAgainAsync();
        await using JsRepo fresh = await stage.OpenAsync(server: server);
        Assert.Equal("ready", (await fresh.FindAsync(id)).State);
        Assert.True(await fresh.HasAsync(id, stream.Hashes[2]));
    }

    private static Task SayAsync(RawPeer peer, string id, ChangeStream stream, int index) =>
        peer.SyncAsync(id, new SyncMessage { Heads = [stream.Hashes[index]], LastSync = [stream.Hashes[index]], Changes = [stream.Chunks[index]] });

    private static async Task AssertToldAsync(RawPeer peer, string id)
    {
        Frame error = await peer.NextAsync("error");
        Assert.Equal(("storage_unavailable", id), ((string)error.Fields["error"]!, error.DocumentId));
    }

    private static Task<TestServer> StartAsync(string folder) => TestServer.StartAsync(new Dictionary<string, string> { ["DATA_DIR"] = folder });

    private static bool Run(string command, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
