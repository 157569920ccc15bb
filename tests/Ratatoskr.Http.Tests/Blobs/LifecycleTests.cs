using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Tests.Support;
using static Ratatoskr.Http.Tests.Support.BlobSteps;

namespace Ratatoskr.Http.Tests.Blobs;

/// <summary>What becomes of blobs: collected, mended after a stop, compared with their index, and whole or absent when the disk is full.</summary>
public sealed class LifecycleTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Blob_that_nobody_has_claimed_goes_after_a_day()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string hash = await alice.StoreAsync(Noise(100)), kept = await alice.StoreAsync(Noise(101)), ofDocument = await alice.StoreAsync(Noise(102));
        await alice.ShareAsync("notes", ofDocument, "[]");
        await alice.ReleaseAsync(hash);
        await alice.ReleaseAsync(ofDocument);
        server.Clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromMilliseconds(1));
        Assert.Equal(0, await server.Blobs.Collector.CollectAsync(10, Cancel));
        server.Clock.Advance(TimeSpan.FromMilliseconds(1));
        Assert.Equal(1, await server.Blobs.Collector.CollectAsync(10, Cancel));
        Assert.Equal(0, await server.Blobs.Collector.CollectAsync(10, Cancel));
        Assert.Equal(new[] { kept, ofDocument }.Order(), await StoredAsync(server));
        Assert.Null(await server.Accounts.Blobs.FindAsync(Parse(hash), Cancel));

        alice = await server.SignInAsync("alice");
        Assert.Equal(204, (await alice.DeleteAsync(DocumentRoot + "/notes")).Status);       // the document's claim was the last
        server.Clock.Advance(TimeSpan.FromHours(24));
        Assert.Equal(1, await server.Blobs.Collector.CollectAsync(10, Cancel));
        Assert.Equal([kept], await StoredAsync(server));
    }

    [Fact]
    public async Task Blob_that_is_claimed_while_it_is_collected_is_there_or_was_not_claimed()
    {
        FailingStore store = null!;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Rule = BlobRule.Capability, Store = inner => store = new FailingStore(inner) });
        RestUser alice = await server.SignInAsync("alice");
        string first = await alice.StoreAsync(Noise(1000, 1)), second = await alice.StoreAsync(Noise(1000, 2)), third = await alice.StoreAsync(Noise(1000, 3));
        foreach (string hash in new[] { first, second, third })
        {
            await alice.ReleaseAsync(hash);
            server.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        server.Clock.Advance(TimeSpan.FromHours(24));
        RestUser bob = await server.SignInAsync("bob");
        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        store.BeforeDeletion = go.Task;
        Task<int> collecting = server.Blobs.Collector.CollectAsync(10, Cancel).AsTask();
        await store.Deleting.Task.WaitAsync(Cancel);                        // the index has forgotten the first one; the others are on the collector's list
        Task<RestAnswer> tooLate = bob.ClaimAsync(first);
        (await bob.ClaimAsync(second)).AssertOk();
        go.SetResult();
        Assert.Equal(3, await collecting);
        (await tooLate).AssertError(404, "not_found");
        RestAnswer[] read = await Task.WhenAll(bob.ReadAsync(first), bob.ReadAsync(second), bob.ReadAsync(third));
        Assert.Equal([404, 200, 404], read.Select(answer => answer.Status));
        Assert.Equal([second], await StoredAsync(server));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Blob_that_comes_again_while_its_bytes_are_deleted_is_there(bool inChunks)
    {
        FailingStore store = null!;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Store = inner => store = new FailingStore(inner) });
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(1000);
        string hash = await alice.StoreAsync(bytes);
        await alice.ReleaseAsync(hash);
        server.Clock.Advance(TimeSpan.FromHours(24));
        alice = await server.SignInAsync("alice");
        string upload = await alice.BeginAsync(bytes.Length);
        await alice.ChunksAsync(upload, bytes, 1024);

        TaskCompletionSource go = new(TaskCreationOptions.RunContinuationsAsynchronously);
        store.BeforeDeletion = go.Task;
        Task collecting = server.Blobs.Collector.CollectAsync(10, Cancel).AsTask();
        await store.Deleting.Task.WaitAsync(Cancel);                        // the index has forgotten it, its bytes are there still
        Task<RestAnswer> coming = inChunks ? alice.CompleteAsync(upload) : alice.TakeAsync(bytes);
        await alice.StoreAsync(Noise(7));                                   // others do not wait
        Assert.False(coming.IsCompleted);
        go.SetResult();
        await collecting;
        (await coming).AssertOk();
        Assert.Equal(bytes, (await alice.ReadAsync(hash)).Bytes);
    }

    [Fact]
    public async Task Check_deletes_what_nobody_knows_and_names_what_is_missing()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string missing = await alice.StoreAsync(Noise(100)), cut = await alice.StoreAsync(Noise(200)), whole = await alice.StoreAsync(Noise(300));
        string orphan = await PutOrphanAsync(server, Noise(400));
        server.Clock.Advance(TimeSpan.FromMinutes(30));
        string young = await PutOrphanAsync(server, Noise(500));
        Assert.True(await server.Store.DeleteAsync(Parse(missing), Cancel));
        File.WriteAllBytes(PathOf(server, cut), Noise(199));

        BlobCheck early = await server.Blobs.Collector.CheckAsync(Cancel);
        Assert.Equal(new BlobCheck(3, 2, 0), early);
        server.Clock.Advance(TimeSpan.FromMinutes(31));
        Assert.Equal(new BlobCheck(3, 2, 1), await server.Blobs.Collector.CheckAsync(Cancel));
        Assert.Equal(new[] { cut, whole, young }.Order(), await StoredAsync(server));
        Assert.Contains(missing, server.BlobLog.Text, StringComparison.Ordinal);
        Assert.Contains(cut, server.BlobLog.Text, StringComparison.Ordinal);
        Assert.Contains(orphan, server.BlobLog.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(whole, server.BlobLog.Text, StringComparison.Ordinal);
        alice = await server.SignInAsync("alice");
        (await alice.ReadAsync(missing)).AssertError(404, "not_found");

        // Bringing the bytes again mends it.
        Assert.True((await alice.TakeAsync(Noise(100))).AssertOk().GetProperty("deduplicated").GetBoolean());
        (await alice.TakeAsync(Noise(200))).AssertOk();
        Assert.Equal(Noise(100), (await alice.ReadAsync(missing)).Bytes);
        Assert.Equal(Noise(200), (await alice.ReadAsync(cut)).Bytes);
        server.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(new BlobCheck(3, 0, 1), await server.Blobs.Collector.CheckAsync(Cancel));
    }

    [Fact]
    public async Task Check_goes_on_after_what_it_cannot_read_or_delete()
    {
        FailingStore store = null!;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Store = inner => store = new FailingStore(inner) });
        RestUser alice = await server.SignInAsync("alice");
        string[] blobs = [.. (await Task.WhenAll(Enumerable.Range(0, 6).Select(i => alice.StoreAsync(Noise(100, i))))).Order(StringComparer.Ordinal)];
        string[] orphans = [await PutOrphanAsync(server, Noise(100, 10)), await PutOrphanAsync(server, Noise(100, 11))];
        server.Clock.Advance(TimeSpan.FromHours(2));
        await server.Store.DeleteAsync(Parse(blobs[5]), Cancel);
        foreach (string damaged in new[] { blobs[0], blobs[1], orphans[0] }) store.Damaged.Add(Parse(damaged));
        Assert.Equal(new BlobCheck(6, 3, 1), await server.Blobs.Collector.CheckAsync(Cancel));
        foreach (string named in new[] { blobs[0], blobs[1], blobs[5], orphans[0], orphans[1] }) Assert.Contains(named, server.BlobLog.Text, StringComparison.Ordinal);
        Assert.DoesNotContain(blobs[2], server.BlobLog.Text, StringComparison.Ordinal);

        // So many in a row: the store is away.
        store.FailsToOpen = true;
        await Assert.ThrowsAsync<FullDisk>(() => server.Blobs.Collector.CheckAsync(Cancel).AsTask());
    }

    [Fact]
    public async Task Blob_whose_bytes_were_cut_is_not_served()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        string hash = await alice.StoreAsync(Noise(200));
        string link = new Uri((await alice.SendAsync(HttpMethod.Post, $"{Root}/{hash}/links")).AssertOk().GetProperty("url").GetString()!).PathAndQuery;
        File.WriteAllBytes(PathOf(server, hash), Noise(199));
        (await alice.ReadAsync(hash)).AssertError(404, "not_found");
        (await server.SendAsync(HttpMethod.Get, link)).AssertError(404, "not_found");
        Assert.Equal(404, (await alice.SendAsync(HttpMethod.Head, $"{Root}/{hash}")).Status);
        Assert.Contains(hash, server.BlobLog.Text, StringComparison.Ordinal);
        Assert.Contains("199", server.BlobLog.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_there_is_no_room_for_does_not_come_near_the_store()
    {
        FailingStore store = null!;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions
        {
            Quotas = new(10, 1, 1, 1000, 800),
            Store = inner => store = new FailingStore(inner),
        });
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        await bob.StoreAsync(Noise(500));
        await bob.StoreAsync(Noise(400, 1));
        await alice.StoreAsync(Noise(600, 2));
        Assert.Equal(3, store.Puts);
        (await alice.TakeAsync(Noise(500))).AssertError(402, "quota_exceeded");         // which somebody has
        (await alice.TakeAsync(Noise(500, 3))).AssertError(402, "quota_exceeded");      // which nobody has
        (await alice.TakeAsync(Noise(801))).AssertError(400, "blob_too_large");
        Assert.Equal(3, store.Puts);
        Assert.Empty(Staged(server));
        Assert.True((await alice.TakeAsync(Noise(600, 2))).AssertOk().GetProperty("deduplicated").GetBoolean());
    }

    /// <summary>The steps of a completion that were done when the server stopped.</summary>
    public static TheoryData<string> Steps => ["chunks", "sealed", "put", "put, sealed", "indexed", "indexed, link lost", "discarded"];

    [Theory]
    [MemberData(nameof(Steps))]
    public async Task Upload_goes_on_wherever_the_server_stopped(string step)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(2500);
        string upload = await alice.BeginAsync(bytes.Length), other = await alice.BeginAsync(10);
        await alice.ChunksAsync(upload, bytes, 1024);
        BlobUpload record = (await server.Accounts.Blobs.FindUploadAsync(Guid.Parse(upload), Cancel))!;
        bool isCompleted = step.StartsWith("indexed", StringComparison.Ordinal) || step == "discarded";
        if (step != "chunks")
        {
            StagedBlob staged = (await server.Stage.SealAsync(record.Shape, Cancel))!;
            if (step != "sealed") await server.Store.PutAsync(staged, Cancel);
            if (isCompleted) await server.Accounts.Blobs.CompleteUploadAsync(record.Id, staged.Hash, server.Clock.GetUtcNow(), Cancel);
            if (step == "indexed, link lost") await server.Store.DeleteAsync(staged.Hash, Cancel);
            if (step == "discarded") await server.Stage.DiscardAsync(record.Id, Cancel);
        }

        await server.RestartAsync();
        Assert.Equal(isCompleted ? [HashOf(bytes)] : [], await StoredAsync(server));
        Assert.Equal(isCompleted ? 200 : 404, (await alice.ReadAsync(HashOf(bytes))).Status);
        Assert.Equal(3, (await alice.GetAsync($"{Root}/upload/{upload}")).AssertOk().GetProperty("chunksReceived").GetInt32());
        for (int i = 0; i < 2; i++) Assert.Equal(HashOf(bytes), (await alice.CompleteAsync(upload)).AssertOk().GetProperty("hash").GetString());
        Assert.Equal(bytes, (await alice.ReadAsync(HashOf(bytes))).Bytes);
        Assert.Equal(2510, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
        (await alice.ChunkAsync(other, 0, Noise(10))).AssertOk();
        (await alice.CompleteAsync(other)).AssertOk();
        Assert.Empty(Staged(server));
    }

    [Theory]
    [InlineData("taken")]
    [InlineData("put")]
    [InlineData("indexed")]
    public async Task Small_file_is_there_or_not_wherever_the_server_stopped(string step)
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(2500);
        StagedBlob staged = (await server.Stage.TakeAsync(bytes.Length, 10_000, Pipe(bytes), Cancel)).Blob!;
        if (step != "taken") await server.Store.PutAsync(staged, Cancel);
        if (step == "indexed") await server.Accounts.Blobs.AddAsync(alice.Id, staged.Hash, bytes.Length, "a/b", server.Clock.GetUtcNow(), Cancel);
        await server.RestartAsync();
        Assert.Equal(step == "indexed" ? [HashOf(bytes)] : [], await StoredAsync(server));
        Assert.Equal(step == "indexed" ? 200 : 404, (await alice.ReadAsync(HashOf(bytes))).Status);
        Assert.Empty(Staged(server));
    }

    [Fact]
    public async Task Bytes_that_others_have_claimed_stay_when_an_upload_of_the_same_was_cut_short()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice"), bob = await server.SignInAsync("bob");
        byte[] bytes = Noise(2500);
        string hash = await bob.StoreAsync(bytes), upload = await alice.BeginAsync(bytes.Length);
        await alice.ChunksAsync(upload, bytes, 1024);
        BlobUpload record = (await server.Accounts.Blobs.FindUploadAsync(Guid.Parse(upload), Cancel))!;
        await server.Store.PutAsync((await server.Stage.SealAsync(record.Shape, Cancel))!, Cancel);
        await server.RestartAsync();
        Assert.Equal(bytes, (await bob.ReadAsync(hash)).Bytes);
        (await alice.ReadAsync(hash)).AssertError(404, "not_found");
        Assert.Equal(204, (await alice.DeleteAsync($"{Root}/upload/{upload}")).Status);
        Assert.Equal(bytes, (await bob.ReadAsync(hash)).Bytes);
        Assert.Empty(Staged(server));
    }

    [Fact]
    public async Task Full_disk_refuses_and_what_is_sent_again_is_taken()
    {
        FailingStage stage = null!;
        FailingStore store = null!;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Stage = inner => stage = new FailingStage(inner), Store = inner => store = new FailingStore(inner) });
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(2500), small = Noise(100, 1);
        string upload = await alice.BeginAsync(bytes.Length);
        stage.IsFull = true;
        RestAnswer refused = await alice.ChunkAsync(upload, 0, bytes[..1024]);
        refused.AssertError(503, "storage_unavailable");
        Assert.Equal("5", refused.Headers["Retry-After"]);
        (await alice.TakeAsync(small)).AssertError(503, "storage_unavailable");
        stage.IsFull = false;
        await alice.ChunksAsync(upload, bytes, 1024);
        stage.IsFull = true;
        (await alice.CompleteAsync(upload)).AssertError(503, "storage_unavailable");
        stage.IsFull = false;
        foreach (bool before in new[] { true, false })
        {
            (store.FailsBeforePut, store.FailsAfterPut) = (before, !before);
            (await alice.CompleteAsync(upload)).AssertError(503, "storage_unavailable");
            (await alice.TakeAsync(small)).AssertError(503, "storage_unavailable");
            (await alice.ReadAsync(HashOf(bytes))).AssertError(404, "not_found");
            (await alice.ReadAsync(HashOf(small))).AssertError(404, "not_found");
            Assert.Equal(0, (await alice.GetAsync(Root)).AssertOk().GetProperty("total").GetInt32());
            Assert.DoesNotContain(HashOf(small), await StoredAsync(server));
        }

        (store.FailsBeforePut, store.FailsAfterPut) = (false, false);
        Assert.False((await alice.CompleteAsync(upload)).AssertOk().GetProperty("deduplicated").GetBoolean());
        Assert.False((await alice.TakeAsync(small)).AssertOk().GetProperty("deduplicated").GetBoolean());
        Assert.Equal(bytes, (await alice.ReadAsync(HashOf(bytes))).Bytes);
        Assert.Equal(small, (await alice.ReadAsync(HashOf(small))).Bytes);
        Assert.Empty(Staged(server));
        store.FailsToOpen = true;
        (await alice.ReadAsync(HashOf(bytes))).AssertError(503, "storage_unavailable");
    }

    [Fact]
    public async Task Connection_goes_on_after_a_body_that_was_not_taken()
    {
        FailingStage stage = null!;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Stage = inner => stage = new FailingStage(inner) });
        RestUser alice = await server.SignInAsync("alice");
        string upload = await alice.BeginAsync(1024), host = $"Host: {server.Address.Authority}\r\n", authorization = $"Authorization: Bearer {alice.Token}\r\n";
        stage.IsFull = true;
        using TcpClient client = new();
        await client.ConnectAsync(IPAddress.Loopback, server.Address.Port, Cancel);
        NetworkStream stream = client.GetStream();
        await stream.WriteAsync(
            Encoding.ASCII.GetBytes($"PUT {Root}/upload/{upload}/chunk/0 HTTP/1.1\r\n{host}{authorization}Content-Type: application/octet-stream\r\nContent-Length: 1024\r\n\r\n{new string('x', 1024)}"), Cancel);
        Assert.StartsWith("HTTP/1.1 503", await AnswerAsync("storage_unavailable"), StringComparison.Ordinal);
        await stream.WriteAsync(Encoding.ASCII.GetBytes($"GET {Root}/upload/{upload} HTTP/1.1\r\n{host}{authorization}\r\n"), Cancel);
        Assert.Contains("HTTP/1.1 200", await AnswerAsync("chunksReceived"), StringComparison.Ordinal);

        async Task<string> AnswerAsync(string until)
        {
            StringBuilder text = new();
            byte[] piece = new byte[4096];
            while (!text.ToString().Contains(until, StringComparison.Ordinal))
            {
                int count = await stream.ReadAsync(piece, Cancel);
                Assert.True(count > 0, $"the connection has ended after: {text}");
                text.Append(Encoding.ASCII.GetString(piece, 0, count));
            }

            return text.ToString();
        }
    }

    [Fact]
    public async Task What_could_not_be_discarded_is_gone_after_a_restart()
    {
        FailingStage? stage = null;
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { Stage = inner => stage = new FailingStage(inner) });
        RestUser alice = await server.SignInAsync("alice");
        string upload = await alice.BeginAsync(3000);
        await alice.ChunksAsync(upload, Noise(2048), 1024);
        stage!.IsFull = true;
        Assert.Equal(204, (await alice.DeleteAsync($"{Root}/upload/{upload}")).Status);
        stage.IsFull = false;
        Assert.NotEmpty(Staged(server));
        await server.RestartAsync();
        Assert.Empty(Staged(server));
        Assert.Equal(0, (await alice.GetAsync(Root)).AssertOk().GetProperty("quotaUsed").GetInt32());
    }

    [Fact]
    public async Task Reader_that_takes_nothing_is_cut_off()
    {
        await using RestServer server = await RestServer.StartAsync(new RestServerOptions { StallMax = TimeSpan.FromMilliseconds(500) });
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(9 << 20);                       // more than the kernel keeps for a socket
        string hash = await alice.StoreAsync(bytes);
        using Socket reader = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await reader.ConnectAsync(IPAddress.Loopback, server.Address.Port, Cancel);
        await reader.SendAsync(Encoding.ASCII.GetBytes($"GET {Root}/{hash} HTTP/1.1\r\nHost: {server.Address.Authority}\r\nAuthorization: Bearer {alice.Token}\r\n\r\n"), Cancel);
        await UntilAsync(() => server.Room.Stalled == 1);
        await UntilAsync(() => server.Room.Bytes == 0);
        Assert.Equal(bytes[..10], (await alice.ReadAsync(hash, ("Range", "bytes=0-9"))).Bytes);
    }

    [Fact]
    public async Task Client_that_goes_away_in_mid_chunk_leaves_no_chunk()
    {
        await using RestServer server = await RestServer.StartAsync();
        RestUser alice = await server.SignInAsync("alice");
        byte[] bytes = Noise(2000);
        string upload = await alice.BeginAsync(bytes.Length, chunkSize: 2000);
        using (Socket sender = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            await sender.ConnectAsync(IPAddress.Loopback, server.Address.Port, Cancel);
            await sender.SendAsync(
                Encoding.ASCII.GetBytes(
                    $"PUT {Root}/upload/{upload}/chunk/0 HTTP/1.1\r\nHost: {server.Address.Authority}\r\nAuthorization: Bearer {alice.Token}\r\nContent-Type: application/octet-stream\r\nContent-Length: 2000\r\n\r\n"),
                Cancel);
            await sender.SendAsync(bytes.AsMemory(0, 1000), Cancel);
        }

        Assert.Equal(0, (await alice.GetAsync($"{Root}/upload/{upload}")).AssertOk().GetProperty("chunksReceived").GetInt32());
        (await alice.CompleteAsync(upload)).AssertError(400, "incomplete_upload");
        (await alice.ChunkAsync(upload, 0, bytes)).AssertOk();
        (await alice.CompleteAsync(upload)).AssertOk();
    }

    private static async Task<string> PutOrphanAsync(RestServer server, byte[] bytes)
    {
        StagedBlob staged = (await server.Stage.TakeAsync(bytes.Length, bytes.Length, Pipe(bytes), Cancel)).Blob!;
        await server.Store.PutAsync(staged, Cancel);
        await server.Stage.DiscardAsync(staged.Id, Cancel);
        return staged.Hash.ToString();
    }

    private static PipeReader Pipe(byte[] bytes) => PipeReader.Create(new MemoryStream(bytes));

    private static BlobHash Parse(string hash) => BlobHash.TryParse(hash, out BlobHash parsed) ? parsed : throw new ArgumentException(hash, nameof(hash));

    private static string PathOf(RestServer server, string hash) => Path.Combine(server.Folder, "blobs", hash[..2], hash[2..4], hash);

    private static async Task<IEnumerable<string>> StoredAsync(RestServer server)
    {
        List<string> hashes = [];
        await foreach (StoredBlob blob in server.Store.ListAsync(Cancel)) hashes.Add(blob.Hash.ToString());
        return hashes.Order();
    }

    private static string[] Staged(RestServer server) => Directory.Exists(Path.Combine(server.Folder, "blobs", "stage")) ? Directory.GetFiles(Path.Combine(server.Folder, "blobs", "stage")) : [];

    private static async Task UntilAsync(Func<bool> condition)
    {
        for (int i = 0; i < 6_000 && !condition(); i++) await Task.Delay(5, Cancel);
        Assert.True(condition());
    }
}
