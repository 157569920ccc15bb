using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile;

/// <summary>A frame is from the peer whose connection it came on, whatever it says.</summary>
public class ImpersonationTests(Stage stage)
{
    [Fact]
    public async Task Sync_in_another_peers_name_changes_nothing()
    {
        TestServer server = await stage.ServerAsync();
        (string hash, byte[] chunk) = await ChangeAsync();
        string id = DocumentIds.New();
        await using RawPeer victim = await RawPeer.JoinAsync(server.Url);
        await using RawPeer liar = await RawPeer.JoinAsync(server.Url);

        byte[] message = new SyncMessage { Heads = [hash], LastSync = [], Changes = [chunk] }.Encode();
        await liar.SendAsync(Frame.Document("sync", victim.PeerId, liar.ServerId, id, message));

        await liar.RequestAsync(id); // a document's messages are handled in order
        await liar.NextAsync("doc-unavailable");
        await using JsRepo bob = await stage.OpenAsync();
        Assert.Equal("unavailable", (await bob.FindAsync(id)).State);
        // The same message in its own name is taken, so it was the name.
        await liar.SendAsync(Frame.Document("sync", liar.PeerId, liar.ServerId, id, message));
        await liar.NextSyncAsync(id, sync => sync.Heads.Contains(hash));
        await bob.UntilReadyAsync(id);
    }

    [Fact]
    public async Task Ephemeral_message_in_another_peers_name_goes_to_nobody()
    {
        TestServer server = await stage.ServerAsync();
        (string hash, byte[] chunk) = await ChangeAsync();
        string id = DocumentIds.New();
        await using RawPeer author = await RawPeer.JoinAsync(server.Url);
        await using RawPeer reader = await RawPeer.JoinAsync(server.Url);
        await author.SyncAsync(id, new SyncMessage { Heads = [hash], LastSync = [], Changes = [chunk] });
        await author.NextSyncAsync(id, sync => sync.Heads.Contains(hash));
        await reader.RequestAsync(id);
        await reader.NextSyncAsync(id, sync => sync.Heads.Contains(hash));

        await author.SendAsync(Frame.Ephemeral(author.PeerId, author.ServerId, id, "session", 1, "mine"));
        Frame received = await reader.NextAsync("ephemeral");
        // What every 2.x client does: send it back with its author's name on it.
        await reader.SendAsync(Frame.Ephemeral(author.PeerId, reader.ServerId, id, "session", 1, "mine"));
        await reader.SendAsync(Frame.Ephemeral(author.PeerId, reader.ServerId, id, "another session", 7, "forged"));
        await reader.SendAsync(Frame.Ephemeral(reader.PeerId, reader.ServerId, id, "reader's session", 1, "own"));
        Frame atAuthor = await author.NextAsync("ephemeral");
        await author.SendAsync(Frame.Ephemeral(author.PeerId, author.ServerId, id, "session", 2, "last"));
        Frame atReader = await reader.NextAsync("ephemeral");

        Assert.Equal((author.PeerId, Text("mine")), (received.SenderId, Convert.ToHexString(received.Data!)));
        Assert.Equal((reader.PeerId, Text("own")), (atAuthor.SenderId, Convert.ToHexString(atAuthor.Data!)));
        Assert.Equal((author.PeerId, Text("last")), (atReader.SenderId, Convert.ToHexString(atReader.Data!)));
    }

    /// <summary>A second connection under a peer id in use takes its place; it does not get to speak for it while the first is served.</summary>
    [Fact]
    public async Task Second_join_with_a_peer_id_in_use_closes_the_first_connection()
    {
        TestServer server = await stage.ServerAsync();
        await using RawPeer first = await RawPeer.JoinAsync(server.Url);

        await using RawPeer second = await RawPeer.JoinAsync(server.Url, first.PeerId);

        await first.UntilClosedAsync();
        await second.UntilReadAsync();
    }

    private async Task<(string Hash, byte[] Chunk)> ChangeAsync()
    {
        ChangeStream stream = await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), Guid.NewGuid().ToString("N"), 1);
        return (stream.Hashes[0], stream.Chunks[0]);
    }

    private static string Text(string value) => Convert.ToHexString([(byte)(0x60 + value.Length), .. System.Text.Encoding.ASCII.GetBytes(value)]);
}
