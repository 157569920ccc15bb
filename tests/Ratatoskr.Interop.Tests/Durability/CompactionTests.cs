using System.Globalization;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Durability;

/// <summary>A document that was edited for long is kept, and given to who comes new, about as small as Automerge would save it.</summary>
public class CompactionTests(Stage stage)
{
    private const double SizeAgainstSaveMax = 1.3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>INTEROP_EDITS=50000 for the size that is promised; fewer show the same.</summary>
    private static readonly int Edits = int.Parse(Environment.GetEnvironmentVariable("INTEROP_EDITS") ?? "4000", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Document_edited_many_times_is_stored_like_a_save_and_given_to_a_new_client_as_one_snapshot()
    {
        await using TestServer server = await TestServer.StartAsync();
        await using JsRepo alice = await stage.OpenAsync(server: server);
        await using JsRepo bob = await stage.OpenAsync(server: server);
        string id = (await alice.CreateAsync("{ text: '', n: 0 }")).DocumentId;
        await alice.UntilAcknowledgedAsync(id);
        await bob.GetAsync(id);
        Seen edited = await alice.ChangeAsync(
            id, "d.n++; const at = d.n * 7919 % (d.text.length + 1); if (d.n % 5 === 0 && at < d.text.length) A.splice(d, ['text'], at, 1); else A.splice(d, ['text'], at, 0, 'abcdefghij'[d.n % 10])", Edits);
        await alice.UntilAcknowledgedAsync(id);
        await bob.UntilHasAsync(id, edited.Heads);
        int saved = Convert.FromBase64String(await alice.SaveAsync(id)).Length;

        byte[] whole = await UntilFoldedAsync(server, id, edited.Heads, (int)(SizeAgainstSaveMax * saved));
        TestContext.Current.TestOutputHelper!.WriteLine($"{Edits} edits: {whole.Length} bytes, 3.5.0's save has {saved}");

        await server.KillAsync();
        await server.StartAgainAsync();
        await using JsRepo carol = await stage.OpenAsync(server: server);
        Assert.True((await carol.GetAsync(id)).SameAs(edited));
        Assert.Equal(whole, await WholeAsync(server, id, edited.Heads));
        Seen later = await carol.ChangeAsync(id, "A.splice(d, ['text'], 0, 0, 'on it goes')");
        await alice.UntilHasAsync(id, later.Heads);
    }

    // Folded when it has been quiet for some seconds; nobody is told, so it is asked for again and again.
    private static async Task<byte[]> UntilFoldedAsync(TestServer server, string id, string[] heads, int lengthMax)
    {
        DateTime until = DateTime.UtcNow + Patience;
        while (true)
        {
            byte[] whole = await WholeAsync(server, id, heads);
            if (SyncMessage.IsDocumentChunk(whole) && whole.Length <= lengthMax) return whole;
            Assert.True(DateTime.UtcNow < until, $"The document has {whole.Length} bytes, and should have {lengthMax}.\n{server.Output}");
            await Task.Delay(250);
        }
    }

    private static async Task<byte[]> WholeAsync(TestServer server, string id, string[] heads)
    {
        await using RawPeer fresh = await RawPeer.JoinAsync(server.Url);
        await fresh.RequestAsync(id);
        SyncMessage message = await fresh.NextSyncAsync(id, sync => sync.Changes.Count > 0);
        Assert.Equal(heads.Order(), message.Heads.Order());
        return Assert.Single(message.Changes);
    }
}
