using Ratatoskr.Interop.Tests.Clients;
using Ratatoskr.Interop.Tests.Peers;

namespace Ratatoskr.Interop.Tests.Accounts.Permissions;

/// <summary>Everybody does everything to every kind of document, on every way there is. One test per way; it names each cell that differs from <see cref="PermissionTable"/>.</summary>
public class PermissionMatrixTests(Stage stage, PermissionWorld world, ITestOutputHelper output) : IClassFixture<PermissionWorld>
{
    private readonly List<string> _differing = [];
    private int _cells;

    [Fact]
    public async Task Rest_answers_as_the_table_says()
    {
        foreach (string operation in PermissionTable.RestOperations)
        {
            foreach (string kind in PermissionTable.Kinds)
            {
                foreach (string who in PermissionTable.Everybody)
                {
                    string expected = PermissionTable.OnRest(who, kind, operation);
                    (string document, RestClient client) = expected == "204" ? await world.TwinAsync(who, kind) : (world.Document(kind), world.Client(who));
                    Compare(who, kind, operation, expected, (await RestAsync(client, operation, document, kind, who)).Short);
                }
            }
        }

        Report("REST");
    }

    [Theory]
    [InlineData("Authorization header and join", "127.0.0.2")]
    [InlineData("auth and join", "127.0.0.3")]
    [InlineData("auth alone, as the original's clients", "127.0.0.4")]
    public async Task Socket_answers_as_the_table_says(string hello, string from)
    {
        string[] hashes = new string[PermissionTable.Everybody.Length];
        await using RawPeer witness = await RawPeer.JoinAsync(world.Server.Url, token: world.TokenOf("owner"), from: from);
        await using RawPeer fence = await RawPeer.JoinAsync(world.Server.Url, token: world.TokenOf("owner"), from: from);
        foreach (string kind in PermissionTable.There)
        {
            await ReadAsync(witness, world.Document(kind));
            await ReadAsync(fence, world.Document(kind));
        }

        for (int i = 0; i < hashes.Length; i++)
        {
            string who = PermissionTable.Everybody[i];
            (hashes[i], byte[] chunk) = await ChangeAsync();
            await using RawPeer peer = await ConnectAsync(hello, world.TokenOf(who), from);
            foreach (string kind in PermissionTable.Kinds) Compare(who, kind, "read", PermissionTable.OnSocket(who, kind, "read"), await ReadAsync(peer, world.Document(kind)));
            foreach (string kind in PermissionTable.Kinds)
                Compare(who, kind, "write", PermissionTable.OnSocket(who, kind, "write"), await WriteAsync(peer, world.Document(kind), hashes[i], chunk));
            foreach ((string kind, string heard) in await BroadcastAsync(peer, fence, witness, i + 1))
                Compare(who, kind, "broadcast", PermissionTable.OnSocket(who, kind, "broadcast"), heard);
        }

        await CompareStoredAsync(PermissionTable.Everybody.Zip(hashes).ToDictionary(pair => pair.Second, pair => pair.First));
        Report(hello);
    }

