using System.Net.WebSockets;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Durability;

/// <summary>
/// Promise 1: what the server has acknowledged to its author is there after SIGKILL at any moment, also while it folds what it has.
/// INTEROP_KILLS=250 for 250 kills of each kind, in rounds of 20 with new documents beside those that are there.
/// </summary>
public class KillTests(Stage stage)
{
    private const int RoundsPerWriters = 20;
    private const int DocumentCount = 6;
    private const int ChangesPerWriter = 6000; // more than a writer gets through in all rounds
    private const int RunMsMax = 700; // a round's longest run before the kill

    private static readonly int s_kills = int.TryParse(Environment.GetEnvironmentVariable("INTEROP_KILLS"), out int given) ? given : RoundsPerWriters;

    [Theory]
    [InlineData(1000)]
    [InlineData(10)]
    public async Task Every_acknowledged_change_is_there_after_SIGKILL(int compactAfterChanges)
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("INTEROP_SEED"), out int given) ? given : Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"INTEROP_SEED={seed}");
        Random random = new(seed);
        ClientProcess clients = await stage.ClientsAsync(Versions.Current);
        Dictionary<string, string> settings = new() { ["COMPACT_AFTER_CHANGES"] = compactAfterChanges.ToString(System.Globalization.CultureInfo.InvariantCulture) };
        await using TestServer server = await TestServer.StartAsync(settings);
        Writer[] writers = [];
        List<Writer> all = [];
        long recoveryMs = 0;

        for (int round = 0; round < s_kills; round++)
        {
            if (round % RoundsPerWriters == 0)
            {
                writers = await MakeWritersAsync(clients, random);
                all.AddRange(writers);
            }

            Task[] writing = [.. writers.Select(writer => writer.WriteAsync(server.Url))];
            await Task.Delay(random.Next(20, RunMsMax)); // the moment of the kill is the input here
            await server.KillAsync();
            await Task.WhenAll(writing);
            await server.StartAgainAsync();
            recoveryMs = Math.Max(recoveryMs, server.LastRecoveryMs);
            await AssertAllThereAsync(server, writers, $"seed {seed}, round {round}");
        }

        await AssertAllThereAsync(server, all, $"seed {seed}, at the end");
        if (compactAfterChanges < 100) await AssertFoldedAsync(server, writers);
        Assert.All(all, writer => Assert.True(writer.Acknowledged > 10, $"A writer got only {writer.Acknowledged} changes acknowledged: nothing was tested."));
        int acknowledged = all.Sum(writer => writer.Acknowledged + 1);
        TestContext.Current.TestOutputHelper.WriteLine($"{s_kills} kills, {acknowledged} changes acknowledged and found again; recovery took {recoveryMs} ms at most");
    }

    /// <summary>Two writers for each document, so that journals of one document interleave.</summary>
    private static async Task<Writer[]> MakeWritersAsync(ClientProcess clients, Random random)
    {
        List<Writer> writers = [];
        for (int document = 0; document < DocumentCount; document++)
        {
            string id = DocumentIds.New();
            ChangeStream start = await ChangeStream.MakeAsync(clients, Actor(random), 1);
            for (int author = 0; author < 2; author++)
                writers.Add(new Writer(id, start, await ChangeStream.MakeAsync(clients, Actor(random), ChangesPerWriter, start.Saved)));
        }
        return [.. writers];
    }

    private async Task AssertAllThereAsync(TestServer server, IEnumerable<Writer> writers, string when)
    {
        await using JsRepo fresh = await stage.OpenAsync(server: server);
        foreach (Writer writer in writers.Where(writer => writer.Acknowledged >= 0))
        {
            Found found = await fresh.FindAsync(writer.DocumentId);
            Assert.True(found.State == "ready", $"{when}: document {writer.DocumentId}, acknowledged, is {found.State}.\n{server.Output}");
            Assert.True(
                await fresh.HasAsync(writer.DocumentId, writer.LastAcknowledged),
                $"{when}: document {writer.DocumentId} lost change {writer.Acknowledged} ({writer.LastAcknowledged}), which was acknowledged.\n{server.Output}");
        }
    }

    /// <summary>Otherwise nothing was folded while the server was killed.</summary>
    private static async Task AssertFoldedAsync(TestServer server, Writer[] writers)
    {
        await using RawPeer fresh = await RawPeer.JoinAsync(server.Url);
        foreach (string id in writers.Select(writer => writer.DocumentId).Distinct())
        {
            await fresh.RequestAsync(id);
            byte[] whole = Assert.Single((await fresh.NextSyncAsync(id, sync => sync.Changes.Count > 0)).Changes);
            Assert.True(SyncMessage.IsDocumentChunk(whole), $"document {id} was never folded");
        }
    }

    private static string Actor(Random random)
    {
        byte[] actor = new byte[16];
        random.NextBytes(actor);
        return Convert.ToHexStringLower(actor);
    }

    /// <summary>One author of one document: sends its next change when the last one was acknowledged, until the connection dies.</summary>
    private sealed class Writer(string documentId, ChangeStream start, ChangeStream stream)
    {
        private readonly Dictionary<string, int> _indexes = stream.Hashes.Select((hash, index) => (hash, index)).ToDictionary(row => row.hash, row => row.index);

        public string DocumentId => documentId;

        /// <summary>Index of the last change the server has said it holds; -1: none.</summary>
        public int Acknowledged { get; private set; } = -1;

        public string LastAcknowledged => stream.Hashes[Acknowledged];

        public async Task WriteAsync(string url)
        {
            try
            {
                await using RawPeer peer = await RawPeer.JoinAsync(url);
                int next = Acknowledged + 1;
                // What follows the last acknowledged change may or may not have survived: it is sent again.
                byte[] before = next == 0 ? start.Chunks[0] : [];
                for (; next < stream.Chunks.Length; next++)
                {
                    string head = stream.Hashes[next];
                    await peer.SyncAsync(documentId, new SyncMessage { Heads = [head], LastSync = [head], Changes = [[.. before, .. stream.Chunks[next]]] });
                    SyncMessage answer = await peer.NextSyncAsync(documentId, sync => IndexIn(sync) >= next);
                    Acknowledged = IndexIn(answer);
                    next = Acknowledged;
                    before = [];
                }
                throw new InvalidOperationException("A writer ran out of changes: raise ChangesPerWriter.");
            }
            catch (Exception e) when (e is WebSocketException or ConnectionClosedException)
            {
                // The server was killed; so ends every round.
            }
        }

        /// <summary>The heads of a message name the tip of each branch: ours is the only one in our chain.</summary>
        private int IndexIn(SyncMessage message) => message.Heads.Select(head => _indexes.GetValueOrDefault(head, -1)).DefaultIfEmpty(-1).Max();
    }
}
