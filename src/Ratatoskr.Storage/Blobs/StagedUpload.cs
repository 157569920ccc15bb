using System.Collections.Concurrent;
using System.Security.Cryptography;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>One upload: its two files, which chunks are there, what has been hashed, and what may be done with it when.</summary>
/// <remarks>
/// Safe on any thread; a chunk has one writer at a time, which the caller sees to (<see cref="Turns"/>). A chunk that is being written is not there, and all that
/// moves an upload on takes the turn (<see cref="_turn"/>): so while it is sealed nobody writes. Closed by its table when nobody uses it.
/// </remarks>
internal sealed class StagedUpload : IDisposable
{
    private readonly BlobDisk _disk;
    private readonly StageNames _names;
    private readonly ConcurrentDictionary<Guid, StagedBlob> _sealedBlobs;
    private readonly UploadFiles _files;
    private readonly UploadChunks _chunks;
    private readonly UploadHash _hash;
    private readonly SemaphoreSlim _turn = new(1);                // loading, beginning to write a chunk, sealing, discarding: one at a time
    private int _writers;                                         // chunks that were begun and are not left yet
    private bool _isLoaded;
    private StagedBlob? _sealed;
    private bool _isSealDurable;

    public StagedUpload(BlobDisk disk, StageNames names, ConcurrentDictionary<Guid, StagedBlob> sealedBlobs, UploadShape shape)
    {
        (_disk, _names, _sealedBlobs, Shape) = (disk, names, sealedBlobs, shape);
        _files = new UploadFiles(disk, names, shape);
        _chunks = new UploadChunks(shape.ChunkCount);
        _hash = new UploadHash(disk, shape, _files, _chunks);
    }

    public UploadShape Shape { get; }

    /// <summary>For who writes a chunk.</summary>
    public KeyedGate<int> Turns { get; } = new();

    /// <summary>How many use it now; the table's.</summary>
    public int Users { get; set; }

    public bool IsGone => _files.IsGone;

    public int Received => _chunks.Received;

    public bool Has(int index) => _chunks.Has(index);

    public ChunksReceived Snapshot() => _chunks.Snapshot();