    [Theory]
    [InlineData("stock client with a token", false)]
    [InlineData("client of the original", true)]
    public async Task Real_clients_get_what_the_table_says(string name, bool original)
    {
        ClientProcess process = await stage.ClientsAsync(Versions.Current);
        Dictionary<string, JsRepo> repos = [];
        foreach (string who in PermissionTable.Everybody)
            repos[who] = await JsRepo.OpenAsync(process, world.Server.SyncUrl, token: world.TokenOf(who), original: original);

        foreach ((string who, JsRepo repo) in repos)
        {
            Found[] found = await Task.WhenAll(PermissionTable.Kinds.Select(kind => repo.FindAsync(world.Document(kind))));
            foreach ((string kind, Found what) in PermissionTable.Kinds.Zip(found))
            {
                Compare(who, kind, "find", PermissionTable.MayReadOnSocket(who, kind) ? "ready" : "unavailable", what.State);
                if (what.State == "ready") Compare(who, kind, "content", kind, (string?)what.Document!.Value!["kind"] ?? "-");
            }
        }

        // Those whose changes must not be taken begin: what the others write is sent after it.
        Dictionary<string, string> authors = [];
        foreach (bool mayWrite in (bool[])[false, true])
        {
            foreach ((string who, JsRepo repo) in repos)
            {
                foreach (string kind in PermissionTable.There)
                {
                    if (!PermissionTable.MayReadOnSocket(who, kind) || PermissionTable.MayWriteOnSocket(who, kind) != mayWrite) continue;
                    Seen changed = await repo.ChangeAsync(world.Document(kind), $"d['{(original ? "original" : "stock")} {who}'] = true");
                    authors[$"{kind} {changed.Heads.Single()}"] = who;
                }
            }
        }

        foreach (string kind in PermissionTable.There)
        {
            string[] awaited = [.. authors.Where(change => change.Key.StartsWith(kind + " ", StringComparison.Ordinal) && PermissionTable.MayWriteOnSocket(change.Value, kind))
                .Select(change => change.Key[(kind.Length + 1)..])];
            HashSet<string> stored = [.. await world.Owner.UntilStoredAsync(world.Document(kind), awaited)];
            foreach ((string change, string who) in authors)
            {
                if (!change.StartsWith(kind + " ", StringComparison.Ordinal)) continue;
                Compare(who, kind, "change", PermissionTable.MayWriteOnSocket(who, kind) ? "stored" : "not stored", stored.Contains(change[(kind.Length + 1)..]) ? "stored" : "not stored");
            }
        }

        foreach (JsRepo repo in repos.Values) await repo.DisposeAsync();
        Report(name);
    }

    private static async Task<RestAnswer> RestAsync(RestClient client, string operation, string document, string kind, string who)
    {
        string path = $"/documents/{document}";
        return operation switch
        {
            "get" => await client.GetAsync(path),
            "export" => await client.GetAsync(path + "/export"),
            "json" => await client.GetAsync(path + "/export?format=json"),
            "history" => await client.GetAsync(path + "/history"),
            "snapshot" => await client.GetAsync($"{path}/snapshot?heads={await AnyHeadsAsync(client, path)}"),
            "diff" => await client.GetAsync(path + "/diff?from=initial"),
            "get-acl" => await client.GetAsync(path + "/acl"),
            "content" => await client.PutAsync(path + "/content", $$"""{"kind":"{{kind}}","by":"{{who}}"}"""),
            // What it was is what it becomes: the table holds on.
            "put-acl" => await client.PutAsync(path + "/acl", (await client.GetAsync(path + "/acl")) is { Status: 200 } acl ? acl.Text : "{\"acl\":[]}"),
            "type" => await client.PutAsync(path + "/type", """{"type":"note"}"""),
            "expiration" => await client.PutAsync(path + "/expiration", """{"expiresAt":null}"""),
            "delete" => await client.DeleteAsync(path),
            _ => throw new ArgumentOutOfRangeException(nameof(operation)),
        };
    }

    private static async Task<string> AnyHeadsAsync(RestClient client, string path)
    {
        RestAnswer history = await client.GetAsync(path + "/history?limit=1");
        return history.Status == 200 ? (string)history.Json["currentHeads"]![0]! : new string('0', 64);
    }

    private async Task<RawPeer> ConnectAsync(string hello, string? token, string from)
    {
        if (hello.StartsWith("Authorization", StringComparison.Ordinal)) return await RawPeer.JoinAsync(world.Server.Url, token: token, from: from);
        RawPeer peer = await RawPeer.AuthenticateAsync(world.Server.Url, token, from: from);
        if (hello == "auth and join") await peer.JoinAsync();
        return peer;
    }

