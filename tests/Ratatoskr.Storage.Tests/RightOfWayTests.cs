using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Files;
using Ratatoskr.Storage.Tests.Blobs;
using Ratatoskr.Storage.Tests.Contract;
using Ratatoskr.Storage.Tests.Faster;
using Ratatoskr.Storage.Tests.PowerCuts;
using SharedTests.Clocks;

namespace Ratatoskr.Storage.Tests;

public sealed class RightOfWayTests
{
    private readonly TaskCompletionSource _isAwaited = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly RightOfWay _way;

    public RightOfWayTests() => _way = new RightOfWay(TimeProvider.System, _ =>
    {
        _isAwaited.TrySetResult();
        Thread.Yield();
    });

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Blobs_take_turns_for_a_while_after_a_commit()
    {
        ManualTime time = new();
        RightOfWay way = new(time);
        Assert.False(way.IsClaimed);
        way.BeginCommit();
        way.EndCommit();
        Assert.True(way.IsClaimed);
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.True(way.IsClaimed);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(way.IsClaimed);
    }

    [Fact]
    public async Task A_piece_waits_for_the_commit_under_way_and_not_for_the_next()
    {
        _way.BeginCommit();
        Task piece = Piece();
        await _isAwaited.Task.WaitAsync(Cancel);
        Assert.False(piece.IsCompleted);
        _way.EndCommit();
        _way.BeginCommit();
        await piece.WaitAsync(Cancel);
        _way.EndCommit();
        await Piece().WaitAsync(Cancel);
    }

    [Theory]
    [InlineData(3, 6)]
    [InlineData(49, 98)]
    [InlineData(1000, 100)]
    public void After_a_large_piece_the_disk_is_left_for_twice_as_long(int tookMs, int restMs)
    {
        ManualTime time = new();
        List<TimeSpan> rests = [];
        RightOfWay way = new(time, rests.Add);
        using (RightOfWay.Turn unclaimed = way.Enter()) unclaimed.Rest();
        Assert.Empty(rests);
        way.BeginCommit();
        way.EndCommit();
        using RightOfWay.Turn turn = way.Enter();
        time.Advance(tookMs);
        turn.Rest();
        Assert.Equal([TimeSpan.FromMilliseconds(restMs)], rests);
    }

    [Theory]
    [InlineData(256 << 10, true)]
    [InlineData(10 << 10, false)]
    public void Only_large_pieces_are_rested_from(int bytes, bool rests)
    {
        int slept = 0;
        RightOfWay way = new(TimeProvider.System, _ => slept++);
        using BlobFolder folder = new(new PowerCutFiles(1), options => options with { Way = way });
        way.BeginCommit();
        way.EndCommit();
        using IStoreFile file = folder.Disk.Options.Files.Open("/data/piece", create: true);
        folder.Disk.Write(file, new byte[bytes], 0);
        Assert.Equal(rests ? 1 : 0, slept);
    }

    [Fact]
    public async Task Pieces_are_written_one_at_a_time()
    {
        int inside = 0, pieces = 0;
        _way.BeginCommit();
        _way.EndCommit();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (int i = 0; i < 200; i++)
            {
                using RightOfWay.Turn turn = _way.Enter();
                Assert.Equal(1, Interlocked.Increment(ref inside));
                pieces++;
                Thread.Yield();
                Interlocked.Decrement(ref inside);
            }
        }, Cancel)));
        Assert.Equal(800, pieces);
    }

    [Theory]
    [InlineData("chunk")]
    [InlineData("small blob")]
    [InlineData("large blob")]
    public async Task Blobs_are_not_written_during_a_commit(string what)
    {
        using BlobFolder folder = new(new PowerCutFiles(1), options => options with { Way = _way });
        UploadShape upload = new(Guid.NewGuid(), 4_000, 4_000);
        byte[] content = BlobFolder.Content(what == "small blob" ? 500 : 4_000, 1);
        _way.BeginCommit();
        Task<bool> written = what == "chunk" ? ChunkAsync() : TakeAsync();
        await _isAwaited.Task.WaitAsync(Cancel);
        Assert.False(written.IsCompleted);
        _way.EndCommit();
        Assert.True(await written.WaitAsync(Cancel));

        async Task<bool> ChunkAsync() => (await folder.Stage.WriteChunkAsync(upload, 0, BlobFolder.Body(content), Cancel)).Result == ChunkResult.Stored;

        async Task<bool> TakeAsync() => (await folder.Stage.TakeAsync(content.Length, content.Length, BlobFolder.Body(content), Cancel)).Result == TakeResult.Taken;
    }

    [Fact]
    public async Task Appends_claim_it()
    {
        using StoreFolder folder = new();
        await using FasterChunkStore store = await FasterChunkStore.OpenAsync(folder.Options with { Way = _way });
        Assert.False(_way.IsClaimed);
        await store.AppendAsync(TestDocuments.Id(1), 1);
        Assert.True(_way.IsClaimed);
        await Piece().WaitAsync(Cancel);                        // no commit is left open
    }

    private Task Piece() => Task.Run(() =>
    {
        using RightOfWay.Turn turn = _way.Enter();
    }, Cancel);
}
