using System.Collections.Concurrent;
using System.IO.Pipelines;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>The stage in files (<see cref="StageNames"/>).</summary>
/// <remarks>
/// <see cref="RecoverAsync"/> comes first. A discarded upload stays discarded: a chunk that comes for it later is answered with <see cref="ChunkResult.Gone"/>.
/// What is in memory of an upload is an excerpt of its files; only the state of its hash is not in them.
/// </remarks>
public sealed class FileBlobStage : IBlobStage, IDisposable
{
    private readonly BlobDisk _disk;
    private readonly StageNames _names;
    private readonly BlobTakes _takes;
    private readonly BodyRoom _bodies;
    // Uploads that are whole, until they are discarded; and what the start has found.
    private readonly ConcurrentDictionary<Guid, StagedBlob> _sealed = [];
    private readonly UploadTable _uploads;

    /// <param name="disk">Stays the caller's.</param>
    public FileBlobStage(BlobDisk disk)
    {
        ArgumentNullException.ThrowIfNull(disk);
        _disk = disk;
        _names = disk.Stage;
        _bodies = new BodyRoom(disk.Options.BodiesMax, disk.Options.Time);
        _takes = new BlobTakes(disk, _names, _bodies);
        _uploads = new UploadTable(disk.Options.UploadsInMemoryMax, shape => new StagedUpload(disk, _names, _sealed, shape), upload => _ = CloseAsync(upload));
    }

    public async ValueTask<ChunkOutcome> WriteChunkAsync(UploadShape upload, int index, PipeReader body, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(body);
        RequireShape(upload);
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, upload.ChunkCount);
        using BodyRoom.Place? place = _bodies.TryEnter(stop);
        if (place is null) return new ChunkOutcome(ChunkResult.Busy, 0);
        try
        {
            using UploadTable.Lease? lease = _uploads.Rent(upload);
            if (lease is null) return new ChunkOutcome(ChunkResult.Gone, 0);
            using BlobDisk.Expected expected = _disk.Expect(upload.LengthOf(index));
            await lease.Upload.LoadAsync(place.Stop).ConfigureAwait(false);
            ChunkResult result;
            using (await lease.Upload.Turns.EnterAsync(index, place.Stop).ConfigureAwait(false))
            {
                result = await new ChunkBody(_disk, lease.Upload, index, place).WriteAsync(body).ConfigureAwait(false);
            }

            if (result == ChunkResult.Stored) _ = HashOnAsync(upload);
            return new ChunkOutcome(result, result == ChunkResult.Gone ? 0 : lease.Upload.Received);
        }
        catch (OperationCanceledException) when (place.IsCut && !stop.IsCancellationRequested)
        {
            return new ChunkOutcome(ChunkResult.Busy, 0);
        }
    }

    public async ValueTask<ChunksReceived> ReceivedAsync(UploadShape upload, CancellationToken stop)
    {
        RequireShape(upload);
        using UploadTable.Lease? lease = _uploads.Rent(upload);
        if (lease is null) return new ChunksReceived(0, new bool[upload.ChunkCount]);
        await lease.Upload.LoadAsync(stop).ConfigureAwait(false);
        return lease.Upload.Snapshot();
    }

    public async ValueTask<StagedBlob?> SealAsync(UploadShape upload, CancellationToken stop)
    {
        RequireShape(upload);
        using UploadTable.Lease? lease = _uploads.Rent(upload);
        if (lease is null) return null;
        await lease.Upload.LoadAsync(stop).ConfigureAwait(false);
        return await lease.Upload.SealAsync(stop).ConfigureAwait(false);
    }

    public async ValueTask<TakeOutcome> TakeAsync(long? length, long lengthMax, PipeReader body, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(body);
        return await _takes.TakeAsync(length, lengthMax, body, stop).ConfigureAwait(false);
    }

    public async ValueTask DiscardAsync(Guid upload, CancellationToken stop)
    {
        if (await _takes.TryDiscardAsync(upload).ConfigureAwait(false)) return;
        using UploadTable.Lease? lease = _uploads.Discard(upload);
        if (lease is not null) await lease.Upload.DiscardAsync(stop).ConfigureAwait(false);
        else await _disk.RunAsync("discarding an upload", _ => Delete(upload)).ConfigureAwait(false);
    }

    public async ValueTask<IReadOnlyList<StagedBlob>> RecoverAsync(IReadOnlySet<Guid> uploads, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(uploads);
        return await _disk.RunAsync("looking at the stage", buffers =>
        {
            if (!_disk.Files.DirectoryExists(_names.Folder)) return [];
            List<StagedBlob> found = [];
            foreach (string file in _disk.Files.FilesIn(_names.Folder))
            {
                stop.ThrowIfCancellationRequested();
                if (StageNames.IdOf(file) is not { } id) continue;
                if (StageNames.TryReadSealed(file, out _, out BlobHash hash))
                {
                    if (_disk.Files.Look(file) is { } look) found.Add(new StagedBlob(id, hash, look.Length, file));
                }
                else if (!StageNames.IsPartOfUpload(file) || !uploads.Contains(id))
                {
                    _disk.Files.Delete(file);
                }
            }

            foreach (StagedBlob blob in found) _sealed[blob.Id] = blob;
            return (IReadOnlyList<StagedBlob>)found;
        }).ConfigureAwait(false);
    }

    public void Dispose() => _uploads.Dispose();

    private static void RequireShape(UploadShape upload)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(upload.Size, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(upload.ChunkSize, 1);
        if ((upload.Size - 1) / upload.ChunkSize >= UploadShape.ChunksMax) throw new ArgumentException($"more than {UploadShape.ChunksMax} chunks", nameof(upload));
    }

    private bool Delete(Guid upload)
    {
        if (!_disk.Files.DirectoryExists(_names.Folder)) return false;
        if (_sealed.TryGetValue(upload, out StagedBlob? blob)) _disk.Files.Delete(blob.Path);
        _sealed.TryRemove(upload, out _);
        _disk.Files.Delete(_names.Map(upload));
        _disk.Files.Delete(_names.Part(upload));
        return true;
    }

    private async Task CloseAsync(StagedUpload upload)
    {
        try
        {
            await _disk.RunAsync("closing an upload", _ =>
            {
                upload.Dispose();
                return true;
            }).ConfigureAwait(false);
        }
        catch (StoreUnavailableException)
        {
            upload.Dispose();                                     // the disk's threads are closed
        }
    }

    // Whoever waits for the chunk does not wait for this. What it fails at, sealing will meet again.
    private async Task HashOnAsync(UploadShape shape)
    {
        try
        {
            using UploadTable.Lease? lease = _uploads.Rent(shape);
            if (lease is not null) await lease.Upload.HashOnAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is StorageException or ObjectDisposedException)
        {
        }
    }
}
