using System.Net;
using System.Net.Http.Headers;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Blobs;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

public sealed class S3BlobStoreTests(S3Server server) : BlobStoreContract
{
    private S3BlobStoreOptions _options = null!;
    private S3BlobStore _store = null!;

    private protected override IBlobStore Store => _store;

    // Two parts, the last one short.
    private protected override int LargeBytes => (5 << 20) + 5;

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _options = await server.OptionsAsync();
        _store = new S3BlobStore(_options);
    }

    public override async ValueTask DisposeAsync()
    {
        _store?.Dispose();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Large_blob_goes_in_parts_and_again_if_it_is_there_so_that_the_time_tells_nothing()
    {
        byte[] content = Content(LargeBytes, 1);
        StagedBlob staged = await StageAsync(content);
        for (int round = 0; round < 2; round++)
        {
            await _store.PutAsync(staged, CancellationToken.None);
            IReadOnlyList<string> requests = await server.RequestsAsync(_options.Prefix);
            Assert.Equal(["1", "2"], requests.Where(one => one.StartsWith("PUT", StringComparison.Ordinal)).Select(one => one.Split("partNumber=")[1][..1]).Order());
        }
    }

    [Fact]
    public async Task Part_that_fails_aborts_the_whole_and_a_retry_works()
    {
        byte[] content = Content(LargeBytes, 1);
        StagedBlob staged = await StageAsync(content);
        await server.FailAsync("PUT", $"{_options.Prefix}{staged.Hash}?partNumber=2", 1);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _store.PutAsync(staged, CancellationToken.None).AsTask());
        Assert.Contains(await server.RequestsAsync(_options.Prefix), one => one.StartsWith("DELETE", StringComparison.Ordinal) && one.Contains("uploadId", StringComparison.Ordinal));
        Assert.Null(await _store.OpenAsync(staged.Hash, CancellationToken.None));
        await _store.PutAsync(staged, CancellationToken.None);
        await using IBlobContent? read = await _store.OpenAsync(staged.Hash, CancellationToken.None);
        Assert.Equal(staged.Hash, HashOf(await ReadAsync(read!, 0, read!.Length)));
    }

    [Fact]
    public async Task What_the_bucket_refuses_is_a_storage_exception()
    {
        StagedBlob staged = await PutAsync(Content(100_000, 1));
        foreach (string method in new[] { "HEAD", "PUT", "GET", "DELETE" })
        {
            StagedBlob other = await StageAsync(Content(10, 2));
            await server.FailAsync(method, method == "GET" ? "list-type" : _options.Prefix, 1);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => method switch
            {
                "HEAD" => _store.OpenAsync(staged.Hash, CancellationToken.None).AsTask(),
                "PUT" => _store.PutAsync(other, CancellationToken.None).AsTask(),
                "GET" => ListAsync(),
                _ => _store.DeleteAsync(staged.Hash, CancellationToken.None).AsTask(),
            });
        }

        using S3BlobStore nowhere = new(_options with { Endpoint = new Uri("http://127.0.0.1:9") });
        await Assert.ThrowsAsync<StoreUnavailableException>(() => nowhere.OpenAsync(staged.Hash, CancellationToken.None).AsTask());
        using S3BlobStore stranger = new(_options with { KeyId = "nobody" });
        await Assert.ThrowsAsync<StoreUnavailableException>(() => stranger.OpenAsync(staged.Hash, CancellationToken.None).AsTask());
    }

    [Fact]
    public async Task Answer_that_is_cut_off_is_no_end_of_the_blob()
    {
        StagedBlob staged = await PutAsync(Content(1_000_000, 1));
        await using IBlobContent? read = await _store.OpenAsync(staged.Hash, CancellationToken.None);
        await server.FailAsync("GET", staged.Hash.ToString(), 1, cut: true);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => ReadAsync(read!, 0, read!.Length));
        Assert.Equal(staged.Hash, HashOf(await ReadAsync(read!, 0, read!.Length)));
    }

    [Fact]
    public async Task Readers_are_sent_to_the_bucket_when_that_is_wanted()
    {
        byte[] content = Content(1_000, 1);
        StagedBlob staged = await PutAsync(content);
        await using IBlobContent? plain = await _store.OpenAsync(staged.Hash, CancellationToken.None);
        Assert.Null(plain!.Address("image/png", "inline"));
        using S3BlobStore presigning = new(_options with { Presign = true });
        await using IBlobContent? signed = await presigning.OpenAsync(staged.Hash, CancellationToken.None);
        Uri? address = signed!.Address("image/png", "attachment; filename=\"a b.png\"");
        using HttpClient browser = new(new SocketsHttpHandler { UseProxy = false });
        using HttpResponseMessage answer = await browser.GetAsync(address);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(content, await answer.Content.ReadAsByteArrayAsync());
        Assert.Equal(new MediaTypeHeaderValue("image/png"), answer.Content.Headers.ContentType);
        Assert.Equal("attachment; filename=\"a b.png\"", answer.Content.Headers.GetValues("Content-Disposition").Single());
        // s3rver does not look at signatures of this kind.
        Assert.Contains("X-Amz-Expires=300", address!.Query, StringComparison.Ordinal);
        Assert.Contains("X-Amz-Signature=", address.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Keys_that_are_no_hash_are_passed_by()
    {
        StagedBlob staged = await PutAsync(Content(10, 1));
        using S3BlobStore deeper = new(_options with { Prefix = _options.Prefix + "x/" });
        StagedBlob other = await StageAsync(Content(11, 1));
        await deeper.PutAsync(other, CancellationToken.None);
        Assert.Equal(staged.Hash, Assert.Single(await ListAsync()).Hash);
    }

    [Fact]
    public void Settings_that_cannot_work_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new S3BlobStore(_options with { Bucket = "" }));
        Assert.Throws<ArgumentException>(() => new S3BlobStore(_options with { Secret = null }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new S3BlobStore(_options with { PartBytes = 1 }));
    }
}
