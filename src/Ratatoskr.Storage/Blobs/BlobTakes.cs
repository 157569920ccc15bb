using System.Buffers;
using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// Blobs that come in one request. Most are small: such a one is waited for in the body's buffers, and then takes one turn of one thread: hash, create, write, sync, rename.
/// </summary>
/// <remarks>
/// Safe on any thread. The folder is not synced: a name in it is only the mark of something unfinished, and what a power cut takes of these marks the check makes good.
/// </remarks>
internal sealed class BlobTakes(BlobDisk disk, StageNames names, BodyRoom bodies)
{
    // Until they are discarded: as many as are being put into the store.
    private readonly ConcurrentDictionary<Guid, string> _taken = [];

    public async ValueTask<TakeOutcome> TakeAsync(long? length, long lengthMax, PipeReader body, CancellationToken stop)
    {
        int pieceBytes = disk.Options.PieceBytes;
        if (length is { } said && (said < 1 || said > lengthMax)) return Taken(null);
        if (SmallBody.IsThere(body, Math.Min(pieceBytes, SmallBody.LengthMax)))
        {
            ReadResult all = await ReadAsync(body, pieceBytes, stop).ConfigureAwait(false);
            return Taken(await TakeSmallAsync(length, lengthMax, body, all.Buffer).ConfigureAwait(false));
        }

        using BodyRoom.Place? place = bodies.TryEnter(stop);
        if (place is null) return new TakeOutcome(TakeResult.Busy, null);
        try
        {
            // One byte more than a piece tells that it is a large one.
            ReadOnlySequence<byte> bytes = (await ReadAsync(body, pieceBytes + 1, place.Stop).ConfigureAwait(false)).Buffer;
            if (bytes.Length <= pieceBytes) return Taken(await TakeSmallAsync(length, lengthMax, body, bytes).ConfigureAwait(false));
            body.AdvanceTo(bytes.Start);
            return Taken(await TakeLargeAsync(length, lengthMax, body, place).ConfigureAwait(false));
        }
        catch (OperationCanceledException) when (place.IsCut && !stop.IsCancellationRequested)
        {
            return new TakeOutcome(TakeResult.Busy, null);
        }
    }

    /// <returns>false: it did not come in one go, or is discarded already.</returns>
    public async ValueTask<bool> TryDiscardAsync(Guid id)
    {
        if (!_taken.TryGetValue(id, out string? path)) return false;
        return await disk.RunAsync("discarding a blob", _ =>
        {
            disk.Files.Delete(path);
            _taken.TryRemove(id, out string? _);
            return true;
        }).ConfigureAwait(false);
    }

    private static TakeOutcome Taken(StagedBlob? blob) => new(blob is null ? TakeResult.WrongSize : TakeResult.Taken, blob);

    private async ValueTask<StagedBlob?> TakeSmallAsync(long? length, long lengthMax, PipeReader body, ReadOnlySequence<byte> bytes)
    {
        try
        {
            if (bytes.IsEmpty || bytes.Length > lengthMax || bytes.Length != (length ?? bytes.Length)) return null;
            using BlobDisk.Expected expected = disk.Expect(bytes.Length);
            return Remember(await disk.RunAsync("taking a blob", buffers => Take(bytes, buffers)).ConfigureAwait(false));
        }
        finally
        {
            body.AdvanceTo(bytes.End);
        }
    }

    private static async ValueTask<ReadResult> ReadAsync(PipeReader body, int wanted, CancellationToken stop)
    {
        ReadResult read = await body.ReadAtLeastAsync(wanted, stop).ConfigureAwait(false);
        return read.IsCanceled ? throw new OperationCanceledException("the reading of a blob was cancelled") : read;
    }

    private StagedBlob Remember(StagedBlob blob)
    {
        _taken[blob.Id] = blob.Path;
        return blob;
    }

    private StagedBlob Take(in ReadOnlySequence<byte> bytes, PieceBuffers buffers)
    {
        bytes.CopyTo(buffers.First);
        ReadOnlySpan<byte> whole = buffers.First.AsSpan(0, (int)bytes.Length);
        BlobHash hash = default;
        SHA256.HashData(whole, hash);
        Guid id = Guid.NewGuid();
        disk.Prepare(names.Folder);
        try
        {
            using IStoreFile file = disk.Files.Open(names.Take(id), create: true);
            file.Write(whole, 0);
            return Seal(id, file, hash, whole.Length);
        }
        catch
        {
            Drop(id);
            throw;
        }
    }

    private async ValueTask<StagedBlob?> TakeLargeAsync(long? length, long lengthMax, PipeReader body, BodyRoom.Place place)
    {
        Guid id = Guid.NewGuid();
        IStoreFile? file = null;
        StagedBlob? blob = null;
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        try
        {
            using BlobDisk.Expected expected = disk.Expect(length ?? 0);
            long done = 0, end = length ?? lengthMax;
            file = await disk.RunAsync("taking a blob", _ =>
            {
                disk.Prepare(names.Folder);
                return disk.Files.Open(names.Take(id), create: true);
            }).ConfigureAwait(false);
            while (true)
            {
                ReadResult read = await ReadAsync(body, disk.Options.PieceBytes, place.Stop).ConfigureAwait(false);
                ReadOnlySequence<byte> piece = read.Buffer.Slice(0, Math.Min(read.Buffer.Length, disk.Options.PieceBytes));
                if (piece.IsEmpty) break;
                if (piece.Length > end - done) return null;
                // What was not announced is looked at as it comes.
                using BlobDisk.Expected more = disk.Expect(length is null ? piece.Length : 0);
                long offset = done;
                await disk.RunAsync("taking a blob", buffers => Write(file, hash, piece, offset, buffers)).ConfigureAwait(false);
                done += piece.Length;
                body.AdvanceTo(piece.End);
                place.Came((int)piece.Length);
            }

            if (done != (length ?? done)) return null;
            return blob = Remember(await disk.RunLongAsync("taking a blob", _ => Seal(id, file, BlobHash.From(hash.GetHashAndReset()), done)).ConfigureAwait(false));
        }
        finally
        {
            file?.Dispose();
            if (file is not null && blob is null) await disk.RunAsync("dropping a blob", _ => Drop(id)).ConfigureAwait(false);
        }
    }

    private bool Write(IStoreFile file, IncrementalHash hash, in ReadOnlySequence<byte> piece, long offset, PieceBuffers buffers)
    {
        piece.CopyTo(buffers.First);
        ReadOnlySpan<byte> bytes = buffers.First.AsSpan(0, (int)piece.Length);
        hash.AppendData(bytes);
        disk.Write(file, bytes, offset);
        return true;
    }

    private StagedBlob Seal(Guid id, IStoreFile file, BlobHash hash, long length)
    {
        disk.Sync(file);
        StagedBlob blob = new(id, hash, length, names.Sealed(id, hash));
        disk.Files.Move(names.Take(id), blob.Path);
        return blob;
    }

    // Another failure than the one that brought us here helps nobody; the next start removes it.
    private bool Drop(Guid id)
    {
        try
        {
            disk.Files.Delete(names.Take(id));
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