    /// <summary>Finds out what is there, once.</summary>
    public async ValueTask LoadAsync(CancellationToken stop)
    {
        if (Volatile.Read(ref _isLoaded)) return;
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (_isLoaded || IsGone || await _disk.RunAsync("reading an upload", _ => Load(null)).ConfigureAwait(false)) return;
            await _disk.RunLongAsync("comparing an upload with its sums", Load).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>A chunk is about to get other bytes: from here on it is not there. To be left (<see cref="LeaveChunk"/>), unless the upload is gone.</summary>
    public async ValueTask<ChunkStart> BeginChunkAsync(int index, CancellationToken stop)
    {
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (IsGone) return ChunkStart.Gone;
            if (_sealed is null) return await _disk.RunAsync("beginning a chunk", _ => BeginChunk(index)).ConfigureAwait(false);
            return await _disk.RunLongAsync("copying a sealed upload", buffers =>
            {
                Unseal(buffers);
                return BeginChunk(index);
            }).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>For hashing a chunk while it is written; null: that is left for later.</summary>
    public IncrementalHash? TryHash(int index) => _hash.TryTake(index);

    public void EndHash(bool whole) => _hash.Return(whole);

    /// <summary>Writes a part of a chunk that was begun. On a thread of the disk.</summary>
    public void Write(ReadOnlySpan<byte> bytes, long offset) => _files.Write(bytes, offset);

    /// <summary>The last byte of a chunk is written. On a thread of the disk.</summary>
    public void EndChunk(int index, uint sum)
    {
        if (_files.HasFailed) throw _files.Untrusted();           // who writes another chunk may have been told of this one
        _files.WriteEntry(index, sum);
        _chunks.Add(index);
    }

    /// <summary>Whoever began a chunk has ended it, or will not.</summary>
    public void LeaveChunk() => Interlocked.Decrement(ref _writers);

    /// <summary>Reads until the buffer is full or the file ends. On a thread of the disk.</summary>
    public int Read(Span<byte> into, long offset) => _files.Read(into, offset);

    /// <summary>Hashes chunks that are there and come next, unless somebody is at it or nothing is to be done.</summary>
    public ValueTask HashOnAsync() => _hash.GoOnAsync();

    /// <returns>null: not all there, or discarded.</returns>
    public async ValueTask<StagedBlob?> SealAsync(CancellationToken stop)
    {
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (IsGone || Received < Shape.ChunkCount) return null;
            if (_sealed is null) await _hash.RunAloneAsync("sealing an upload", Seal, stop).ConfigureAwait(false);
            if (!_isSealDurable)
            {
                await _disk.RunAsync("sealing an upload", _ =>
                {
                    _disk.SyncDirectory(_names.Folder);
                    return _isSealDurable = true;
                }).ConfigureAwait(false);
            }

            return _sealed;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Removes its files. Who is writing a chunk notices with the next piece.</summary>
    public async ValueTask DiscardAsync(CancellationToken stop)
    {
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            _files.IsGone = true;
            await _disk.RunAsync("discarding an upload", buffers =>
            {
                // It may not be loaded: who hashes on has it in memory without, and loading may have failed.
                if (_sealedBlobs.TryGetValue(Shape.Id, out StagedBlob? blob)) _disk.Files.Delete(blob.Path);
                _sealedBlobs.TryRemove(Shape.Id, out _);
                _files.Delete();
                return true;
            }).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        _files.Dispose();
        _hash.Dispose();
        _turn.Dispose();
    }

    /// <param name="buffers">null: nothing may be read that takes long.</param>
    /// <returns>false: that had to be.</returns>
    private bool Load(PieceBuffers? buffers)
    {
        Unload();                                                 // half of it may have been done before
        if (_sealedBlobs.TryGetValue(Shape.Id, out StagedBlob? blob))
        {
            _files.OpenSealed(blob);
            _sealed = blob;
            _chunks.AddAll();
        }
        else if (!_files.TryLoad(_chunks, buffers))
        {
            return false;
        }

        Volatile.Write(ref _isLoaded, true);
        return true;
    }

    private void Unload()
    {
        _chunks.Clear();
        _files.Close();
    }

    private ChunkStart BeginChunk(int index)
    {
        if (_files.HasFailed)
        {
            // Those who write have the file in hand, and will fail too. Whoever comes after the last of them begins anew.
            if (Volatile.Read(ref _writers) > 0) throw _files.Untrusted();
            LoseAll();
        }

        _files.Create();
        bool wasThere = _chunks.Remove(index);
        if (wasThere) _files.WriteEntry(index, null);             // first here: a write that fails may have been done all the same
        _hash.Forget(index);
        Interlocked.Increment(ref _writers);
        return wasThere ? ChunkStart.WasThere : ChunkStart.WasNotThere;
    }

    private bool Seal(PieceBuffers buffers)
    {
        BlobHash hash = _hash.Finish(buffers);
        try
        {
            _files.Sync();
        }
        catch (IOException)
        {
            // Linux tells once what it could not write, and has it clean from then on: nothing of it can be trusted, however well it reads.
            LoseAll();
            throw;
        }

        StagedBlob blob = new(Shape.Id, hash, Shape.Size, _names.Sealed(Shape.Id, hash));
        _files.Seal(blob);
        _sealedBlobs[Shape.Id] = blob;
        (_sealed, _isSealDurable) = (blob, false);
        return true;
    }

    private void LoseAll()
    {
        Unload();
        _hash.Forget(0);
        _files.Delete();
    }

    private void Unseal(PieceBuffers buffers)
    {
        _files.Unseal(_sealed!, buffers);
        _sealedBlobs.TryRemove(Shape.Id, out _);
        _sealed = null;
    }
}
