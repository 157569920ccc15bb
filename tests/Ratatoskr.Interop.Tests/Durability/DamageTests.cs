using System.Security.Cryptography;
using System.Text;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Durability;

/// <summary>A bit that flips on the disk of a stopped server: the check names the document, and the server gives out nothing wrong and everything else.</summary>
public sealed class DamageTests
{
    private const int DamageFound = 3;
    private const int Sectors = 8 << 10;

    [Fact]
    public async Task Flipped_bit_is_named_by_the_check_and_the_rest_serves_on()
    {
        await using TestServer server = await TestServer.StartAsync();
        (string Id, string Marker, string Head) hit = await WriteAsync(server);
        await WriteAsync(server, Sectors);                                    // what shares a sector with the damage is not to be believed either
        (string Id, string Marker, string Head) spared = await WriteAsync(server);
        Assert.Equal(0, await server.StopAsync());
        Assert.Equal(0, await server.CheckAsync());

        Assert.NotEqual(0, FlipABitOf(hit.Marker, Path.Combine(server.DataFolder, "documents")));
        Assert.Equal(DamageFound, await server.CheckAsync());
        Assert.Contains(hit.Id, server.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(spared.Id, server.Output, StringComparison.Ordinal);

        await server.StartAgainAsync();
        await using RawPeer reader = await RawPeer.JoinAsync(server.Url);
        await reader.RequestAsync(hit.Id);
        await reader.RequestAsync(spared.Id);
        Assert.NotEmpty((await reader.NextSyncAsync(spared.Id, sync => sync.Heads.Contains(spared.Head) && sync.Changes.Count > 0)).Changes);
        await using RawPeer another = await RawPeer.JoinAsync(server.Url);     // which hears of the damaged one by now, in the order of its questions
        await another.RequestAsync(spared.Id);
        await another.NextSyncAsync(spared.Id, sync => sync.Changes.Count > 0);
        Assert.Equal(0, await server.StopAsync());
    }

    /// <summary>A document of one change, acknowledged. A short one is as readable on the disk as it is here.</summary>
    private static async Task<(string Id, string Marker, string Head)> WriteAsync(TestServer server, int noiseBytes = 0)
    {
        string id = DocumentIds.New(), marker = $"marker {Guid.NewGuid()}{Convert.ToHexString(RandomNumberGenerator.GetBytes(noiseBytes))}";
        Document document = new(ActorId.Parse(Guid.NewGuid().ToString("N")));
        string head;
        using (Transaction edit = document.Begin())
        {
            edit.Put(ObjectId.Root, "text", marker);
            head = edit.Commit()!.Value.ToString();
        }

        await using RawPeer author = await RawPeer.JoinAsync(server.Url);
        await author.SyncAsync(id, new SyncMessage { Heads = [head], LastSync = [], Changes = [document.SaveIncremental()] });
        await author.NextSyncAsync(id, sync => sync.Heads.Contains(head));
        return (id, marker, head);
    }

    /// <returns>How often the text was found.</returns>
    private static int FlipABitOf(string text, string folder)
    {
        int found = 0;
        byte[] wanted = Encoding.UTF8.GetBytes(text);
        foreach (string path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            byte[] bytes = File.ReadAllBytes(path);
            int at = bytes.AsSpan().IndexOf(wanted);
            if (at < 0) continue;
            bytes[at + 10] ^= 4;
            File.WriteAllBytes(path, bytes);
            found++;
        }

        return found;
    }
}
