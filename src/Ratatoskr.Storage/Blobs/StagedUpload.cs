using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using Ratatoskr.Engine.Blobs;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>One upload: its two files, which chunks are there, and what has been hashed.</summary>
/// <remarks>
/// Safe on any thread; a chunk has one writer at a time, which the caller sees to (<see cref="Turns"/>). A chunk that is being written is not there, and all that
/// moves an upload on takes the turn (<see cref="_turn"/>): so while it is sealed nobody writes. Closed by its table when nobody uses it.
/// </remarks>
internal sealed class StagedUpload(BlobDisk disk, StageNames names, ConcurrentDictionary<Guid, StagedBlob> sealedBlobs, UploadShape shape) : IDisposable
{
    // Loading, beginning to write a chunk, sealing, discarding: one at a time.
    private readonly SemaphoreSlim _turn = new(1);
    private readonly SemaphoreSlim _hashTurn = new(1);
    private readonly Lock _gate = new();                          // the chunks
    private readonly Lock _partGate = new();                      // reading the part file, and putting another in its place
    private readonly bool[] _isThere = new bool[shape.ChunkCount];
    private readonly PrefixHash _hash = new();
    private int _received;
    private int _writers;                                         // chunks that were begun and are not left yet
    private bool _isLoaded;
    private bool _isGone;
    private StagedBlob? _sealed;
    private bool _isSealDurable;
    private IStoreFile? _part;
    private IStoreFile? _map;

    private delegate void PieceAction(ReadOnlySpan<byte> piece);

    public UploadShape Shape => shape;

    /// <summary>For who writes a chunk.</summary>
    public KeyedGate<int> Turns { get; } = new();

    /// <summary>How many use it now; the table's.</summary>
    public int Users { get; set; }

    public bool IsGone => Volatile.Read(ref _isGone);

    public int Received
    {
        get
        {
            lock (_gate) return _received;
        }
    }

    public bool Has(int index)
    {
        lock (_gate) return _isThere[index];
    }

    public ChunksReceived Snapshot()
    {
        lock (_gate) return new ChunksReceived(_received, [.. _isThere]);
    }