    // ok, or the code of the error that comes with doc-unavailable.
    private static async Task<string> ReadAsync(RawPeer peer, string document)
    {
        await peer.RequestAsync(document);
        string? error = null;
        while (true)
        {
            Frame frame = await peer.NextAsync();
            if (frame.DocumentId != document) continue;
            switch (frame.Type)
            {
                case "sync" when frame.Sync.Heads.Count > 0: return "ok";
                case "error": error = frame.Error; break;
                case "doc-unavailable": return error ?? "doc-unavailable";
            }
        }
    }

    private static async Task<string> WriteAsync(RawPeer peer, string document, string hash, byte[] chunk)
    {
        await peer.SyncAsync(document, new SyncMessage { Heads = [hash], LastSync = [], Changes = [chunk] });
        while (true)
        {
            Frame frame = await peer.NextAsync();
            if (frame.DocumentId != document) continue;
            switch (frame.Type)
            {
                case "sync" when frame.Sync.Heads.Contains(hash): return "ok";
                case "error": return frame.Message == "Write access required to apply changes" ? frame.Error! : $"{frame.Error}: {frame.Message}";
                case "doc-unavailable": return frame.Type;
            }
        }
    }

    // Ordered by the documents: what the peer says, then a fence that tells that it was looked at. Who hears the fence had the document open and may read it.
    private async Task<List<(string Kind, string Heard)>> BroadcastAsync(RawPeer peer, RawPeer fence, RawPeer witness, int count)
    {
        foreach (string kind in PermissionTable.Kinds) await peer.SendAsync(Frame.Ephemeral(peer.PeerId, peer.ServerId, world.Document(kind), kind, 1, "peer"));
        await peer.UntilReadAsync();
        foreach (string kind in PermissionTable.There) await fence.SendAsync(Frame.Ephemeral(fence.PeerId, fence.ServerId, world.Document(kind), $"fence {count} {kind}", 1, "fence"));
        HashSet<string> heard = [];
        for (int fences = 0; fences < PermissionTable.There.Length;)
        {
            Frame frame = await witness.NextAsync("ephemeral");
            if (frame.SenderId == fence.PeerId) fences++;
            else heard.Add(frame.DocumentId!);
        }

        HashSet<string> hears = [.. (await peer.UntilReadAsync()).Where(frame => frame.Type == "ephemeral").Select(frame => frame.DocumentId!)];
        return [.. PermissionTable.Kinds.Select(kind => (kind, (heard.Contains(world.Document(kind)), hears.Contains(world.Document(kind))) switch
        {
            (true, true) => "heard",
            (false, false) => "-",
            (true, false) => "heard, but does not hear",
            (false, true) => "hears, but is not heard",
        }))];
    }

    private async Task CompareStoredAsync(Dictionary<string, string> authors)
    {
        foreach (string kind in PermissionTable.There)
        {
            HashSet<string> stored = [.. await world.Owner.HistoryAsync(world.Document(kind))];
            foreach ((string hash, string who) in authors)
                Compare(who, kind, "change", PermissionTable.MayWriteOnSocket(who, kind) ? "stored" : "not stored", stored.Contains(hash) ? "stored" : "not stored");
        }
    }

    private async Task<(string Hash, byte[] Chunk)> ChangeAsync()
    {
        ChangeStream stream = await ChangeStream.MakeAsync(await stage.ClientsAsync(Versions.Current), Guid.NewGuid().ToString("N"), 1);
        return (stream.Hashes[0], stream.Chunks[0]);
    }

    private void Compare(string who, string kind, string operation, string expected, string actual)
    {
        _cells++;
        if (actual != expected) _differing.Add($"{who} × {kind} × {operation}: {actual}, but the table says {expected}");
    }

    private void Report(string way)
    {
        output.WriteLine($"{way}: {_cells} cells, {_differing.Count} differ");
        Assert.True(_differing.Count == 0, $"{way}: {_differing.Count} of {_cells} cells differ:\n{string.Join('\n', _differing)}\n{world.Server.Output}");
    }
}
