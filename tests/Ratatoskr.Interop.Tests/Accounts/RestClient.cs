using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Accounts;

/// <summary>An answer of the API.</summary>
/// <param name="Body">Bytes as they came.</param>
internal sealed record RestAnswer(int Status, byte[] Body, HttpResponseHeaders Headers)
{
    public string Text => Encoding.UTF8.GetString(Body);

    public JsonNode Json => JsonNode.Parse(Body) ?? throw new JsonException("null");

    /// <summary>The code of an error, null when it is none.</summary>
    public string? Error => Status < 400 ? null : (string?)Json["error"];

    /// <summary>How a cell of a table of expected answers says it: a status, and the code when it is an error.</summary>
    public string Short => Error is null ? $"{Status}" : $"{Status} {Error}";

    /// <summary>The answer, which must be one of success.</summary>
    public RestAnswer Good()
    {
        Assert.True(Status is >= 200 and < 300, $"{Status} {Text}");
        return this;
    }

    public RestAnswer Refused(int status, string error)
    {
        Assert.Equal($"{status} {error}", Short);
        return this;
    }
}

/// <summary>The API, used with one token, or with none.</summary>
internal sealed class RestClient(TestServer server, string? token) : IDisposable
{
    private readonly HttpClient _http = new(LoopbackAddresses.HandlerFrom(LoopbackAddresses.Next())) { BaseAddress = new Uri(server.HttpUrl) };

    public string? Token => token;

    public Task<RestAnswer> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<RestAnswer> DeleteAsync(string path) => SendAsync(HttpMethod.Delete, path);

    /// <param name="path">below /api/v1</param>
    /// <param name="json">the body, as it is</param>
    public Task<RestAnswer> PutAsync(string path, string json) => SendAsync(HttpMethod.Put, path, json);

    public Task<RestAnswer> PostAsync(string path, string json) => SendAsync(HttpMethod.Post, path, json);

    public async Task<RestAnswer> SendAsync(HttpMethod method, string path, string? json = null)
    {
        using HttpRequestMessage request = new(method, "/api/v1" + path);
        if (token is not null) request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (json is not null) request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        using HttpResponseMessage response = await _http.SendAsync(request);
        return new RestAnswer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(), response.Headers);
    }

    /// <summary>Registers a document.</summary>
    /// <param name="fields">of the request's body, without the braces</param>
    /// <returns>Its automerge id.</returns>
    public async Task<string> CreateAsync(string fields = "") => (string)(await PostAsync("/documents", $"{{{fields}}}")).Good().Json["automergeId"]!;

    /// <summary>Replaces a document's access list; in force when it returns.</summary>
    public async Task ShareAsync(string document, params (string Principal, string Permission)[] acl) =>
        (await PutAsync($"/documents/{document}/acl", $"{{{Acl(acl)}}}")).Good();

    public async Task<string[]> HeadsAsync(string document) => Strings((await GetAsync($"/documents/{document}/history?limit=1")).Good().Json["currentHeads"]);

    /// <summary>The hashes of every change that is stored.</summary>
    public async Task<string[]> HistoryAsync(string document)
    {
        List<string> hashes = [];
        while (true)
        {
            JsonNode page = (await GetAsync($"/documents/{document}/history?limit=100&offset={hashes.Count}")).Good().Json;
            hashes.AddRange(page["changes"]!.AsArray().Select(change => (string)change!["hash"]!));
            if (hashes.Count >= (int)page["totalChanges"]!) return [.. hashes];
        }
    }

    /// <summary>Waits until these changes are on disk.</summary>
    /// <returns>All that are.</returns>
    public async Task<string[]> UntilStoredAsync(string document, params IReadOnlyCollection<string> hashes)
    {
        using CancellationTokenSource late = new(TimeSpan.FromSeconds(30));
        while (true)
        {
            string[] stored = await HistoryAsync(document);
            if (hashes.All(stored.Contains)) return stored;
            Assert.False(late.IsCancellationRequested, $"{document} has {string.Join(' ', stored)}, but not all of {string.Join(' ', hashes)}");
        }
    }

    public async Task<JsonNode> ExportAsync(string document) => (await GetAsync($"/documents/{document}/export?format=json")).Good().Json;

    public async Task<(string Token, string Id)> CreateTokenAsync(params string[]? scopes)
    {
        string list = scopes is null ? "null" : $"[{string.Join(',', scopes.Select(scope => $"\"{scope}\""))}]";
        JsonNode made = (await PostAsync("/auth/api-tokens", $$"""{"name":"made by a test","scopes":{{list}}}""")).Good().Json;
        return ((string)made["token"]!, (string)made["id"]!);
    }

    public void Dispose() => _http.Dispose();

    /// <summary>The field <c>acl</c> of a request's body.</summary>
    public static string Acl(params IEnumerable<(string Principal, string Permission)> acl) =>
        $"\"acl\":[{string.Join(',', acl.Select(entry => $$"""{"principal":"{{entry.Principal}}","permission":"{{entry.Permission}}"}"""))}]";

    private static string[] Strings(JsonNode? list) => [.. list!.AsArray().Select(item => (string)item!)];
}
