using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;
using Ratatoskr.Interop.Tests.Accounts;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Blobs;

/// <summary>The routes of blobs, used by one user. One for each life of a server: no connection of a dead one is used again.</summary>
internal sealed class BlobClient(TestServer server, string token) : IDisposable
{
    private readonly HttpClient _http = new(LoopbackAddresses.HandlerFrom(LoopbackAddresses.Next())) { BaseAddress = new Uri(server.HttpUrl) };

    public async Task<string> InitAsync(long size, int chunkSize) => (string)(await SendAsync(
        HttpMethod.Post, "/blobs/upload/init", Json($$"""{"size":{{size}},"mimeType":"image/png","chunkSize":{{chunkSize}}}"""))).Good().Json["uploadId"]!;

    public async Task PutAsync(string upload, int index, HttpContent body, CancellationToken stop = default) =>
        (await SendAsync(HttpMethod.Put, $"/blobs/upload/{upload}/chunk/{index}", body, stop)).Good();

    /// <returns>The hash.</returns>
    public async Task<string> CompleteAsync(string upload) => (string)(await SendAsync(HttpMethod.Post, $"/blobs/upload/{upload}/complete")).Good().Json["hash"]!;

    public async Task<JsonNode> StateAsync(string upload) => (await SendAsync(HttpMethod.Get, $"/blobs/upload/{upload}")).Good().Json;

    public async Task AbortAsync(string upload) => Assert.Equal(204, (await SendAsync(HttpMethod.Delete, $"/blobs/upload/{upload}")).Status);

    /// <summary>The same in one request.</summary>
    public async Task<string> TakeAsync(HttpContent body, CancellationToken stop = default)
    {
        body.Headers.ContentType = new MediaTypeHeaderValue("image/png");
        return (string)(await SendAsync(HttpMethod.Post, "/blobs", body, stop)).Good().Json["hash"]!;
    }

    /// <returns>null: there is no such blob.</returns>
    public async Task<byte[]?> DownloadAsync(string hash)
    {
        RestAnswer answer = await SendAsync(HttpMethod.Get, $"/blobs/{hash}");
        return answer.Status == 404 ? null : answer.Good().Body;
    }

    /// <summary>Bytes charged to the user.</summary>
    public async Task<long> UsedAsync() => (long)(await SendAsync(HttpMethod.Get, "/auth/userinfo")).Good().Json["usage"]!["blobStorage"]!;

    public static HttpContent Bytes(ReadOnlyMemory<byte> bytes)
    {
        ReadOnlyMemoryContent content = new(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        return content;
    }

    public void Dispose() => _http.Dispose();

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    private async Task<RestAnswer> SendAsync(HttpMethod method, string path, HttpContent? body = null, CancellationToken stop = default)
    {
        using HttpRequestMessage request = new(method, "/api/v1" + path) { Content = body };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using HttpResponseMessage response = await _http.SendAsync(request, stop);
        return new RestAnswer((int)response.StatusCode, await response.Content.ReadAsByteArrayAsync(stop), response.Headers);
    }
}

/// <summary>A body of which the first half comes, and then nothing.</summary>
internal sealed class HalfSent : HttpContent
{
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly TaskCompletionSource _isSent = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public HalfSent(ReadOnlyMemory<byte> bytes)
    {
        _bytes = bytes;
        Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
    }

    /// <summary>The first half is on its way.</summary>
    public Task IsSent => _isSent.Task;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        await stream.WriteAsync(_bytes[..(_bytes.Length / 2)], cancellationToken);
        await stream.FlushAsync(cancellationToken);
        _isSent.TrySetResult();
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _bytes.Length;
        return true;
    }
}
