using System.IO.Pipelines;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Tests.PowerCuts;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>A disk that fails at times: what is called whole is whole, and what was lost is asked for again.</summary>
public sealed class FailingDiskTests : IDisposable
{
    private readonly PowerCutFiles _files = new(1);
    private readonly byte[] _content = Content(10_000, 1);
    private readonly UploadShape _upload = new(Guid.NewGuid(), 10_000, 4_000);
    private readonly BlobFolder _folder;

    public FailingDiskTests()
    {
        _files.MakeDirectory("/data");
        _files.SyncDirectory("/");
        _folder = new BlobFolder(_files, options => options with { UploadsInMemoryMax = 1 });
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    // The kernel tells it once, to the handle that waited; another one's sync says that all is well.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_the_disk_could_not_write_is_asked_for_again_also_after_the_file_was_closed(bool isClosed)
    {
        await WriteAsync(0);
        await WriteAsync(1);
        _files.LosesIn = ".part";
        await Assert.ThrowsAsync<StoreUnavailableException>(() => WriteAsync(2));
        _files.LosesIn = null;
        if (isClosed) await _folder.Stage.ReceivedAsync(_upload with { Id = Guid.NewGuid() }, Cancel);
        await WriteAsync(2);
        Assert.Equal([false, false, true], (await _folder.Stage.ReceivedAsync(_upload, Cancel)).Chunks);
        Assert.Null(await _folder.Stage.SealAsync(_upload, Cancel));
        await WriteAsync(0);
        await WriteAsync(1);
        Assert.Equal(HashOf(_content), (await _folder.Stage.SealAsync(_upload, Cancel))?.Hash);
        PowerCutFiles image = _files.Cut();
        foreach (string file in image.FilesIn(_folder.StageFolder).Where(file => file.EndsWith(".sealed", StringComparison.Ordinal))) Assert.Equal(_content, image.Read(file));
    }

    // The sync fails, and so does the deletion of what it was about: the map stays, and says that all is there.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_could_neither_be_synced_nor_deleted_is_not_believed_when_it_is_opened_again(bool failsToBegin)
    {
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        (_files.FailsIn, _files.FailureRate, _files.ReadsFailToo) = (_upload.Id.ToString("N"), 1, false);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await _folder.Stage.SealAsync(_upload, Cancel));
        if (failsToBegin) await Assert.ThrowsAsync<StoreUnavailableException>(() => WriteAsync(0));
        _files.FailureRate = 0;
        await _folder.Stage.ReceivedAsync(_upload with { Id = Guid.NewGuid() }, Cancel);                 // closes it

        Assert.Equal(0, (await _folder.Stage.ReceivedAsync(_upload, Cancel)).Count);
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        await _folder.Stage.ReceivedAsync(_upload with { Id = Guid.NewGuid() }, Cancel);
        Assert.Equal(3, (await _folder.Stage.ReceivedAsync(_upload, Cancel)).Count);
        Assert.Equal(HashOf(_content), (await _folder.Stage.SealAsync(_upload, Cancel))?.Hash);
    }

