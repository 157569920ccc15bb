using System.Collections.Concurrent;
using System.Globalization;
using Ratatoskr.Interop.Tests.Accounts;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Blobs;

/// <summary>
/// After SIGKILL at any moment of an upload the blob is whole or absent, the upload can be gone on with, and what its user is charged is what he has.
/// BLOB_KILLS=200 for so many kills at random moments, INTEROP_SEED for those of another run.
/// </summary>
public class BlobKillTests
{
    private const int KillsUsual = 3;
    private const int Uploaders = 4;
    private const int RunMsMax = 500; // a round's longest run before the kill
    private const int ChunkSize = 64 << 10;

    private static readonly int s_kills = int.TryParse(Environment.GetEnvironmentVariable("BLOB_KILLS"), CultureInfo.InvariantCulture, out int given) ? given : KillsUsual;

    /// <summary>Every step at once, and then the kill: of what waits, at leisure; of what is being done, so many milliseconds after it was asked for.</summary>
    [Fact]
    public async Task A_kill_at_each_step_of_an_upload_leaves_it_whole_or_absent()
    {
        await using TestServer server = await TestServer.StartWithAccountsAsync();
        using SignedInUser user = await SignedInUser.NewAsync(server, "uploader");
        int seed = 0;
        long charged = 0;
        foreach (int delayMs in (int[])[0, 5, 20])
        {
            UploadAttempt begun = New(ChunkSize), inChunk = New(ChunkSize), betweenChunks = New(ChunkSize), completing = New(ChunkSize), complete = New(ChunkSize), inBody = New(0), taken = New(0);
            using (BlobClient client = new(server, user.Token))
            {
                await complete.RunAsync(client, Random.Shared);
                await begun.InitAsync(client);
                await betweenChunks.InitAsync(client);
                await betweenChunks.PutAsync(client, 3);
                await betweenChunks.PutAsync(client, 1);
                await completing.InitAsync(client);
                for (int i = 0; i < completing.ChunkCount; i++) await completing.PutAsync(client, i);
                string id = await inChunk.InitAsync(client);
                await inChunk.PutAsync(client, 2);
                HalfSent chunk = new(inChunk.Chunk(0)), body = new(inBody.Bytes);
                Task[] underWay = [client.PutAsync(id, 0, chunk), client.TakeAsync(body), completing.CompleteAsync(client), taken.RunAsync(client, Random.Shared)];
                await Task.WhenAll(chunk.IsSent, body.IsSent);
                await Task.Delay(delayMs); // the moment of the kill is the input here
                await server.KillAsync();
                client.Dispose();
                foreach (Task request in underWay) await EndedAsync(request);
            }

            await server.StartAgainAsync();
            using BlobClient again = new(server, user.Token);
            foreach ((string step, UploadAttempt attempt) in new[]
            {
                ("begun", begun), ("in a chunk", inChunk), ("between chunks", betweenChunks), ("completing", completing), ("complete", complete), ("in a body", inBody), ("taken", taken),
            })
            {
                Assert.True(await attempt.ResumeAsync(again, givesUp: false, step), step);
                charged += attempt.Size;
            }

            Assert.Equal(charged, await again.UsedAsync());
        }

        await StopAndCheckAsync(server);

        UploadAttempt New(int chunkSize) => new(++seed, (4 * ChunkSize) - 17, chunkSize);
    }

    [Fact]
    public async Task Kills_at_random_moments_leave_uploads_whole_or_absent()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("INTEROP_SEED"), CultureInfo.InvariantCulture, out int given) ? given : Random.Shared.Next();
        TestContext.Current.TestOutputHelper!.WriteLine($"INTEROP_SEED={seed}");
        Random random = new(seed);
        await using TestServer server = await TestServer.StartWithAccountsAsync();
        List<(string Token, UploadAttempt[] Uploads)> claimed = [];
        int made = 0, whole = 0;
        for (int round = 0; round < s_kills; round++)
        {
            string when = $"seed {seed}, round {round}";
            using SignedInUser user = await SignedInUser.NewAsync(server, "uploader");
            ConcurrentBag<UploadAttempt> attempts = [];
            using (BlobClient client = new(server, user.Token))
            {
                Task[] uploading = [.. Enumerable.Range(0, Uploaders).Select(i => UploadAsync(client, new Random(seed + (round * Uploaders) + i), attempts))];
                await Task.Delay(random.Next(20, RunMsMax)); // the moment of the kill is the input here
                await server.KillAsync();
                client.Dispose();
                await Task.WhenAll(uploading);
            }

            made += attempts.Count;
            whole += attempts.Count(attempt => attempt.IsWhole);
            Assert.True(await server.CheckAsync() == 0, $"{when}: {server.Output}");
            await server.StartAgainAsync();
            claimed.Add((user.Token, await ResumeAllAsync(server, user.Token, attempts, random, when)));
        }

        foreach ((string token, UploadAttempt[] uploads) in claimed)
        {
            using BlobClient client = new(server, token);
            foreach (UploadAttempt upload in uploads) Assert.True(await upload.IsThereAsync(client, "at the end"), "a blob is gone at the end");
        }

        await StopAndCheckAsync(server);
        Assert.True(whole > 0, "no upload came to its end: nothing was tested");
        TestContext.Current.TestOutputHelper.WriteLine($"{s_kills} kills: {made} uploads begun, {whole} acknowledged, {made - whole} gone on with or given up");
    }

    /// <summary>Uploads without end.</summary>
    private static async Task UploadAsync(BlobClient client, Random random, ConcurrentBag<UploadAttempt> attempts)
    {
        while (true)
        {
            int chunkSize = random.Next(2) * ChunkSize;
            UploadAttempt attempt = new(random.Next(), random.Next(1, chunkSize == 0 ? 100_000 : 600_000), chunkSize);
            attempts.Add(attempt);
            Task upload = attempt.RunAsync(client, random);
            if (await EndedAsync(upload)) return;
        }
    }

    /// <returns>Those that are whole now.</returns>
    private static async Task<UploadAttempt[]> ResumeAllAsync(TestServer server, string token, IEnumerable<UploadAttempt> attempts, Random random, string when)
    {
        using BlobClient client = new(server, token);
        List<UploadAttempt> whole = [];
        long lost = 0;
        foreach (UploadAttempt attempt in attempts)
        {
            if (attempt.MayHaveLostId) lost += attempt.Size;
            if (await attempt.ResumeAsync(client, givesUp: random.Next(4) == 0, when)) whole.Add(attempt);
        }

        // What was reserved for an upload whose id nobody heard of stays reserved until it expires.
        long charged = whole.Sum(attempt => (long)attempt.Size);
        Assert.InRange(await client.UsedAsync(), charged, charged + lost);
        return [.. whole];
    }

    private static async Task StopAndCheckAsync(TestServer server)
    {
        Assert.Equal(0, await server.StopAsync());
        Assert.True(await server.CheckAsync() == 0, server.Output);
    }

    /// <returns>Whether the kill ended it.</returns>
    private static async Task<bool> EndedAsync(Task request)
    {
        try
        {
            await request;
            return false;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException or ObjectDisposedException)
        {
            return true;
        }
    }
}
