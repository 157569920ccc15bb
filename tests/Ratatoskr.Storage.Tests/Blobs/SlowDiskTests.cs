using System.Collections.Concurrent;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Tests.PowerCuts;
using static Ratatoskr.Storage.Tests.Blobs.BlobFolder;

namespace Ratatoskr.Storage.Tests.Blobs;

/// <summary>What takes the disk long for some holds up nobody else.</summary>
public sealed class SlowDiskTests : IDisposable
{
    private const int ChunkSize = 4_000;

    private readonly PowerCutFiles _files = new(1);
    private readonly UploadShape[] _uploads = [.. Enumerable.Range(0, 4).Select(_ => new UploadShape(Guid.NewGuid(), 2 * ChunkSize, ChunkSize))];
    private readonly ManualResetEventSlim _goOn = new();

    public SlowDiskTests() => _files.MakeDirectory("/data");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _goOn.Dispose();

    [Theory]
    [InlineData("comparing with sums", ".part", 1)]
    [InlineData("beginning a chunk of a sealed one", ".sealed", 2)]       // the first piece is compared before
    [InlineData("putting by a copy", ".sealed", 1)]
    public async Task Work_on_whole_uploads_leaves_threads_to_the_others(string what, string held, int heldFrom)
    {
        // Two threads: one of them for what takes long.
        using BlobFolder folder = new(_files, options => options with { Threads = 2 });
        List<StagedBlob> blobs = [];
        foreach (UploadShape upload in _uploads)
        {
            await WriteAsync(folder, upload, 0);
            await WriteAsync(folder, upload, 1);
            if (held == ".sealed") blobs.Add((await folder.Stage.SealAsync(upload, Cancel))!);
        }

        await folder.RestartAsync([.. _uploads.Select(upload => upload.Id)]);
        _files.HasLinks = false;
        ConcurrentDictionary<string, int> reads = [];
        TaskCompletionSource isHeld = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _files.BeforeRead = path =>
        {
            if (!path.EndsWith(held, StringComparison.Ordinal) || reads.AddOrUpdate(path, 1, (_, before) => before + 1) < heldFrom) return;
            isHeld.TrySetResult();
            _goOn.Wait(Cancel);
        };
        Task[] slow = [.. _uploads.Select((upload, i) => what switch
        {
            "comparing with sums" => folder.Stage.ReceivedAsync(upload, Cancel).AsTask(),
            "beginning a chunk of a sealed one" => folder.Stage.WriteChunkAsync(upload, 0, Body(Content(ChunkSize, 100)), Cancel).AsTask(),
            _ => folder.Store.PutAsync(blobs[i], Cancel).AsTask(),
        })];
        try
        {
            await isHeld.Task.WaitAsync(Cancel);
            // Time enough for the next one to get at a thread, if it may.
            for (int i = 0; i < 50; i++) Assert.Equal(100, (await TakeAsync(folder).WaitAsync(TimeSpan.FromSeconds(30), Cancel)).Length);
            Assert.DoesNotContain(slow, task => task.IsCompleted);
        }
        finally
        {
            _goOn.Set();
        }

        await Task.WhenAll(slow);
    }

    [Fact]
    public async Task Closing_an_upload_holds_up_nobody()
    {
        using BlobFolder folder = new(_files, options => options with { Threads = 2, UploadsInMemoryMax = 1 });
        await WriteAsync(folder, _uploads[0], 0);
        _files.BeforeClose = path =>
        {
            if (path.EndsWith(".part", StringComparison.Ordinal)) _goOn.Wait(Cancel);
        };
        try
        {
            // The second one drives the first one out, the third one the second one; the first one's files are closed still.
            Task all = Task.Run(() => WriteAsync(folder, _uploads[1], 0), Cancel);
            await all.WaitAsync(TimeSpan.FromSeconds(30), Cancel);
            Assert.Equal(1, (await folder.Stage.ReceivedAsync(_uploads[1], Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancel)).Count);
            Assert.Equal(1, (await folder.Stage.ReceivedAsync(_uploads[0], Cancel).AsTask().WaitAsync(TimeSpan.FromSeconds(30), Cancel)).Count);
        }
        finally
        {
            _goOn.Set();
        }
    }

    private static async Task<StagedBlob> TakeAsync(BlobFolder folder) => (await folder.Stage.TakeAsync(100, 100, Body(Content(100, 9)), Cancel)).Blob!;

    private static async Task WriteAsync(BlobFolder folder, UploadShape upload, int index) =>
        Assert.Equal(ChunkResult.Stored, (await folder.Stage.WriteChunkAsync(upload, index, Body(Content(ChunkSize, index)), Cancel)).Result);
}
