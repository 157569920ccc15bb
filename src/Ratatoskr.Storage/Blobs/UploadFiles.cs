using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>The two files of an upload: its bytes as far as they have come, and the map of chunks (<see cref="ChunkMap"/>). Sealed it is one, which never changes again.</summary>
/// <remarks>
/// On threads of the disk. Reading, and writing different chunks, on any number of them at once; what opens, replaces or closes the files one at a time, while nobody writes.
/// </remarks>
internal sealed class UploadFiles(BlobDisk disk, StageNames names, UploadShape shape) : IDisposable
{
    private readonly Lock _gate = new();                          // reading the part file, and putting another in its place
    private bool _isGone;
    private IStoreFile? _part;
    private IStoreFile? _map;

    /// <summary>What is read of a chunk, piece by piece.</summary>
    public delegate void PieceAction(ReadOnlySpan<byte> piece);

    /// <summary>Discarded: who reads or writes may stop.</summary>
    public bool IsGone
    {
        get => Volatile.Read(ref _isGone);
        set => Volatile.Write(ref _isGone, value);
    }

    /// <summary>The disk could not write some of it: nothing of it can be trusted.</summary>
    public bool HasFailed => _part is { HasFailed: true };

    /// <summary>Opens what an earlier life has left, if anything, and finds out which chunks are there.</summary>
    /// <param name="chunks">Empty.</param>
    /// <param name="buffers">null: nothing may be read that takes long.</param>
    /// <returns>false: that had to be.</returns>
    public bool TryLoad(UploadChunks chunks, PieceBuffers? buffers)
    {
        if (disk.IsSuspect(shape.Id))
        {
            Delete();
            return true;
        }

        byte[]? map = ReadMap();
        if (map is null || !disk.Files.FileExists(names.Part(shape.Id))) return true;
        _map = disk.Files.Open(names.Map(shape.Id), create: false);
        _part = disk.Files.Open(names.Part(shape.Id), create: false);
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

            chunks.Add(index);
        }

        return true;
    }

    /// <summary>Opens a sealed one, to read.</summary>
    public void OpenSealed(StagedBlob blob) => _part = disk.Files.OpenToRead(blob.Path) ?? throw new FileNotFoundException("a sealed upload is not there", blob.Path);

    /// <summary>Before the first chunk: makes the files, unless they are open. What may lie there is no map of this upload.</summary>
    public void Create()
    {
        if (_map is not null) return;
        disk.Prepare(names.Folder);
        byte[] empty = new byte[ChunkMap.SizeOf(shape)];
        ChunkMap.WriteHeader(empty, shape);
        IStoreFile map = disk.Files.Open(names.Map(shape.Id), create: true);      // first: an old one must not speak for a new part
        try
        {
            map.Write(empty, 0);
            (_part, _map) = (disk.Files.Open(names.Part(shape.Id), create: true), map);
        }
        catch
        {
            map.Dispose();
            throw;
        }

        disk.Trust(shape.Id);
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        disk.Write(_part!, bytes, offset);
        if (!_part!.HasFailed) return;

        // Only this handle has been told: whoever opens the file again, another process too, must not believe the map.
        disk.Suspect(shape.Id);
        _map!.Write(new byte[ChunkMap.HeaderSize], 0);
        throw Untrusted();
    }

    /// <param name="index">The chunk.</param>
    /// <param name="sum">null: it is not there.</param>
    public void WriteEntry(int index, uint? sum)
    {
        Span<byte> entry = stackalloc byte[ChunkMap.EntrySize];
        ChunkMap.WriteEntry(entry, index, sum, ChunkMap.Run);
        _map!.Write(entry, ChunkMap.PlaceOf(index));
    }

    /// <summary>Reads until the buffer is full or the file ends.</summary>
    public int Read(Span<byte> into, long offset)
    {
        // A seal that is broken puts a copy in the file's place.
        lock (_gate) return _part?.Read(into, offset) ?? 0;
    }

    /// <returns>false: the file ends before, or the upload was discarded.</returns>
    public bool ReadChunk(int index, byte[] buffer, PieceAction action)
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

    /// <summary>What was written is on the disk.</summary>
    public void Sync() => disk.Sync(_part!);

    /// <summary>Gives the part its sealed name. It stays open.</summary>
    public void Seal(StagedBlob blob) => disk.Files.Move(names.Part(shape.Id), blob.Path);

    /// <summary>The sealed file may be the store's by now, under its second name: it never changes again, and other chunks go into a copy.</summary>
    public void Unseal(StagedBlob blob, PieceBuffers buffers)
    {
        IStoreFiles files = disk.Files;
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

            if (part.HasFailed) throw Untrusted();
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

        lock (_gate)
        {
            _part?.Dispose();
            _part = part;
        }
    }

    public IOException Untrusted() => new($"the disk could not write all of an upload: {names.Part(shape.Id)}");

    public IOException TooShort() => new($"an upload of {shape.Size} bytes ends before: {names.Part(shape.Id)}");

    public void Close()
    {
        lock (_gate)
        {
            _part?.Dispose();
            _part = null;
        }

        _map?.Dispose();
        _map = null;
    }

    /// <summary>Not the sealed one. What cannot be deleted is not believed.</summary>
    public void Delete()
    {
        disk.Suspect(shape.Id);
        disk.Files.Delete(names.Map(shape.Id));
        disk.Files.Delete(names.Part(shape.Id));
        disk.Trust(shape.Id);
    }

    public void Dispose() => Close();

    /// <returns>null: there is none, or it is none of this upload.</returns>
    private byte[]? ReadMap()
    {
        using IStoreFile? file = disk.Files.OpenToRead(names.Map(shape.Id));
        byte[] bytes = new byte[ChunkMap.SizeOf(shape)];
        return file?.Read(bytes, 0) == bytes.Length && ChunkMap.IsHeaderOf(shape, bytes) ? bytes : null;
    }
}
