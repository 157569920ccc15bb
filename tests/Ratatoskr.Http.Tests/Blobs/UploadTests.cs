using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Tests.Support;
using static Ratatoskr.Http.Tests.Support.BlobSteps;

namespace Ratatoskr.Http.Tests.Blobs;

/// <summary>Uploads in chunks and in one request: what they answer, and what they refuse.</summary>
public sealed class UploadTests
{
    private const string Init = Root + "/upload/init";

    [Fact]
    public async Task Upload_in_chunks_comes_back_as_it_was()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(10_000);
        JsonElement begun = (await alice.PostAsync(Init, """{"size":10000,"mimeType":"image/png","chunkSize":4096,"unknown":1}""")).AssertOk();
        Assert.Equal((4096, 3, "2026-11-22T12:00:00.000Z"), (begun.GetProperty("chunkSize").GetInt32(), begun.GetProperty("totalChunks").GetInt32(), begun.GetProperty("expiresAt").GetString()));
        string upload = begun.GetProperty("uploadId").GetString()!;
        Assert.True(Guid.TryParseExact(upload, "D", out Guid id) && id.Version == 4);

        JsonElement first = (await alice.ChunkAsync(upload, 2, bytes[8192..])).AssertOk();
        Assert.Equal("""{"chunksReceived":1,"totalChunks":3,"complete":false}""", first.GetRawText());
        (await alice.ChunkAsync(upload, 0, bytes[..4096])).AssertOk();
        JsonElement last = (await alice.ChunkAsync(upload, 1, bytes[4096..8192])).AssertOk();
        Assert.Equal("""{"chunksReceived":3,"totalChunks":3,"complete":true}""", last.GetRawText());

