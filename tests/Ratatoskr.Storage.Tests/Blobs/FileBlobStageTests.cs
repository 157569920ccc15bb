using System.IO.Pipelines;
using Ratatoskr.Engine.Storage;
using SharedTests.Clocks;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

public sealed class FileBlobStageTests : IDisposable
{
    private const int ChunkSize = 4_096;

    private readonly BlobFolder _folder = new();
    private readonly byte[] _content = Content((9 * ChunkSize) + 77, 1);
    private readonly UploadShape _upload = new(Guid.NewGuid(), (9 * ChunkSize) + 77, ChunkSize);

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Chunks_in_any_order_make_the_whole()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            UploadShape upload = _upload with { Id = Guid.NewGuid() };
            int[] order = [.. Enumerable.Range(0, upload.ChunkCount)];
            new Random(seed).Shuffle(order);
            int count = 0;
            foreach (int index in order)
            {
                Assert.Null(await _folder.Stage.SealAsync(upload, CancellationToken.None));
                Assert.Equal(new ChunkOutcome(ChunkResult.Stored, ++count), await WriteAsync(upload, index));
            }

            await AssertWholeAsync(upload);
        }
    }

    [Fact]
    public async Task Chunks_in_parallel_make_the_whole()
    {
        for (int round = 0; round < 20; round++)
        {
            UploadShape upload = _upload with { Id = Guid.NewGuid() };
            // Each three times at once: they wait for each other.
            await Task.WhenAll(Enumerable.Range(0, 3 * upload.ChunkCount).Select(i => Task.Run(() => WriteAsync(upload, i % upload.ChunkCount))));
            await AssertWholeAsync(upload);
        }
    }

    [Fact]
    public async Task Chunk_that_was_there_is_replaced_and_the_hash_with_it()
    {
        await WriteAllAsync();
        await _folder.Stage.SealAsync(_upload, CancellationToken.None);
        foreach (int index in new[] { 0, 9, 4 })
        {
            _content[(index * ChunkSize) + 60] ^= 1;
            Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 10), await WriteAsync(_upload, index));
            await AssertWholeAsync(_upload);
        }
    }

    [Fact]
    public async Task Chunk_that_is_there_is_not_written_again()
    {
        await WriteAllAsync();
        StagedBlob? blob = await _folder.Stage.SealAsync(_upload, CancellationToken.None);
        Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 10), await WriteAsync(_upload, 3));
        Assert.True(File.Exists(blob!.Path));                     // sealed it is, still
        Assert.Equal(blob, await _folder.Stage.SealAsync(_upload, CancellationToken.None));
    }

    [Theory]
    [InlineData(3, 0)]
    [InlineData(3, 1)]
    [InlineData(3, ChunkSize - 1)]
    [InlineData(3, ChunkSize + 1)]
    [InlineData(3, 3 * ChunkSize)]
    [InlineData(9, 76)]
    [InlineData(9, 78)]
    [InlineData(9, ChunkSize)]
    public async Task Chunk_of_another_size_is_none(int index, int length)
    {
        await WriteAsync(_upload, 0);
        foreach (bool piecewise in new[] { false, true })
        {
            ChunkOutcome outcome = await _folder.Stage.WriteChunkAsync(_upload, index, piecewise ? Trickle(Content(length, 2)) : Body(Content(length, 2)), CancellationToken.None);
            Assert.Equal(new ChunkOutcome(ChunkResult.WrongSize, 1), outcome);
            ChunksReceived received = await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None);
            Assert.Equal([true, .. new bool[9]], received.Chunks);
        }

        await WriteAllAsync();
        await AssertWholeAsync(_upload);
    }

    [Fact]
    public async Task Body_that_breaks_off_anywhere_leaves_no_chunk_and_a_retry_works()
    {
        foreach (int at in new[] { 0, 1, 999, 1_000, 1_001, 2_000, ChunkSize - 1, ChunkSize })
        {
            UploadShape upload = _upload with { Id = Guid.NewGuid() };
            await WriteAsync(upload, 0);
            await BreakOffAsync(upload, 1, _content.AsMemory(ChunkSize, at));
            Assert.Equal(1, (await _folder.Stage.ReceivedAsync(upload, CancellationToken.None)).Count);
            for (int index = 1; index < upload.ChunkCount; index++) await WriteAsync(upload, index);
            await AssertWholeAsync(upload);
        }
    }

    [Fact]
    public async Task Replacement_that_breaks_off_takes_the_chunk_with_it_unless_nothing_differed()
    {
        await WriteAllAsync();
        await BreakOffAsync(_upload, 4, _content.AsMemory(4 * ChunkSize, 2_500));
        Assert.Equal(10, (await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Count);
        await BreakOffAsync(_upload, 4, Content(2_500, 3));
        Assert.Equal(9, (await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Count);
        Assert.Null(await _folder.Stage.SealAsync(_upload, CancellationToken.None));
        await WriteAsync(_upload, 4);
        await AssertWholeAsync(_upload);
    }

    [Fact]
    public async Task Restart_between_any_two_steps_loses_nothing()
    {
        for (int index = 0; index < _upload.ChunkCount; index++)
        {
            await WriteAsync(_upload, index);
            Assert.Empty(await _folder.RestartAsync(_upload.Id));
            ChunksReceived received = await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None);
            Assert.Equal(Enumerable.Range(0, 10).Select(i => i <= index), received.Chunks);
        }

        StagedBlob blob = await AssertWholeAsync(_upload);
        Assert.Equal(blob, Assert.Single(await _folder.RestartAsync(_upload.Id)));
        Assert.Equal(10, (await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Count);
        Assert.Equal(blob, await _folder.Stage.SealAsync(_upload, CancellationToken.None));
        Assert.Equal(blob, Assert.Single(await _folder.RestartAsync()));    // nobody knows the upload, but it may be in the store
        _content[0] ^= 1;
        await WriteAsync(_upload, 0);
        Assert.Empty(await _folder.RestartAsync(_upload.Id));
        await AssertWholeAsync(_upload);
        await _folder.Stage.DiscardAsync(_upload.Id, CancellationToken.None);
        Assert.Empty(Directory.EnumerateFiles(_folder.StageFolder));
    }

    [Fact]
    public async Task Chunk_that_a_crash_has_changed_counts_no_more()
    {
        await WriteAllAsync();
        string part = Path.Combine(_folder.StageFolder, $"{_upload.Id:N}.part"), map = Path.ChangeExtension(part, ".map");
        await _folder.RestartAsync(_upload.Id);
        byte[] bytes = await File.ReadAllBytesAsync(part), entries = await File.ReadAllBytesAsync(map);
        bytes[(2 * ChunkSize) + 5] ^= 4;                          // a bit
        bytes.AsSpan(5 * ChunkSize, 512).Clear();                 // a sector that was never written
        entries.AsSpan(40 + (7 * 16), 16).Clear();                // a sum that was never written
        entries[40 + (8 * 16) + 9] ^= 1;                          // a torn one
        await File.WriteAllBytesAsync(part, bytes[..^1]);         // and the end is missing
        await File.WriteAllBytesAsync(map, entries);
        await _folder.RestartAsync(_upload.Id);
        ChunksReceived received = await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None);
        Assert.Equal([true, true, false, true, true, false, true, false, false, false], received.Chunks);
        Assert.Equal(5, received.Count);
        foreach (int index in new[] { 2, 5, 7, 8, 9 }) await WriteAsync(_upload, index);
        await AssertWholeAsync(_upload);
    }

    [Fact]
    public async Task Map_that_is_not_this_uploads_means_that_nothing_is_there()
    {
        await WriteAllAsync();
        string map = Path.Combine(_folder.StageFolder, $"{_upload.Id:N}.map");
        byte[] entries = await File.ReadAllBytesAsync(map);
        entries[4]++;                                             // the version
        await File.WriteAllBytesAsync(map, entries);
        await _folder.RestartAsync(_upload.Id);
        Assert.Equal(0, (await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Count);
        await WriteAllAsync();
        await AssertWholeAsync(_upload);
    }

    [Fact]
    public async Task Start_leaves_what_is_known_and_what_is_whole()
    {
        UploadShape unknown = _upload with { Id = Guid.NewGuid() };
        await WriteAsync(_upload, 0);
        await WriteAsync(unknown, 0);
        StagedBlob? taken = (await _folder.Stage.TakeAsync(5, 5, Body("whole"u8.ToArray()), CancellationToken.None)).Blob;
        await File.WriteAllTextAsync(Path.Combine(_folder.StageFolder, $"{Guid.NewGuid():N}.take"), "half");
        await File.WriteAllTextAsync(Path.Combine(_folder.StageFolder, "not ours"), "");
        Assert.Equal(taken, Assert.Single(await _folder.RestartAsync(_upload.Id)));
        Assert.Equal(
            [$"{_upload.Id:N}.map", $"{_upload.Id:N}.part", Path.GetFileName(taken!.Path), "not ours"],
            Directory.EnumerateFiles(_folder.StageFolder).Select(Path.GetFileName).OrderBy(name => name!.EndsWith("ours", StringComparison.Ordinal)).ThenBy(name => name!.Contains("sealed", StringComparison.Ordinal)).ThenBy(name => name));
        await _folder.Stage.DiscardAsync(taken.Id, CancellationToken.None);
        Assert.False(File.Exists(taken.Path));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(PieceBytes - 1)]
    [InlineData(PieceBytes)]
    [InlineData(PieceBytes + 1)]
    [InlineData(10 * PieceBytes)]
    [InlineData((10 * PieceBytes) + 1)]
    public async Task Small_blob_is_taken_in_one_go(int length)
    {
        byte[] content = Content(length, length);
        foreach (long? said in new long?[] { length, null })
        {
            foreach (PipeReader body in new[] { Body(content), Trickle(content) })
            {
                StagedBlob? taken = (await _folder.Stage.TakeAsync(said, length, body, CancellationToken.None)).Blob;
                Assert.Equal((HashOf(content), (long)length), (taken!.Hash, taken.Length));
                Assert.Equal(content, await File.ReadAllBytesAsync(taken.Path));
                await _folder.Stage.DiscardAsync(taken.Id, CancellationToken.None);
            }
        }

        Assert.Equal(new TakeOutcome(TakeResult.WrongSize, null), await _folder.Stage.TakeAsync(length, length - 1, Body(content), CancellationToken.None));
        Assert.Equal(new TakeOutcome(TakeResult.WrongSize, null), await _folder.Stage.TakeAsync(null, length - 1, Body(content), CancellationToken.None));
        Assert.Equal(new TakeOutcome(TakeResult.WrongSize, null), await _folder.Stage.TakeAsync(length + 1, 100_000, Body(content), CancellationToken.None));
        Assert.Equal(new TakeOutcome(TakeResult.WrongSize, null), await _folder.Stage.TakeAsync(length - 1, 100_000, Body(content), CancellationToken.None));
        Assert.Equal(new TakeOutcome(TakeResult.WrongSize, null), await _folder.Stage.TakeAsync(null, 100_000, Body(default), CancellationToken.None));
        Assert.Empty(Directory.EnumerateFiles(_folder.StageFolder));
    }

    [Fact]
    public async Task Discarding_meets_a_chunk_on_its_way()
    {
        await WriteAsync(_upload, 0);
        Pipe pipe = new();
        Task<ChunkOutcome> writing = _folder.Stage.WriteChunkAsync(_upload, 1, pipe.Reader, CancellationToken.None).AsTask();
        await pipe.Writer.WriteAsync(_content.AsMemory(ChunkSize, 2_000));
        await _folder.Stage.DiscardAsync(_upload.Id, CancellationToken.None);
        await pipe.Writer.WriteAsync(_content.AsMemory(ChunkSize + 2_000, ChunkSize - 2_000));
        await pipe.Writer.CompleteAsync();
        Assert.Equal(ChunkResult.Gone, (await writing).Result);
        Assert.Equal(ChunkResult.Gone, (await WriteAsync(_upload, 0)).Result);
        Assert.Null(await _folder.Stage.SealAsync(_upload, CancellationToken.None));
        Assert.Equal(0, (await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Count);
        await _folder.Stage.DiscardAsync(_upload.Id, CancellationToken.None);
        Assert.Empty(Directory.EnumerateFiles(_folder.StageFolder));
    }

    [Fact]
    public async Task Seal_while_a_chunk_is_on_its_way_is_refused_at_once()
    {
        for (int index = 1; index < _upload.ChunkCount; index++) await WriteAsync(_upload, index);
        Pipe pipe = new();
        Task<ChunkOutcome> writing = _folder.Stage.WriteChunkAsync(_upload, 0, pipe.Reader, CancellationToken.None).AsTask();
        await pipe.Writer.WriteAsync(_content.AsMemory(0, 2_000));
        Assert.Null(await _folder.Stage.SealAsync(_upload, CancellationToken.None));
        await pipe.Writer.WriteAsync(_content.AsMemory(2_000, ChunkSize - 2_000));
        await pipe.Writer.CompleteAsync();
        Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 10), await writing);
        StagedBlob?[] sealings = await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => _folder.Stage.SealAsync(_upload, CancellationToken.None).AsTask()));
        Assert.Single(sealings.Distinct());
        await AssertWholeAsync(_upload);
    }

    [Fact]
    public async Task More_chunks_than_may_be_at_once_are_refused_and_come_later()
    {
        using BlobFolder folder = new(with: options => options with { BodiesMax = 2, UploadsInMemoryMax = 1 });
        Pipe first = new(), second = new();
        UploadShape other = _upload with { Id = Guid.NewGuid() };
        Task<ChunkOutcome> one = folder.Stage.WriteChunkAsync(_upload, 0, first.Reader, CancellationToken.None).AsTask();
        Task<ChunkOutcome> two = folder.Stage.WriteChunkAsync(other, 1, second.Reader, CancellationToken.None).AsTask();
        Assert.Equal(ChunkResult.Busy, (await folder.Stage.WriteChunkAsync(_upload, 2, Body(_content.AsMemory(2 * ChunkSize, ChunkSize)), CancellationToken.None)).Result);
        foreach (Pipe pipe in new[] { first, second })
        {
            await pipe.Writer.WriteAsync(_content.AsMemory(0, ChunkSize));
            await pipe.Writer.CompleteAsync();
        }

        Assert.Equal([new(ChunkResult.Stored, 1), new(ChunkResult.Stored, 1)], await Task.WhenAll(one, two));
        // Only one of them stays in memory; the other is read again, not verified again.
        for (int round = 0; round < 3; round++)
        {
            Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 2 + round), await folder.Stage.WriteChunkAsync(_upload, 2 + round, Body(Content(ChunkSize, 1)), CancellationToken.None));
            Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 2 + round), await folder.Stage.WriteChunkAsync(other, 2 + round, Body(Content(ChunkSize, 1)), CancellationToken.None));
        }
    }

    [Fact]
    public async Task Slow_body_gives_its_place_to_the_next_when_there_is_no_other()
    {
        ManualTime time = new();
        using BlobFolder folder = new(with: options => options with { BodiesMax = 2, Time = time });
        UploadShape large = new(Guid.NewGuid(), 2 << 20, 1 << 20);
        Pipe slow = new(), fast = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        Task<ChunkOutcome> slowly = folder.Stage.WriteChunkAsync(_upload, 0, slow.Reader, CancellationToken.None).AsTask();
        Task<ChunkOutcome> quickly = folder.Stage.WriteChunkAsync(large, 0, fast.Reader, CancellationToken.None).AsTask();
        await fast.Writer.WriteAsync(new byte[900_000]);
        time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(ChunkResult.Busy, (await NextAsync()).Result);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 1), await NextAsync());
        Assert.Equal(ChunkResult.Busy, (await slowly).Result);
        Assert.Equal([false, true], (await folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Chunks.Take(2));
        await fast.Writer.WriteAsync(new byte[(1 << 20) - 900_000]);
        await fast.Writer.CompleteAsync();
        Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 1), await quickly);

        // So with blobs in one request.
        Task<TakeOutcome>[] takings = [await TakeAsync(), await TakeAsync()];
        time.Advance(TimeSpan.FromSeconds(11));
        Pipe third = new();
        Task<ChunkOutcome> other = folder.Stage.WriteChunkAsync(large, 1, third.Reader, CancellationToken.None).AsTask();
        Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 1), await NextAsync());
        foreach (Task<TakeOutcome> taking in takings) Assert.Equal(new TakeOutcome(TakeResult.Busy, null), await taking);
        await third.Writer.CompleteAsync();
        Assert.Equal(ChunkResult.WrongSize, (await other).Result);
        Assert.DoesNotContain(Directory.EnumerateFiles(folder.StageFolder), name => name.EndsWith(".take", StringComparison.Ordinal));

        async Task<Task<TakeOutcome>> TakeAsync()
        {
            Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
            Task<TakeOutcome> taking = folder.Stage.TakeAsync(null, 1 << 20, pipe.Reader, CancellationToken.None).AsTask();
            await pipe.Writer.WriteAsync(new byte[PieceBytes + 1]);
            return taking;
        }

        Task<ChunkOutcome> NextAsync() => folder.Stage.WriteChunkAsync(_upload, 1, Body(_content.AsMemory(ChunkSize, ChunkSize)), CancellationToken.None).AsTask();
    }

    [Fact]
    public async Task Index_and_shape_are_looked_at()
    {
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => WriteAsync(_upload, -1));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => WriteAsync(_upload, 10));
        await Assert.ThrowsAsync<ArgumentException>(() => WriteAsync(_upload with { ChunkSize = 3 }, 0));
        await WriteAsync(_upload, 0);
        await Assert.ThrowsAsync<ArgumentException>(() => WriteAsync(_upload with { Size = 5 }, 0));
    }

    /// <summary>Comes in pieces of odd sizes, each when it is asked for.</summary>
    private static PipeReader Trickle(byte[] content)
    {
        Pipe pipe = new();
        _ = FillAsync();
        return pipe.Reader;

        async Task FillAsync()
        {
            for (int at = 0, size = 1; at < content.Length; at += size, size = (size * 3 % 701) + 1)
            {
                size = Math.Min(size, content.Length - at);
                await pipe.Writer.WriteAsync(content.AsMemory(at, size));
                await Task.Yield();
            }

            await pipe.Writer.CompleteAsync();
        }
    }

    /// <summary>The client goes when so much of its chunk has been read.</summary>
    private async Task BreakOffAsync(UploadShape upload, int index, ReadOnlyMemory<byte> part)
    {
        Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        Task<ChunkOutcome> writing = _folder.Stage.WriteChunkAsync(upload, index, pipe.Reader, CancellationToken.None).AsTask();
        await pipe.Writer.WriteAsync(part);
        await pipe.Writer.CompleteAsync(new IOException("the client has gone"));
        Assert.Equal("the client has gone", (await Assert.ThrowsAsync<IOException>(() => writing)).Message);
    }

    private async Task WriteAllAsync()
    {
        for (int index = 0; index < _upload.ChunkCount; index++) Assert.Equal(ChunkResult.Stored, (await WriteAsync(_upload, index)).Result);
    }

    private Task<ChunkOutcome> WriteAsync(UploadShape upload, int index)
    {
        int start = Math.Clamp(index * ChunkSize, 0, _content.Length);
        return _folder.Stage.WriteChunkAsync(upload, index, Body(_content.AsMemory(start, Math.Min(ChunkSize, _content.Length - start))), CancellationToken.None).AsTask();
    }

    private async Task<StagedBlob> AssertWholeAsync(UploadShape upload)
    {
        StagedBlob? blob = await _folder.Stage.SealAsync(upload, CancellationToken.None);
        Assert.Equal((upload.Id, HashOf(_content), (long)_content.Length), (blob!.Id, blob.Hash, blob.Length));
        Assert.Equal(_content, await File.ReadAllBytesAsync(blob.Path));
        return blob;
    }
}
