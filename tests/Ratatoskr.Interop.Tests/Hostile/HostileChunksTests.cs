using System.Net.WebSockets;
using System.Text.Json;
using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile;

/// <summary>Changes that look well-formed and are poison: with them, a document loads at nobody any more. They must not get in.</summary>
public class HostileChunksTests(Stage stage)
{
    private static readonly JsonElement Vectors = Load();

    public static TheoryData<int, string> Changes
    {
        get
        {
            TheoryData<int, string> cases = [];
            foreach ((int index, JsonElement vector) in Cases("change")) cases.Add(index, vector.GetProperty("name").GetString()!);
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Hostile_change_leaves_the_document_loadable(int index, string name)
    {
        JsonElement vector = Vectors.GetProperty("cases")[index];
        JsonElement verdict = vector.GetProperty("automerge");
        bool harmless = IsHarmless(verdict);
        TestServer server = await stage.ServerAsync("hostile chunks");
        await using JsRepo alice = await stage.OpenAsync(server: server);
        Seen imported = await ImportBaseAsync(alice);

        await SendAsync(server, imported, vector);

        await using JsRepo bob = await stage.OpenAsync(server: server);
        Seen found = await bob.GetAsync(imported.DocumentId);
        if (!harmless) Assert.True(found.SameAs(imported), $"'{name}' got into the document: {found.Value}");
        if (name == "well-formed") Assert.Equal(verdict.GetProperty("heads")[0].GetString(), Assert.Single(found.Heads));
        await AssertUsableAsync(alice, bob, imported.DocumentId);
    }

    /// <summary>Every hostile change one after another into a document that clients of every version have open: nobody gets one, and everybody writes on.</summary>
    [Fact]
    public async Task Readers_and_writers_of_every_version_stay_well_while_poison_is_sent()
    {
        TestServer server = await stage.ServerAsync("hostile chunks");
        await using JsRepo alice = await stage.OpenAsync(server: server);
        Seen imported = await ImportBaseAsync(alice);
        JsRepo[] others = await Task.WhenAll(Versions.All.Select(version => stage.OpenAsync(version, server)));
        foreach (JsRepo other in others) await other.GetAsync(imported.DocumentId);

        int sent = 0;
        foreach ((_, JsonElement vector) in Cases("change"))
        {
            if (IsHarmless(vector.GetProperty("automerge"))) continue;
            await SendAsync(server, imported, vector);
            sent++;
        }

        Assert.InRange(sent, 15, 100);
        for (int i = 0; i < others.Length; i++)
        {
            Seen edited = await others[i].ChangeAsync(imported.DocumentId, $"d.by{i} = {i}");
            foreach (JsRepo repo in others.Append(alice)) await repo.UntilHasAsync(imported.DocumentId, edited.Heads);
        }

        Seen[] seen = await Task.WhenAll(others.Append(alice).Select(repo => repo.ReadAsync(imported.DocumentId)));
        Assert.All(seen, one => Assert.True(one.SameAs(seen[0]), $"{one.Value} is not {seen[0].Value}"));
        ClientProcess clients = await stage.ClientsAsync(Versions.Current);
        foreach (JsRepo other in others)
        {
            await clients.RunAsync("load", new() { ["base64"] = await other.SaveAsync(imported.DocumentId) });
            await other.DisposeAsync();
        }
    }

    [Fact]
    public async Task Damaged_documents_sent_one_after_another_leave_the_document_loadable()
    {
        TestServer server = await stage.ServerAsync("hostile chunks");
        await using JsRepo alice = await stage.OpenAsync(server: server);
        Seen imported = await ImportBaseAsync(alice);

        foreach ((_, JsonElement vector) in Cases("load")) await SendAsync(server, imported, vector);

        await using JsRepo bob = await stage.OpenAsync(server: server);
        await bob.GetAsync(imported.DocumentId);
        await bob.UntilHasAsync(imported.DocumentId, imported.Heads);
        await AssertUsableAsync(alice, bob, imported.DocumentId);
    }

    /// <summary>3.5.0 takes it in, and loads what it then saves.</summary>
    private static bool IsHarmless(JsonElement verdict) => verdict.GetProperty("outcome").GetString() == "applies" && verdict.GetProperty("reloads").GetBoolean();

    private static async Task<Seen> ImportBaseAsync(JsRepo alice)
    {
        Seen imported = await alice.ImportBytesAsync(Vectors.GetProperty("base").GetString()!);
        await alice.UntilAcknowledgedAsync(imported.DocumentId);
        return imported;
    }

    private static async Task SendAsync(TestServer server, Seen document, JsonElement vector)
    {
        await using RawPeer bad = await RawPeer.JoinAsync(server.Url);
        await bad.SyncAsync(document.DocumentId, new SyncMessage
        {
            Heads = document.Heads,
            LastSync = document.Heads,
            Changes = [Convert.FromBase64String(vector.GetProperty("data").GetString()!)],
        });
        try
        {
            await bad.UntilReadAsync();
        }
        catch (Exception e) when (e is ConnectionClosedException or WebSocketException)
        {
            // The server may close on one who sends such things.
        }
    }

    /// <summary>A saved copy loads, and edits still go from one to the other.</summary>
    private async Task AssertUsableAsync(JsRepo alice, JsRepo bob, string documentId)
    {
        ClientProcess clients = await stage.ClientsAsync(Versions.Current);
        await clients.RunAsync("load", new() { ["base64"] = await bob.SaveAsync(documentId) });
        Seen edited = await alice.ChangeAsync(documentId, "d.stillEditable = true");
        await bob.UntilHasAsync(documentId, edited.Heads);
    }

    private static IEnumerable<(int Index, JsonElement Vector)> Cases(string kind) =>
        Vectors.GetProperty("cases").EnumerateArray().Select((vector, index) => (index, vector))
            .Where(row => row.vector.GetProperty("kind").GetString() == kind);

    private static JsonElement Load()
    {
        using FileStream file = File.OpenRead(Path.Combine(Repository.Root, "tests", "vectors", "hostile.json"));
        using JsonDocument json = JsonDocument.Parse(file);
        return json.RootElement.Clone();
    }
}