    [Fact]
    public async Task Chunk_under_way_while_the_disk_loses_another_is_not_there()
    {
        Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        Task<ChunkOutcome> first = WriteAsync(0, pipe.Reader);
        await pipe.Writer.WriteAsync(_content.AsMemory(0, 3_000), Cancel);       // written, and not on the disk
        _files.LosesIn = ".part";
        await Assert.ThrowsAsync<StoreUnavailableException>(() => WriteAsync(1));
        _files.LosesIn = null;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => WriteAsync(1)); // the first one still has the file
        _ = pipe.Writer.WriteAsync(_content.AsMemory(3_000, 1_000), Cancel).AsTask();
        await pipe.Writer.CompleteAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => first);
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        Assert.Equal(HashOf(_content), (await _folder.Stage.SealAsync(_upload, Cancel))?.Hash);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Chunk_that_was_compared_with_what_a_failed_seal_took_is_sent_again(bool differs)
    {
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        Pipe pipe = new(new PipeOptions(pauseWriterThreshold: 1, resumeWriterThreshold: 1));
        Task<ChunkOutcome> again = WriteAsync(0, pipe.Reader);
        await pipe.Writer.WriteAsync(_content.AsMemory(0, differs ? 3_000 : 4_000), Cancel);       // as it was: nothing is written
        (_files.FailsIn, _files.FailureRate, _files.ReadsFailToo) = (".part", 1, false);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _folder.Stage.SealAsync(_upload, Cancel).AsTask());
        _files.FailureRate = 0;
        if (differs) _ = pipe.Writer.WriteAsync(_content.AsMemory(3_000, 1_000), Cancel).AsTask();
        await pipe.Writer.CompleteAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => again);
        Assert.Equal(0, (await _folder.Stage.ReceivedAsync(_upload, Cancel)).Count);
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        StagedBlob? blob = await _folder.Stage.SealAsync(_upload, Cancel);
        Assert.Equal(HashOf(_content), blob?.Hash);
        Assert.Equal(_content, _files.Read(blob!.Path));
    }

    [Fact]
    public async Task Sealed_upload_that_could_not_be_opened_again_leaves_nothing_when_it_is_discarded()
    {
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        Assert.NotNull(await _folder.Stage.SealAsync(_upload, Cancel));
        await _folder.RestartAsync(_upload.Id);
        (_files.FailsIn, _files.FailureRate) = (".sealed", 1);
        await Assert.ThrowsAsync<StoreUnavailableException>(async () => await _folder.Stage.ReceivedAsync(_upload, Cancel));
        _files.FailureRate = 0;

        await _folder.Stage.DiscardAsync(_upload.Id, Cancel);
        Assert.Empty(_files.FilesIn(_folder.StageFolder));
    }

    [Fact]
    public async Task Start_that_reads_half_an_upload_begins_again()
    {
        for (int index = 0; index < 3; index++) await WriteAsync(index);
        for (int failing = 1; failing <= 10; failing++)
        {
            await _folder.RestartAsync(_upload.Id);
            int left = failing;
            _files.BeforeRead = path =>
            {
                if (path.EndsWith(".part", StringComparison.Ordinal) && --left == 0) throw new IOException("as it was told to");
            };
            await Assert.ThrowsAsync<StoreUnavailableException>(() => _folder.Stage.ReceivedAsync(_upload, Cancel).AsTask());
            ChunksReceived received = await _folder.Stage.ReceivedAsync(_upload, Cancel);
            Assert.Equal((3, 3), (received.Count, received.Chunks.Count(isThere => isThere)));
        }
    }

    [Fact]
    public async Task Copy_that_fails_leaves_nothing_and_one_that_a_stop_has_left_goes_with_the_next_start()
    {
        _files.HasLinks = false;
        StagedBlob blob = (await _folder.Stage.TakeAsync(null, 5_000, Body(Content(5_000, 3)), Cancel)).Blob!;
        int left = 3;
        _files.BeforeRead = path =>
        {
            if (path == blob.Path && --left == 0) throw new IOException("as it was told to");
        };
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _folder.Store.PutAsync(blob, Cancel).AsTask());
        Assert.Equal([blob.Path], Files());
        (_files.FailsIn, _files.FailureRate) = (".copy", 1);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _folder.Store.PutAsync(blob, Cancel).AsTask());
        _files.FailureRate = 0;

        // Nor can it be removed.
        left = 3;
        _files.BeforeRead = path =>
        {
            if (path == blob.Path && --left == 0) (_files.FailsIn, _files.FailureRate, _files.ReadsFailToo) = (".copy", 1, false);
        };
        await Assert.ThrowsAsync<StoreUnavailableException>(() => _folder.Store.PutAsync(blob, Cancel).AsTask());
        (_files.FailureRate, _files.BeforeRead) = (0, null);
        Assert.Equal(2, Files().Length);
        await _folder.RestartAsync();
        Assert.Equal([blob.Path], Files());
        await _folder.Store.PutAsync(blob, Cancel);
        Assert.Equal([blob.Path, _folder.Store.PathOf(blob.Hash)], Files());
    }

    private string[] Files() =>
        [.. _files.FilesIn(_folder.StageFolder), .. _files.DirectoriesIn("/data/blobs").SelectMany(_files.DirectoriesIn).SelectMany(_files.FilesIn)];

    private Task<ChunkOutcome> WriteAsync(int index, PipeReader? body = null) => _folder.Stage.WriteChunkAsync(
        _upload, index, body ?? Body(_content.AsMemory(index * 4_000, _upload.LengthOf(index))), Cancel).AsTask();
}