        JsonElement done = (await alice.CompleteAsync(upload)).AssertOk();
        Assert.Equal($$"""{"hash":"{{HashOf(bytes)}}","size":10000,"mimeType":"image/png","deduplicated":false}""", done.GetRawText());
        Assert.Equal(done.GetRawText(), (await alice.CompleteAsync(upload)).AssertOk().GetRawText());
        RestAnswer read = await alice.ReadAsync(HashOf(bytes));
        Assert.Equal(200, read.Status);
        Assert.Equal(bytes, read.Bytes);
        Assert.Equal("image/png", read.ContentType);
    }

    [Fact]
    public async Task Chunks_come_in_parallel_and_again()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(40 * 1024 - 7);
        string upload = await alice.BeginAsync(bytes.Length);
        int[] order = [.. Enumerable.Range(0, 40).Concat(Enumerable.Range(10, 20))];
        new Random(1).Shuffle(order);
        foreach (int[] together in order.Chunk(15)) await Task.WhenAll(together.Select(async i => (await alice.ChunkAsync(upload, i, Piece(bytes, 1024, i))).AssertOk()));
        RestAnswer[] completed = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => alice.CompleteAsync(upload)));
        Assert.Single(completed.Select(answer => answer.AssertOk().GetRawText()).Distinct());
        Assert.Equal(bytes, (await alice.ReadAsync(HashOf(bytes))).Bytes);
    }

    [Fact]
    public async Task State_says_what_is_missing()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(8 * 1024);
        string upload = await alice.BeginAsync(bytes.Length);
        await alice.ChunksAsync(upload, bytes, 1024, [7, 0, 1, 4]);
        JsonElement state = (await alice.GetAsync($"{Root}/upload/{upload}")).AssertOk();
        Assert.Equal("[[0,1],[4,4],[7,7]]", state.GetProperty("received").GetRawText());
        Assert.Equal((4, 8, 1024, false), (state.GetProperty("chunksReceived").GetInt32(), state.GetProperty("totalChunks").GetInt32(), state.GetProperty("chunkSize").GetInt32(), state.GetProperty("complete").GetBoolean()));
        Assert.Equal(JsonValueKind.Null, state.GetProperty("hash").ValueKind);
        RestAnswer early = await alice.CompleteAsync(upload);
        early.AssertError(400, "incomplete_upload");
        Assert.Equal((4, 8), (early.Json.GetProperty("chunksReceived").GetInt32(), early.Json.GetProperty("totalChunks").GetInt32()));
        await alice.ChunksAsync(upload, bytes, 1024, [2, 3, 5, 6]);
        (await alice.CompleteAsync(upload)).AssertOk();
        state = (await alice.GetAsync($"{Root}/upload/{upload}")).AssertOk();
        Assert.Equal(("[[0,7]]", true, HashOf(bytes)), (state.GetProperty("received").GetRawText(), state.GetProperty("complete").GetBoolean(), state.GetProperty("hash").GetString()));
        (await alice.ChunkAsync(upload, 0, bytes[..1024])).AssertError(409, "upload_completed");
    }

    [Theory]
    [InlineData("""{"mimeType":"a/b"}""", "size")]
    [InlineData("""{"size":0,"mimeType":"a/b"}""", "size")]
    [InlineData("""{"size":-1,"mimeType":"a/b"}""", "size")]
    [InlineData("""{"size":1.5,"mimeType":"a/b"}""", "size")]
    [InlineData("""{"size":"7","mimeType":"a/b"}""", "size")]
    [InlineData("""{"size":1e30,"mimeType":"a/b"}""", "size")]
    [InlineData("""{"size":7}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":""}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":7}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":"png"}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":"*/*"}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":"a/b\r\nX-Evil: 1"}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":"a/b; c"}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":"text/plain; charset=\u00fc"}""", "mimeType")]
    [InlineData("""{"size":7,"mimeType":"a/b","expectedHash":"abc"}""", "expectedHash")]
    [InlineData("""{"size":7,"mimeType":"a/b","expectedHash":"ABCDEF0000000000000000000000000000000000000000000000000000000000"}""", "expectedHash")]
    [InlineData("""{"size":7,"mimeType":"a/b","expectedHash":7}""", "expectedHash")]
    [InlineData("""{"size":7,"mimeType":"a/b","chunkSize":1023}""", "chunkSize")]
    [InlineData("""{"size":7,"mimeType":"a/b","chunkSize":10485761}""", "chunkSize")]
    [InlineData("""{"size":7,"mimeType":"a/b","chunkSize":"1024"}""", "chunkSize")]
    [InlineData("""{"size":10241025,"mimeType":"a/b","chunkSize":1024}""", "chunkSize")]
    [InlineData("""{"size":7,"size":8,"mimeType":"a/b"}""", "")]
    [InlineData("""[]""", "")]
    [InlineData("", "")]
    public async Task Init_that_makes_no_sense_is_refused(string body, string field)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        Assert.StartsWith(field, (await alice.PostAsync(Init, body)).AssertError(400, "invalid_request"), StringComparison.Ordinal);
        Assert.Equal(0, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
    }

    [Fact]
    public async Task Init_wants_json_and_media_types_may_have_200_characters()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        (await alice.SendAsync(HttpMethod.Post, Init, Content([1]))).AssertError(415, "unsupported_media_type");
        (await alice.PostAsync(Init, $$"""{"size":7,"mimeType":"a/{{new string('b', 198)}}"}""")).AssertOk();
        (await alice.PostAsync(Init, $$"""{"size":7,"mimeType":"a/{{new string('b', 199)}}"}""")).AssertError(400, "invalid_request");
        (await alice.PostAsync(Init, """{"size":7,"mimeType":"text/plain; charset=\"utf-8\";x=y"}""")).AssertOk();
        JsonElement usual = (await alice.PostAsync(Init, """{"size":6000000,"mimeType":"a/b"}""")).AssertOk();
        Assert.Equal((5 << 20, 2), (usual.GetProperty("chunkSize").GetInt32(), usual.GetProperty("totalChunks").GetInt32()));
    }

    [Fact]
    public async Task Large_upload_gets_larger_chunks()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(10, 1, 1, 1L << 50, 1L << 50) });
        RestUser alice = await server.SignInAsync("alice");
        JsonElement begun = (await alice.PostAsync(Init, """{"size":104857600000,"mimeType":"a/b"}""")).AssertOk();
        Assert.Equal((10 << 20, 10_000), (begun.GetProperty("chunkSize").GetInt32(), begun.GetProperty("totalChunks").GetInt32()));
        RestAnswer refused = await alice.PostAsync(Init, """{"size":104857600001,"mimeType":"a/b"}""");
        refused.AssertError(400, "blob_too_large");
        Assert.Equal(104857600000, refused.Json.GetProperty("maxSize").GetInt64());
    }

    [Fact]
    public async Task Chunk_that_does_not_fit_is_refused_and_the_upload_goes_on()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(2500);
        string upload = await alice.BeginAsync(bytes.Length);
        string chunk = $"{Root}/upload/{upload}/chunk/";
        foreach (string index in new[] { "3", "-1", "x", "99999999999", "1.0" })
            (await alice.SendAsync(HttpMethod.Put, chunk + index, Content(bytes[..1024]))).AssertError(400, "invalid_chunk_index");
        foreach (int length in new[] { 0, 1, 1023, 1025 }) (await alice.ChunkAsync(upload, 0, Noise(length))).AssertError(400, "invalid_chunk_size");
        foreach (int length in new[] { 451, 453, 1024 }) (await alice.ChunkAsync(upload, 2, Noise(length))).AssertError(400, "invalid_chunk_size");
        foreach (int length in new[] { 1023, 1025, 5000, 100_000 })                        // of a length that is not announced
            (await alice.SendAsync(HttpMethod.Put, chunk + "0", Streamed(Noise(length)), ("Transfer-Encoding", "chunked"))).AssertError(400, "invalid_chunk_size");
        (await alice.SendAsync(HttpMethod.Put, chunk + "0", Content(bytes[..1024], "image/png"))).AssertError(415, "unsupported_media_type");
        (await alice.SendAsync(HttpMethod.Put, chunk + "0", Content(bytes[..1024], null))).AssertError(415, "unsupported_media_type");
        (await alice.SendAsync(HttpMethod.Put, chunk + "0", Streamed(bytes[..1024]), ("Transfer-Encoding", "chunked"))).AssertOk();
        await alice.ChunksAsync(upload, bytes, 1024, [1, 2]);
        Assert.Equal(HashOf(bytes), (await alice.CompleteAsync(upload)).AssertOk().GetProperty("hash").GetString());
    }

    [Fact]
    public async Task Other_bytes_than_were_said_are_refused_until_the_right_ones_come()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(2500), wrong = Noise(2500, 1);
        string upload = await alice.BeginAsync(bytes.Length, expectedHash: HashOf(bytes));
        await alice.ChunksAsync(upload, wrong, 1024);
        RestAnswer refused = await alice.CompleteAsync(upload);
        refused.AssertError(400, "hash_mismatch");
        Assert.Equal((HashOf(wrong), HashOf(bytes)), (refused.Json.GetProperty("computedHash").GetString(), refused.Json.GetProperty("expectedHash").GetString()));
        (await alice.ReadAsync(HashOf(wrong))).AssertError(404, "not_found");
        (await alice.CompleteAsync(upload)).AssertError(400, "hash_mismatch");
        await alice.ChunksAsync(upload, bytes, 1024);
        Assert.Equal(HashOf(bytes), (await alice.CompleteAsync(upload)).AssertOk().GetProperty("hash").GetString());
    }

    [Fact]
    public async Task Upload_is_its_users_alone()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        byte[] bytes = Noise(1500);
        string upload = await alice.BeginAsync(bytes.Length), one = $"{Root}/upload/{upload}";
        (await bob.ChunkAsync(upload, 0, bytes[..1024])).AssertError(403, "forbidden");
        (await bob.CompleteAsync(upload)).AssertError(403, "forbidden");
        (await bob.GetAsync(one)).AssertError(403, "forbidden");
        (await bob.DeleteAsync(one)).AssertError(403, "forbidden");
        foreach (string other in new[] { Guid.NewGuid().ToString("D"), "x", "00000000-0000-0000-0000-000000000000", upload.ToUpperInvariant() + "0" })
        {
            (await alice.ChunkAsync(other, 0, bytes[..1024])).AssertError(404, "not_found");
            (await alice.CompleteAsync(other)).AssertError(404, "not_found");
            (await alice.GetAsync($"{Root}/upload/{other}")).AssertError(404, "not_found");
        }

        (await alice.DeleteAsync($"{Root}/upload/{Guid.NewGuid():D}")).AssertError(404, "not_found");
        (await alice.DeleteAsync($"{Root}/upload/x")).AssertError(400, "invalid_request");
        foreach ((HttpMethod method, string path) in new[] { (HttpMethod.Put, one + "/chunk/0"), (HttpMethod.Post, one + "/complete"), (HttpMethod.Get, one), (HttpMethod.Delete, one), (HttpMethod.Post, Init) })
            (await server.SendAsync(method, path, null, Content(bytes[..1024]))).AssertError(401, "unauthorized");
    }

    [Fact]
    public async Task Upload_that_is_given_up_gives_its_room_back()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string upload = await alice.BeginAsync(5000);
        (await alice.ChunkAsync(upload, 0, Noise(1024))).AssertOk();
        Assert.Equal(5000, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        Assert.Equal(5000, (await alice.GetAsync("/api/v1/auth/userinfo")).AssertOk().GetProperty("usage").GetProperty("blobStorage").GetInt32());
        Assert.Equal(204, (await alice.DeleteAsync($"{Root}/upload/{upload}")).Status);
        Assert.Equal(0, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        (await alice.ChunkAsync(upload, 1, Noise(1024))).AssertError(404, "not_found");
        (await alice.CompleteAsync(upload)).AssertError(404, "not_found");
        (await alice.DeleteAsync($"{Root}/upload/{upload}")).AssertError(404, "not_found");
        Assert.Empty(Directory.GetFiles(server.Folder, upload.Replace("-", "", StringComparison.Ordinal) + "*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Upload_ends_after_a_day()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string upload = await alice.BeginAsync(1024), done = await alice.BeginAsync(1024);
        (await alice.ChunkAsync(upload, 0, Noise(1024))).AssertOk();
        (await alice.ChunkAsync(done, 0, Noise(1024))).AssertOk();
        (await alice.CompleteAsync(done)).AssertOk();
        server.Clock.Advance(TimeSpan.FromHours(24));
        alice = await server.SignInAsync("alice");
        (await alice.ChunkAsync(upload, 0, Noise(1024))).AssertError(410, "upload_expired");
        (await alice.CompleteAsync(upload)).AssertError(410, "upload_expired");
        (await alice.GetAsync($"{Root}/upload/{upload}")).AssertError(410, "upload_expired");
        Assert.Equal(2, await server.Blobs.Uploads.SweepAsync(100, CancellationToken.None));
        (await alice.ChunkAsync(upload, 0, Noise(1024))).AssertError(404, "not_found");
        Assert.Equal(1024, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        Assert.Equal(Noise(1024), (await alice.ReadAsync(HashOf(Noise(1024)))).Bytes);
    }

    [Fact]
    public async Task Small_file_comes_in_one_request()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(30_000);
        JsonElement made = (await alice.TakeAsync(bytes)).AssertOk();
        Assert.Equal($$"""{"hash":"{{HashOf(bytes)}}","size":30000,"mimeType":"image/png","deduplicated":false}""", made.GetRawText());
        Assert.True((await alice.TakeAsync(bytes)).AssertOk().GetProperty("deduplicated").GetBoolean());
        Assert.Equal(bytes, (await alice.ReadAsync(HashOf(bytes))).Bytes);
        Assert.Equal("application/octet-stream", (await alice.TakeAsync(Noise(7), null)).AssertOk().GetProperty("mimeType").GetString());
        Assert.Equal(10 << 20, (await alice.TakeAsync(Noise(10 << 20))).AssertOk().GetProperty("size").GetInt32());
        Assert.Equal(HashOf(bytes), (await alice.TakeAsync(bytes, query: "?expectedHash=" + HashOf(bytes))).AssertOk().GetProperty("hash").GetString());
        RestAnswer streamed = await alice.SendAsync(HttpMethod.Post, Root, Streamed(bytes[1..]), ("Transfer-Encoding", "chunked"));
        Assert.Equal(HashOf(bytes[1..]), streamed.AssertOk().GetProperty("hash").GetString());
    }

    [Fact]
    public async Task Small_file_that_does_not_fit_is_refused()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(10, 1, 1, 50_000, 40_000) });
        RestUser alice = await server.SignInAsync("alice");
        (await alice.TakeAsync([])).AssertError(400, "invalid_request");
        (await alice.TakeAsync(Noise((10 << 20) + 1))).AssertError(413, "payload_too_large");
        (await alice.SendAsync(HttpMethod.Post, Root, Streamed(Noise((10 << 20) + 1)), ("Transfer-Encoding", "chunked"))).AssertError(400, "invalid_request");
        RestAnswer tooLarge = await alice.TakeAsync(Noise(40_001));
        tooLarge.AssertError(400, "blob_too_large");
        Assert.Equal(40_000, tooLarge.Json.GetProperty("maxSize").GetInt32());
        RestAnswer mismatch = await alice.TakeAsync(Noise(100), query: "?expectedHash=" + HashOf(Noise(99)));
        mismatch.AssertError(400, "hash_mismatch");
        Assert.Equal(HashOf(Noise(100)), mismatch.Json.GetProperty("computedHash").GetString());
        (await alice.TakeAsync(Noise(100), query: "?expectedHash=xyz")).AssertError(400, "invalid_request");
        await alice.StoreAsync(Noise(30_000));
        RestAnswer full = await alice.TakeAsync(Noise(20_001));
        full.AssertError(402, "quota_exceeded");
        Assert.Equal(("maxBlobStorage", 30_000, 50_000, 20_001), (full.Json.GetProperty("quota").GetString(), full.Json.GetProperty("current").GetInt32(), full.Json.GetProperty("limit").GetInt32(), full.Json.GetProperty("required").GetInt32()));
        (await server.SendAsync(HttpMethod.Post, Root, null, Content(Noise(7)))).AssertError(401, "unauthorized");
        Assert.Single(Directory.GetFiles(Path.Combine(server.Folder, "blobs"), "*", SearchOption.AllDirectories));        // what was refused left nothing
    }

    [Fact]
    public async Task Room_is_kept_from_the_beginning()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Quotas = new UserQuotas(10, 1, 1, 10_000, 8_000) });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        RestAnswer tooLarge = await alice.PostAsync(Init, """{"size":8001,"mimeType":"a/b"}""");
        tooLarge.AssertError(400, "blob_too_large");
        Assert.Equal(8000, tooLarge.Json.GetProperty("maxSize").GetInt32());

        RestAnswer[] begun = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => alice.PostAsync(Init, """{"size":3000,"mimeType":"a/b","chunkSize":4096}""")));
        RestAnswer[] there = [.. begun.Where(answer => answer.Status == 200)];
        Assert.Equal(3, there.Length);
        foreach (RestAnswer refused in begun.Except(there))
        {
            refused.AssertError(402, "quota_exceeded");
            Assert.Equal((9000, 10_000, 3000), (refused.Json.GetProperty("current").GetInt32(), refused.Json.GetProperty("limit").GetInt32(), refused.Json.GetProperty("required").GetInt32()));
        }

        // All of them are completed at once, beside small ones: together they never pass.
        string[] uploads = [.. there.Select(answer => answer.Json.GetProperty("uploadId").GetString()!)];
        for (int i = 0; i < uploads.Length; i++) (await alice.ChunkAsync(uploads[i], 0, Noise(3000, i))).AssertOk();
        Task<RestAnswer>[] small = [.. Enumerable.Range(0, 10).Select(i => alice.TakeAsync(Noise(400, 100 + i)))];
        foreach (RestAnswer answer in await Task.WhenAll(uploads.Select(alice.CompleteAsync))) answer.AssertOk();
        Assert.Equal(2, (await Task.WhenAll(small)).Count(answer => answer.Status == 200));
        Assert.Equal(9800, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        await bob.BeginAsync(8000);
    }

    [Fact]
    public async Task Uploads_under_way_are_a_hundred_at_most()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string first = await alice.BeginAsync(10);
        for (int i = 1; i < 100; i++) await alice.BeginAsync(10);
        RestAnswer refused = await alice.PostAsync(Init, """{"size":10,"mimeType":"a/b"}""");
        refused.AssertError(429, "too_many_uploads");
        Assert.Equal((100, 100), (refused.Json.GetProperty("current").GetInt32(), refused.Json.GetProperty("limit").GetInt32()));
        Assert.Equal(204, (await alice.DeleteAsync($"{Root}/upload/{first}")).Status);
        await alice.BeginAsync(10);
    }

    [Fact]
    public async Task Who_sends_slowly_keeps_nobody_else_out()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        byte[] bytes = Noise(1024);
        string upload = await alice.BeginAsync(1024 * 20), bobs = await bob.BeginAsync(1024);
        Socket[] slow = [.. Enumerable.Range(1, BlobUploads.BodiesMax + 1).Select(i => Begin(server, alice, $"{Root}/upload/{upload}/chunk/{i}"))];
        for (int i = 0; i < 6_000 && !slow.Any(socket => socket.Available > 0); i++) await Task.Delay(5, TestContext.Current.CancellationToken);      // one too many: it has its answer
        RestAnswer refused = await alice.ChunkAsync(upload, 0, bytes);
        refused.AssertError(503, "service_busy");
        Assert.Equal("1", refused.Headers["Retry-After"]);
        (await bob.ChunkAsync(bobs, 0, bytes)).AssertOk();
        (await alice.TakeAsync(Noise(300_000))).AssertError(503, "service_busy");
        using Socket small = BeginTaking(server, alice, 1024), whole = BeginTaking(server, alice, 1024, bytes);
        Assert.Equal(("503", "service_busy"), await StatusAsync(small, "service_busy"));
        Assert.Equal(("200", HashOf(bytes)), await StatusAsync(whole, HashOf(bytes)));     // all there with its headers: it takes no place
        foreach (Socket socket in slow) socket.Dispose();
        for (int i = 0; i < 6_000 && refused.Status == 503; i++)
        {
            await Task.Delay(5, TestContext.Current.CancellationToken);
            refused = await alice.ChunkAsync(upload, 0, bytes);
        }

        refused.AssertOk();
    }

    [Fact]
    public async Task Stage_that_receives_as_much_as_it_may_is_busy_for_blobs_in_one_request_too()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { BodiesMax = 1 });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        string upload = await alice.BeginAsync(1024);
        UploadShape shape = (await server.Accounts.Blobs.FindUploadAsync(Guid.Parse(upload), CancellationToken.None))!.Shape;
        Pipe pipe = new();
        Task<ChunkOutcome> slow = server.Stage.WriteChunkAsync(shape, 0, pipe.Reader, CancellationToken.None).AsTask();
        RestAnswer refused = await bob.TakeAsync(Noise(300_000, 1));
        refused.AssertError(503, "service_busy");
        Assert.Equal("1", refused.Headers["Retry-After"]);
        using Socket small = BeginTaking(server, bob, 1024);
        Assert.Equal(("503", "service_busy"), await StatusAsync(small, "service_busy"));
        await pipe.Writer.WriteAsync(Noise(1024), TestContext.Current.CancellationToken);
        await pipe.Writer.CompleteAsync();
        Assert.Equal(ChunkResult.Stored, (await slow).Result);
        (await bob.TakeAsync(Noise(300_000, 1))).AssertOk();
    }

    [Fact]
    public async Task Requests_are_counted_as_everywhere()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rates = new RateLimits { RestUser = RateLimit.PerMinute(5), RestAnonymous = RateLimit.PerMinute(2) } });
        RestUser alice = await server.SignInAsync("alice");
        string hash = await alice.StoreAsync(Noise(10));
        for (int i = 0; i < 2; i++) Assert.Equal(200, (await alice.ReadAsync(hash)).Status);
        for (int i = 0; i < 2; i++) (await alice.GetAsync(Root)).AssertOk();
        (await alice.ReadAsync(hash)).AssertError(429, "rate_limited");
        (await alice.TakeAsync(Noise(11))).AssertError(429, "rate_limited");
        for (int i = 0; i < 2; i++) (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}")).AssertError(401, "unauthorized");
        (await server.SendAsync(HttpMethod.Get, $"{Root}/{hash}")).AssertError(429, "rate_limited");
    }

    // A request whose body does not come.
    private static Socket Begin(RestServer server, RestUser user, string path)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, server.Address.Port);
        socket.Send(Encoding.ASCII.GetBytes(
            $"PUT {path} HTTP/1.1\r\nHost: {server.Address.Authority}\r\nAuthorization: Bearer {user.Token}\r\nContent-Type: application/octet-stream\r\nContent-Length: 1024\r\n\r\n"));
        return socket;
    }

    // In one piece: what there is of the body comes with the headers.
    private static Socket BeginTaking(RestServer server, RestUser user, int length, byte[]? body = null)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, server.Address.Port);
        string head = $"POST {Root} HTTP/1.1\r\nHost: {server.Address.Authority}\r\nAuthorization: Bearer {user.Token}\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n";
        socket.Send([.. Encoding.ASCII.GetBytes(head), .. body ?? []]);
        return socket;
    }

    /// <summary>An answer's status, and what it must say.</summary>
    private static async Task<(string Status, string? Said)> StatusAsync(Socket socket, string said)
    {
        StringBuilder text = new();
        byte[] piece = new byte[4096];
        while (!text.ToString().Contains(said, StringComparison.Ordinal))
        {
            int count = await socket.ReceiveAsync(piece, TestContext.Current.CancellationToken);
            if (count == 0) return (text.ToString(), null);
            text.Append(Encoding.ASCII.GetString(piece, 0, count));
        }

        return (text.ToString().Split(' ')[1], said);
    }

    private static StreamContent Streamed(byte[] bytes)
    {
        StreamContent content = new(new MemoryStream(bytes));
        content.Headers.ContentType = new("application/octet-stream");
        return content;
    }
}