    /// <summary>Finds out what is there, once.</summary>
    public async ValueTask LoadAsync(CancellationToken stop)
    {
        if (Volatile.Read(ref _isLoaded)) return;
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (_isLoaded || _isGone || await disk.RunAsync("reading an upload", _ => Load(null)).ConfigureAwait(false)) return;
            await disk.RunLongAsync("comparing an upload with its sums", Load).ConfigureAwait(false);
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
            if (_isGone) return ChunkStart.Gone;
            if (_sealed is null) return await disk.RunAsync("beginning a chunk", _ => BeginChunk(index)).ConfigureAwait(false);
            return await disk.RunLongAsync("copying a sealed upload", buffers =>
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
    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        disk.Write(_part!, bytes, offset);
        if (!_part!.HasFailed) return;

        // Only this handle has been told: whoever opens the file again, another process too, must not believe the map.
        _map!.Write(new byte[ChunkMap.HeaderSize], 0);
        throw Untrusted();
    }

    /// <summary>The last byte of a chunk is written. On a thread of the disk.</summary>
    public void EndChunk(int index, uint sum)
    {
        if (_part!.HasFailed) throw Untrusted();                  // who writes another chunk may have been told of this one
        WriteEntry(index, sum);
        lock (_gate)
        {
            Debug.Assert(!_isThere[index], "a chunk that is written is not there");
            _isThere[index] = true;
            _received++;
        }
    }

    /// <summary>Whoever began a chunk has ended it, or will not.</summary>
    public void LeaveChunk() => Interlocked.Decrement(ref _writers);

    /// <summary>Reads until the buffer is full or the file ends. On a thread of the disk.</summary>
    public int Read(Span<byte> into, long offset)
    {
        // A seal that is broken puts a copy in the file's place.
        lock (_partGate) return _part?.Read(into, offset) ?? 0;
    }

    /// <summary>Hashes chunks that are there and come next. On a thread of the disk, for as long as it takes.</summary>
    public bool HashOn(PieceBuffers buffers)
    {
        while (_hash.Next is var index && index < shape.ChunkCount && !IsGone && Has(index))
        {
            if (_hash.TryTake(index) is not { } hash) return false; // the writer of the chunk that was missing a moment ago
            // Looked at again: who begins to write it from here on spoils what is taken.
            if (!Has(index))
            {
                _hash.PutBack();
                return false;
            }

            bool whole = false;
            try
            {
                whole = ReadChunk(index, buffers.First, piece => hash.AppendData(piece));
            }
            finally
            {
                _hash.Return(whole);
            }

            if (!whole) return false;
        }

        return true;
    }

    /// <summary>As <see cref="HashOn"/>, unless somebody is at it or nothing is to be done.</summary>
    public async ValueTask HashOnAsync()
    {
        if (!_hash.IsAhead || (_hash.Next is var next && (next >= shape.ChunkCount || !Has(next))) || !_hashTurn.Wait(0, CancellationToken.None)) return;
        try
        {
            await disk.RunLongAsync("hashing an upload", HashOn).ConfigureAwait(false);
        }
        finally
        {
            _hashTurn.Release();
        }
    }

    /// <returns>null: not all there, or discarded.</returns>
    public async ValueTask<StagedBlob?> SealAsync(CancellationToken stop)
    {
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            if (_isGone || Received < shape.ChunkCount) return null;
            if (_sealed is null)
            {
                await _hashTurn.WaitAsync(stop).ConfigureAwait(false);
                try
                {
                    await disk.RunLongAsync("sealing an upload", Seal).ConfigureAwait(false);
                }
                finally
                {
                    _hashTurn.Release();
                }
            }

            if (!_isSealDurable)
            {
                await disk.RunAsync("sealing an upload", _ =>
                {
                    disk.SyncDirectory(names.Folder);
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
            Volatile.Write(ref _isGone, true);
            await disk.RunAsync("discarding an upload", buffers =>
            {
                if (_sealed is { } blob) disk.Files.Delete(blob.Path);
                sealedBlobs.TryRemove(shape.Id, out _);
                DeleteParts();
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
        _part?.Dispose();
        _map?.Dispose();
        _hash.Dispose();
        _turn.Dispose();
        _hashTurn.Dispose();
    }

    /// <param name="buffers">null: nothing may be read that takes long.</param>
    /// <returns>false: that had to be.</returns>
    private bool Load(PieceBuffers? buffers)
    {
        IStoreFiles files = disk.Files;
        Unload();                                                 // half of it may have been done before
        if (sealedBlobs.TryGetValue(shape.Id, out StagedBlob? blob))
        {
            _part = files.OpenToRead(blob.Path) ?? throw new FileNotFoundException("a sealed upload is not there", blob.Path);
            _sealed = blob;
            Array.Fill(_isThere, true);
            _received = shape.ChunkCount;
        }
        else
        {
            byte[]? map = ReadMap();
            if (map is not null && files.FileExists(names.Part(shape.Id)))
            {
                _map = files.Open(names.Map(shape.Id), create: false);
                _part = files.Open(names.Part(shape.Id), create: false);
                if (!Verify(map, buffers)) return false;
            }
        }

        Volatile.Write(ref _isLoaded, true);
        return true;
    }

    /// <returns>null: there is none, or it is none of this upload.</returns>
    private byte[]? ReadMap()
    {
        using IStoreFile? file = disk.Files.OpenToRead(names.Map(shape.Id));
        byte[] bytes = new byte[ChunkMap.SizeOf(shape)];
        return file?.Read(bytes, 0) == bytes.Length && ChunkMap.IsHeaderOf(shape, bytes) ? bytes : null;
    }

    /// <returns>false: there are chunks to be read, and no buffers.</returns>
    private bool Verify(byte[] map, PieceBuffers? buffers)
    {
        for (int index = 0; index < shape.ChunkCount; index++)
        {
            if (!ChunkMap.TryReadEntry(map.AsSpan((int)ChunkMap.PlaceOf(index)), index, out uint sum, out ulong run)) continue;
            if (run != ChunkMap.Run)
            {
                if (buffers is null) return false;
                uint found = uint.MaxValue;
                bool isSound = ReadChunk(index, buffers.First, piece => found = Crc32C.Append(found, piece)) && ~found == sum;
                WriteEntry(index, isSound ? sum : null);
                if (!isSound) continue;
            }

            lock (_gate)
            {
                _isThere[index] = true;
                _received++;
            }
        }

        return true;
    }

    private void Unload()
    {
        lock (_gate)
        {
            Array.Clear(_isThere);
            _received = 0;
        }

        lock (_partGate)
        {
            _part?.Dispose();
            _part = null;
        }

        _map?.Dispose();
        _map = null;
    }

    private ChunkStart BeginChunk(int index)
    {
        if (_part is { HasFailed: true })
        {
            // Those who write have the file in hand, and will fail too. Whoever comes after the last of them begins anew.
            if (Volatile.Read(ref _writers) > 0) throw Untrusted();
            LoseAll();
        }

        Open();
        bool wasThere = Has(index);
        if (wasThere)
        {
            // First here: a write that fails may have been done all the same.
            lock (_gate)
            {
                _isThere[index] = false;
                _received--;
            }

            WriteEntry(index, null);
        }

        _hash.Forget(index);
        Interlocked.Increment(ref _writers);
        return wasThere ? ChunkStart.WasThere : ChunkStart.WasNotThere;
    }

    /// <returns>false: the file ends before, or the upload was discarded.</returns>
    private bool ReadChunk(int index, byte[] buffer, PieceAction action)
    {
        long offset = (long)index * shape.ChunkSize;
        for (int left = shape.LengthOf(index); left > 0;)
        {
            Span<byte> piece = buffer.AsSpan(0, Math.Min(left, buffer.Length));
            if (IsGone || Read(piece, offset) < piece.Length) return false;
            action(piece);
            offset += piece.Length;
            left -= piece.Length;
        }

        return true;
    }

    // Before the first chunk. What may lie there is no map of this upload.
    private void Open()
    {
        if (_map is not null) return;
        disk.Prepare(names.Folder);
        byte[] empty = new byte[ChunkMap.SizeOf(shape)];
        ChunkMap.WriteHeader(empty, shape);
        IStoreFile part = disk.Files.Open(names.Part(shape.Id), create: true);
        try
        {
            IStoreFile map = disk.Files.Open(names.Map(shape.Id), create: true);
            try
            {
                map.Write(empty, 0);
            }
            catch
            {
                map.Dispose();
                throw;
            }

            (_part, _map) = (part, map);
        }
        catch
        {
            part.Dispose();
            throw;
        }
    }

    private void WriteEntry(int index, uint? sum)
    {
        Span<byte> entry = stackalloc byte[ChunkMap.EntrySize];
        ChunkMap.WriteEntry(entry, index, sum, ChunkMap.Run);
        _map!.Write(entry, ChunkMap.PlaceOf(index));
    }

    private bool Seal(PieceBuffers buffers)
    {
        HashOn(buffers);
        if (_hash.Next < shape.ChunkCount) throw new IOException($"an upload of {shape.Size} bytes ends before: {names.Part(shape.Id)}");
        try
        {
            disk.Sync(_part!);
        }
        catch (IOException)
        {
            // Linux tells once what it could not write, and has it clean from then on: nothing of it can be trusted, however well it reads.
            LoseAll();
            throw;
        }

        BlobHash hash = _hash.Current();
        StagedBlob blob = new(shape.Id, hash, shape.Size, names.Sealed(shape.Id, hash));
        disk.Files.Move(names.Part(shape.Id), blob.Path);
        sealedBlobs[shape.Id] = blob;
        (_sealed, _isSealDurable) = (blob, false);
        return true;
    }

    private void LoseAll()
    {
        Unload();
        _hash.Forget(0);
        DeleteParts();
    }

    private IOException Untrusted() => new($"the disk could not write all of an upload: {names.Part(shape.Id)}");

    private void DeleteParts()
    {
        disk.Files.Delete(names.Map(shape.Id));
        disk.Files.Delete(names.Part(shape.Id));
    }

    // The sealed file may be the store's by now, under its second name: it never changes again, and other chunks go into a copy.
    private void Unseal(PieceBuffers buffers)
    {
        IStoreFiles files = disk.Files;
        StagedBlob blob = _sealed!;
        using BlobDisk.Expected expected = disk.Expect(shape.Size);
        byte[] map = new byte[ChunkMap.SizeOf(shape)];
        ChunkMap.WriteHeader(map, shape);
        IStoreFile part = files.Open(names.Part(shape.Id), create: true);
        try
        {
            for (int index = 0; index < shape.ChunkCount; index++)
            {
                long offset = (long)index * shape.ChunkSize;
                uint sum = uint.MaxValue;
                bool whole = ReadChunk(index, buffers.First, piece =>
                {
                    disk.Write(part, piece, offset);
                    offset += piece.Length;
                    sum = Crc32C.Append(sum, piece);
                });
                if (!whole) throw new IOException($"a sealed upload ends before its {shape.Size} bytes: {blob.Path}");
                ChunkMap.WriteEntry(map.AsSpan((int)ChunkMap.PlaceOf(index)), index, ~sum, ChunkMap.Run);
            }

            _map?.Dispose();
            _map = null;
            _map = files.Open(names.Map(shape.Id), create: true);
            _map.Write(map, 0);
            files.Delete(blob.Path);                              // from here on the part counts, not before
        }
        catch
        {
            part.Dispose();
            throw;
        }

        lock (_partGate)
        {
            _part?.Dispose();
            _part = part;
        }

        sealedBlobs.TryRemove(shape.Id, out _);
        _sealed = null;
    }
}

internal enum ChunkStart : byte
{
    /// <summary>The upload has been discarded.</summary>
    Gone,

    WasNotThere,

    WasThere,
}
