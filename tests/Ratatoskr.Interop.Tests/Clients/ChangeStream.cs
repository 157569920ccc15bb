using System.Text.Json.Nodes;

namespace Ratatoskr.Interop.Tests.Clients;

/// <summary>A chain of real changes by one actor, made in advance: the first creates a document, each other sets one key.</summary>
internal sealed record ChangeStream(string[] Hashes, byte[][] Chunks, string Saved)
{
    /// <param name="clients">the version whose Automerge makes them</param>
    /// <param name="actor">hex, 32 digits</param>
    /// <param name="count">how many</param>
    /// <param name="baseDocument">a saved document (base64) the chain continues; null: a new one</param>
    public static async Task<ChangeStream> MakeAsync(ClientProcess clients, string actor, int count, string? baseDocument = null)
    {
        JsonObject options = new() { ["actor"] = actor, ["count"] = count };
        if (baseDocument is not null) options["base"] = baseDocument;
        JsonNode made = (await clients.RunAsync("changeStream", options))!;
        JsonArray changes = made["changes"]!.AsArray();
        return new ChangeStream(
            [.. changes.Select(change => (string)change!["hash"]!)],
            [.. changes.Select(change => Convert.FromBase64String((string)change!["chunk"]!))],
            (string)made["saved"]!);
    }
}
