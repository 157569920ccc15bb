using System.Text.Json.Nodes;

namespace Ratatoskr.Interop.Tests.Clients;

/// <summary>A document as a client sees it: sorted heads in hex, and the value with types told apart (see plain() in node/driver.mjs).</summary>
internal sealed record Seen(string DocumentId, string[] Heads, JsonNode? Value)
{
    public bool SameAs(Seen other) => Heads.Order().SequenceEqual(other.Heads.Order()) && JsonNode.DeepEquals(Value, other.Value);
}

/// <summary>What find() told the app. <see cref="Document"/> is null when the document is unavailable.</summary>
internal sealed record Found(string State, Seen? Document);

internal sealed record EphemeralMessage(string From, string Message);

/// <summary>One automerge-repo <c>Repo</c> with one WebSocket connection, living in a <see cref="ClientProcess"/>.</summary>
internal sealed class JsRepo : IAsyncDisposable
{
    private static int _lastName;

    private readonly ClientProcess _process;
    private readonly string _name = $"repo-{Interlocked.Increment(ref _lastName)}";

    private JsRepo(ClientProcess process) => _process = process;

    public string PeerId { get; private set; } = "";

    /// <summary>The client's own storage id, null when it has no storage.</summary>
    public string? StorageId { get; private set; }

    /// <summary>The server's, as its <c>peer</c> message named it.</summary>
    public string? ServerStorageId { get; private set; }

    /// <summary>Connects, and waits until the server has greeted.</summary>
    /// <param name="process">the client version to use</param>
    /// <param name="url">where the server is</param>
    /// <param name="peerId">null: the client makes one up</param>
    /// <param name="storage">a name for storage in the memory of the Node process, kept when the repo is closed</param>
    /// <param name="folder">a folder for storage in files</param>
    /// <param name="gossip">take part in remote-heads gossip</param>
    /// <param name="token">sent in an <c>auth</c> before the <c>join</c></param>
    /// <param name="original">speak the original's hello: <c>auth</c> without a join, anonymous without a token</param>
    public static async Task<JsRepo> OpenAsync(
        ClientProcess process, string url, string? peerId = null, string? storage = null, string? folder = null, bool gossip = false, string? token = null, bool original = false)
    {
        JsRepo repo = new(process);
        JsonObject options = new() { ["url"] = url, ["gossip"] = gossip, ["original"] = original };
        if (token is not null) options["token"] = token;
        if (peerId is not null) options["peerId"] = peerId;
        if (storage is not null) options["storage"] = storage;
        if (folder is not null) options["folder"] = folder;
        JsonNode opened = (await repo.RunAsync("open", options))!;
        repo.PeerId = (string)opened["peerId"]!;
        repo.StorageId = (string?)opened["storageId"];
        repo.ServerStorageId = (string?)opened["serverStorageId"];
        return repo;
    }

    /// <summary>Makes a document.</summary>
    /// <param name="value">JavaScript for its value (<c>A</c> is the automerge module); null: <c>create()</c>, whose one change has no operations</param>
    public async Task<Seen> CreateAsync(string? value)
    {
        JsonObject options = [];
        if (value is not null) options["value"] = $"({value})";
        JsonNode created = (await RunAsync("create", options))!;
        return ToSeen((string)created["documentId"]!, created);
    }

    public async Task<(string DocumentId, string[] Heads)[]> CreateManyAsync(int count) =>
        [.. (await RunAsync("createMany", new() { ["count"] = count }))!.AsArray().Select(row => ((string)row!["documentId"]!, Strings(row["heads"])))];

    public async Task<Seen> ImportAsync(string file)
    {
        JsonNode imported = (await RunAsync("import", new() { ["file"] = file }))!;
        return ToSeen((string)imported["documentId"]!, imported);
    }

    public async Task<Seen> ImportBytesAsync(string base64)
    {
        JsonNode imported = (await RunAsync("import", new() { ["base64"] = base64 }))!;
        return ToSeen((string)imported["documentId"]!, imported);
    }

    public async Task<Found> FindAsync(string documentId)
    {
        JsonNode found = (await RunAsync("find", new() { ["documentId"] = documentId }))!;
        string state = (string)found["state"]!;
        return new Found(state, state == "ready" ? ToSeen(documentId, found) : null);
    }

