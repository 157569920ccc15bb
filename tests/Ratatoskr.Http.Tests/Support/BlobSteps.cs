using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>What tests of blobs do over and over.</summary>
internal static class BlobSteps
{
    public const string Root = "/api/v1/blobs";
    public const string DocumentRoot = "/api/v1/documents";

    public static byte[] Noise(int length, int seed = 0)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static string HashOf(byte[] bytes) => Convert.ToHexStringLower(SHA256.HashData(bytes));

    public static ByteArrayContent Content(byte[] bytes, string? type = "application/octet-stream")
    {
        ByteArrayContent content = new(bytes);
        if (type is not null) content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        return content;
    }

    /// <summary>In one request.</summary>
    public static Task<RestAnswer> TakeAsync(this RestUser user, byte[] bytes, string? type = "image/png", string query = "") =>
        user.SendAsync(HttpMethod.Post, Root + query, Content(bytes, type));

    /// <summary>In one request; gives the hash.</summary>
    public static async Task<string> StoreAsync(this RestUser user, byte[] bytes, string type = "image/png")
    {
        string hash = (await user.TakeAsync(bytes, type)).AssertOk().GetProperty("hash").GetString()!;
        Assert.Equal(HashOf(bytes), hash);
        return hash;
    }

    public static async Task<string> BeginAsync(this RestUser user, long size, int chunkSize = 1024, string type = "image/png", string? expectedHash = null)
    {
        string expected = expectedHash is null ? "" : $$""","expectedHash":"{{expectedHash}}" """;
        JsonElement begun = (await user.PostAsync(Root + "/upload/init", $$"""{"size":{{size}},"mimeType":"{{type}}","chunkSize":{{chunkSize}}{{expected}}}""")).AssertOk();
        return begun.GetProperty("uploadId").GetString()!;
    }

    public static Task<RestAnswer> ChunkAsync(this RestUser user, string upload, int index, byte[] bytes) =>
        user.SendAsync(HttpMethod.Put, $"{Root}/upload/{upload}/chunk/{index}", Content(bytes));

    /// <summary>All chunks, in this order.</summary>
    public static async Task ChunksAsync(this RestUser user, string upload, byte[] bytes, int chunkSize, IEnumerable<int>? order = null)
    {
        foreach (int i in order ?? Enumerable.Range(0, (bytes.Length + chunkSize - 1) / chunkSize)) (await user.ChunkAsync(upload, i, Piece(bytes, chunkSize, i))).AssertOk();
    }

    public static byte[] Piece(byte[] bytes, int chunkSize, int index) => bytes[(index * chunkSize)..Math.Min(bytes.Length, (index + 1) * chunkSize)];

    public static Task<RestAnswer> CompleteAsync(this RestUser user, string upload) => user.SendAsync(HttpMethod.Post, $"{Root}/upload/{upload}/complete");

    public static Task<RestAnswer> ReadAsync(this RestUser user, string hash, params (string Name, string Value)[] headers) => user.SendAsync(HttpMethod.Get, $"{Root}/{hash}", null, headers);

    public static Task<RestAnswer> ClaimAsync(this RestUser user, string hash) => user.SendAsync(HttpMethod.Post, $"{Root}/{hash}/claim");

    public static Task<RestAnswer> ReleaseAsync(this RestUser user, string hash) => user.SendAsync(HttpMethod.Delete, $"{Root}/{hash}/claim");

    public static Task<RestAnswer> ClaimForAsync(this RestUser user, string document, string hash) => user.SendAsync(HttpMethod.Post, $"{DocumentRoot}/{document}/blobs/{hash}");

    public static Task<RestAnswer> ReleaseForAsync(this RestUser user, string document, string hash) => user.SendAsync(HttpMethod.Delete, $"{DocumentRoot}/{document}/blobs/{hash}");

    /// <summary>A document that others may read or write as its access list says, with this blob.</summary>
    public static async Task ShareAsync(this RestUser user, string id, string hash, string acl)
    {
        await user.CreateAsync($$"""{"id":"{{id}}","acl":{{acl}}}""");
        (await user.ClaimForAsync(id, hash)).AssertOk();
    }
}
