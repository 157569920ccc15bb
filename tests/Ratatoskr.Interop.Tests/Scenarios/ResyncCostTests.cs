using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Scenarios;

/// <summary>What a peer that comes back costs, counted in frames.</summary>
public class ResyncCostTests(Stage stage)
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Peer_that_is_up_to_date_costs_one_frame_each_way(bool restart)
    {
        await using TestServer server = await TestServer.StartAsync();
        string storageId = Guid.NewGuid().ToString();
        string id = DocumentIds.New();
        ChangeStream stream = await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), Guid.NewGuid().ToString("N"), 10);
        string head = stream.Hashes[^1];
        await using (RawPeer first = await RawPeer.JoinAsync(server.Url, storageId: storageId))
        {
            await first.SyncAsync(id, new SyncMessage { Heads = [head], LastSync = [], Changes = [[.. stream.Chunks.SelectMany(chunk => chunk)]] });
            await first.NextSyncAsync(id, sync => sync.Heads.Contains(head));
        }
        if (restart)
        {
            await server.StopAsync();
            await server.StartAgainAsync();
        }

        await using RawPeer again = await RawPeer.JoinAsync(server.Url, storageId: storageId);
        await again.SyncAsync(id, new SyncMessage { IsV2 = false, Heads = [head], LastSync = [head] });

        SyncMessage answer = (await again.NextAsync()).Sync;
        Assert.Equal([head], answer.Heads);
        Assert.Empty(answer.Changes);
        Assert.Empty(answer.Need);
        Assert.Empty(await again.UntilReadAsync());
    }

    [Fact]
    public async Task Peer_that_missed_some_changes_gets_those_and_no_more()
    {
        TestServer server = await stage.ServerAsync();
        string id = DocumentIds.New();
        ChangeStream stream = await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), Guid.NewGuid().ToString("N"), 100);
        await using RawPeer author = await RawPeer.JoinAsync(server.Url);
        await author.SyncAsync(id, new SyncMessage { Heads = [stream.Hashes[^1]], LastSync = [], Changes = [[.. stream.Chunks.SelectMany(chunk => chunk)]] });
        await author.NextSyncAsync(id, sync => sync.Heads.Contains(stream.Hashes[^1]));

        await using RawPeer behind = await RawPeer.JoinAsync(server.Url);
        string known = stream.Hashes[94];
        await behind.SyncAsync(id, new SyncMessage { IsV2 = false, Heads = [known], LastSync = [known] });

        SyncMessage answer = await behind.NextSyncAsync(id, sync => sync.Changes.Count > 0);
        Assert.Equal([stream.Hashes[^1]], answer.Heads);
        Assert.Equal(stream.Chunks[95..].Sum(chunk => chunk.Length), answer.Changes.Sum(chunk => chunk.Length));
    }

    /// <summary>A keystroke goes to the other peer in one frame, and costs its author one acknowledgement.</summary>
    [Fact]
    public async Task Edit_costs_one_frame_to_the_reader_and_one_acknowledgement_to_the_author()
    {
        const int Start = 50; // changes before the edits: enough that sending everything again is not the cheaper way
        const int Edits = 10;
        TestServer server = await stage.ServerAsync();
        string id = DocumentIds.New();
        ChangeStream stream = await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), Guid.NewGuid().ToString("N"), Start + Edits);
        await using RawPeer author = await RawPeer.JoinAsync(server.Url);
        await using RawPeer reader = await RawPeer.JoinAsync(server.Url);
        string start = stream.Hashes[Start - 1];
        await author.SyncAsync(id, new SyncMessage { Heads = [start], LastSync = [], Changes = [[.. stream.Chunks[..Start].SelectMany(chunk => chunk)]] });
        await author.NextSyncAsync(id, sync => sync.Heads.Contains(start));
        await reader.RequestAsync(id);
        await reader.NextSyncAsync(id, sync => sync.Heads.Contains(start));
        await reader.SyncAsync(id, new SyncMessage { Heads = [start], LastSync = [start] });

        List<SyncMessage> atAuthor = [];
        List<SyncMessage> atReader = [];
        for (int i = Start; i < Start + Edits; i++)
        {
            string head = stream.Hashes[i];
            await author.SyncAsync(id, new SyncMessage { Heads = [head], LastSync = [stream.Hashes[i - 1]], Changes = [stream.Chunks[i]] });
            do atAuthor.Add(await author.NextSyncAsync(id)); while (!atAuthor[^1].Heads.Contains(head));
            do atReader.Add(await reader.NextSyncAsync(id)); while (!atReader[^1].Heads.Contains(head));
            await reader.SyncAsync(id, new SyncMessage { Heads = [head], LastSync = [head] });
        }

        Assert.All(atAuthor, sync => Assert.Empty(sync.Changes));
        Assert.Equal(Edits, atAuthor.Count);
        Assert.Equal(stream.Chunks[Start..], atReader.SelectMany(sync => sync.Changes));
        Assert.InRange(atReader.Count, Edits, Edits + 1); // one more: the reader's first acknowledgement may be answered
    }
}