    /// <summary>find() that must succeed.</summary>
    public async Task<Seen> GetAsync(string documentId)
    {
        Found found = await FindAsync(documentId);
        Assert.Equal("ready", found.State);
        return found.Document!;
    }

    public async Task<(string DocumentId, string State, string[] Heads)[]> FindManyAsync(IEnumerable<string> documentIds) =>
        [.. (await RunAsync("findMany", new() { ["documentIds"] = ToArray(documentIds) }))!.AsArray()
            .Select(row => ((string)row!["documentId"]!, (string)row["state"]!, Strings(row["heads"])))];

    /// <summary>Waits through "unavailable" until the document is there.</summary>
    public async Task<Seen> UntilReadyAsync(string documentId) =>
        ToSeen(documentId, (await RunAsync("untilReady", new() { ["documentId"] = documentId }))!);

    /// <summary>Edits by JavaScript statements on the document <c>d</c>.</summary>
    /// <param name="documentId">the document</param>
    /// <param name="code">the statements</param>
    /// <param name="times">one change each</param>
    public async Task<Seen> ChangeAsync(string documentId, string code, int times = 1) =>
        ToSeen(documentId, (await RunAsync("change", new() { ["documentId"] = documentId, ["code"] = code, ["times"] = times }))!);

    public async Task<Seen> ReadAsync(string documentId) =>
        ToSeen(documentId, (await RunAsync("read", new() { ["documentId"] = documentId }))!);

    /// <summary>The document as the client would write it to disk, base64.</summary>
    public async Task<string> SaveAsync(string documentId) => (string)(await RunAsync("save", new() { ["documentId"] = documentId }))!;

    /// <summary>Whether the client holds these changes now.</summary>
    public async Task<bool> HasAsync(string documentId, params string[] heads) =>
        (bool)(await RunAsync("has", new() { ["documentId"] = documentId, ["heads"] = ToArray(heads) }))!;

    /// <summary>Waits until the client holds these changes and all before them.</summary>
    public async Task<Seen> UntilHasAsync(string documentId, params string[] heads) =>
        ToSeen(documentId, (await RunAsync("untilHas", new() { ["documentId"] = documentId, ["heads"] = ToArray(heads) }))!);

    /// <summary>Waits until the server has told this client that it holds all the client holds.</summary>
    public Task UntilAcknowledgedAsync(string documentId) => RunAsync("untilAcknowledged", new() { ["documentId"] = documentId });

    public Task BroadcastAsync(string documentId, params string[] messages) =>
        RunAsync("broadcast", new() { ["documentId"] = documentId, ["messages"] = ToArray(messages) });

    /// <summary>Everything received so far, once <paramref name="last"/> is among it.</summary>
    public async Task<EphemeralMessage[]> UntilEphemeralAsync(string documentId, string last) =>
        [.. (await RunAsync("untilEphemeral", new() { ["documentId"] = documentId, ["last"] = last }))!.AsArray()
            .Select(row => new EphemeralMessage((string)row!["from"]!, (string)row["message"]!))];

    public Task SubscribeToRemotesAsync(params string[] storageIds) =>
        RunAsync("subscribeToRemotes", new() { ["storageIds"] = ToArray(storageIds) });

    /// <summary>Waits until this client has heard that <paramref name="other"/>'s storage holds what that client shows now.</summary>
    public Task UntilRemoteHeadsAsync(string documentId, JsRepo other) =>
        RunAsync("untilRemoteHeads", new() { ["documentId"] = documentId, ["storageId"] = other.StorageId, ["of"] = other._name });

    public Task DisconnectAsync() => RunAsync("disconnect", []);

    public Task ConnectAsync() => RunAsync("connect", []);

    public Task UntilConnectedAsync(bool connected = true) => RunAsync("untilConnected", new() { ["connected"] = connected });

    public async ValueTask DisposeAsync() => await RunAsync("close", []);

    private Task<JsonNode?> RunAsync(string op, JsonObject options)
    {
        options["repo"] = _name;
        return _process.RunAsync(op, options);
    }

    private static Seen ToSeen(string documentId, JsonNode node) => new(documentId, Strings(node["heads"]), node["value"]);

    private static string[] Strings(JsonNode? node) => [.. node!.AsArray().Select(item => (string)item!)];

    private static JsonArray ToArray(IEnumerable<string> values) => [.. values.Select(value => JsonValue.Create(value))];
}
