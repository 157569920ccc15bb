using System.IO.Pipelines;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Tests.PowerCuts;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>A disk that takes nothing more: a clear error, nothing half-visible, and a retry works.</summary>
public sealed class FullDiskTests : IDisposable
{
    private readonly PowerCutFiles _files = new(1);
    private readonly byte[] _content = Content(10_000, 1);
    private readonly UploadShape _upload = new(Guid.NewGuid(), 10_000, 4_000);
    private readonly BlobFolder _folder;

    public FullDiskTests()
    {
        _files.MakeDirectory("/data");
        _folder = new BlobFolder(_files, options => options with { ReserveBytes = 1_000_000 });
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Reserve_is_kept_also_against_chunks_that_come_together()
    {
        _files.Free = 1_004_000;
        Pipe first = new();
        Task<ChunkOutcome> writing = WriteAsync(0, first.Reader);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => WriteAsync(1));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => TakeAsync(1));
        await first.Writer.WriteAsync(_content.AsMemory(0, 4_000));
        await first.Writer.CompleteAsync();
        Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 1), await writing);
        Assert.Equal(new ChunkOutcome(ChunkResult.Stored, 2), await WriteAsync(1));
        await TakeAsync(4_000);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => TakeAsync(4_001));
    }

    [Theory]
    [InlineData(".part")]
    [InlineData(".map")]
    public async Task Chunk_that_finds_the_disk_full_half_way_is_not_there_and_comes_later(string where)
    {
        await WriteAsync(0);
        Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        Task<ChunkOutcome> writing = WriteAsync(1, pipe.Reader);
        await pipe.Writer.WriteAsync(_content.AsMemory(4_000, 2_000));
        (_files.FailsIn, _files.FailureRate) = (where, 1);
        Task rest = pipe.Writer.WriteAsync(_content.AsMemory(6_000, 2_000)).AsTask();
        await Task.WhenAny(rest, writing);
        if (!writing.IsCompleted) await pipe.Writer.CompleteAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => writing);
        await pipe.Reader.CompleteAsync();
        _files.FailureRate = 0;
        Assert.Equal([true, false, false], (await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Chunks);
        Assert.Null(await _folder.Stage.SealAsync(_upload, CancellationToken.None));
        await WriteAsync(1);
        await WriteAsync(2);
        Assert.Equal(HashOf(_content), (await _folder.Stage.SealAsync(_upload, CancellationToken.None))?.Hash);
    }

    [Fact]
    public async Task Bytes_that_could_not_be_synced_are_asked_for_again()
    {
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        // Reads go on: it is the sync that fails.
        (_files.FailsIn, _files.FailureRate, _files.ReadsFailToo) = (".part", 1, false);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _folder.Stage.SealAsync(_upload, CancellationToken.None).AsTask());
        _files.FailureRate = 0;
        Assert.Equal(0, (await _folder.Stage.ReceivedAsync(_upload, CancellationToken.None)).Count);
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        Assert.Equal(HashOf(_content), (await _folder.Stage.SealAsync(_upload, CancellationToken.None))?.Hash);
    }

    [Fact]
    public async Task Blob_that_finds_the_disk_full_leaves_nothing()
    {
        foreach (int length in new[] { 500, 5_000 })
        {
            // Creating, each write, syncing, renaming: one of them fails, and removing what is there of it does not.
            int failed = 0;
            for (bool isTaken = false; !isTaken; failed++)
            {
                (_files.FailureRate, _files.FailuresAfter, _files.FailuresMax) = (1, failed, 1);
                try
                {
                    await TakeAsync(length);
                    isTaken = true;
                }
                catch (StoreUnavailableException)
                {
                    if (_files.DirectoryExists(_folder.StageFolder)) Assert.Empty(_files.FilesIn(_folder.StageFolder));
                }

                _files.FailureRate = 0;
            }

            Assert.InRange(failed, 5, 50);
            StagedBlob taken = await TakeAsync(length);
            Assert.Equal(Content(length, 3), _files.Read(taken.Path));
            // Nor can it be removed: the next start does it.
            foreach (string where in new[] { ".take", ".sealed" })
            {
                (_files.FailsIn, _files.FailureRate, _files.FailuresAfter, _files.FailuresMax) = (where, 1, 0, int.MaxValue);
                await Assert.ThrowsAsync<StoreUnavailableException>(() => TakeAsync(length));
                (_files.FailsIn, _files.FailureRate) = ("", 0);
            }

            foreach (StagedBlob found in await _folder.RestartAsync()) await _folder.Stage.DiscardAsync(found.Id, CancellationToken.None);
            Assert.Empty(_files.FilesIn(_folder.StageFolder));
        }
    }

    [Fact]
    public async Task Put_that_fails_can_be_repeated_also_without_second_names()
    {
        foreach (bool hasLinks in new[] { true, false })
        {
            _files.HasLinks = hasLinks;
            byte[] content = Content(5_000, hasLinks ? 1 : 2);
            StagedBlob blob = (await _folder.Stage.TakeAsync(null, 5_000, Body(content), CancellationToken.None)).Blob!;
            (_files.FailsIn, _files.FailureRate) = (blob.Hash.ToString()[..2], 1);
            await Assert.ThrowsAsync<StoreUnavailableException>(() => _folder.Store.PutAsync(blob, CancellationToken.None).AsTask());
            _files.FailureRate = 0;
            for (int i = 0; i < 2; i++) await _folder.Store.PutAsync(blob, CancellationToken.None);
            await _folder.Stage.DiscardAsync(blob.Id, CancellationToken.None);
            await using IBlobContent? read = await _folder.Store.OpenAsync(blob.Hash, CancellationToken.None);
            Assert.Equal(content, await ReadAsync(read!, 0, read!.Length));
        }
    }

    private Task<ChunkOutcome> WriteAsync(int index, PipeReader? body = null) => _folder.Stage.WriteChunkAsync(
        _upload, index, body ?? Body(_content.AsMemory(index * 4_000, _upload.LengthOf(index))), CancellationToken.None).AsTask();

    private async Task<StagedBlob> TakeAsync(int length) => (await _folder.Stage.TakeAsync(length, length, Body(Content(length, 3)), CancellationToken.None)).Blob!;
}
