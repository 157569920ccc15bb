using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// Blobs as files, <c>blobs/ab/cd/abcd…</c>: a name of 64 digits in two folders of its first digits, 65,536 in all. A blob comes by a second name of the staged file, so nothing is copied; where the file
/// system has no second names, by a copy on the stage and a rename. Folders are never removed.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class FileBlobStore : IBlobStore
{
    private readonly BlobDisk _disk;

    /// <param name="disk">Stays the caller's.</param>
    public FileBlobStore(BlobDisk disk)
    {
        ArgumentNullException.ThrowIfNull(disk);
        _disk = disk;
    }

    public async ValueTask PutAsync(StagedBlob staged, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(staged);
        string path = PathOf(staged.Hash), folder = Path.GetDirectoryName(path)!;
        if (await _disk.RunAsync("putting a blob", _ => Link(staged, path, folder)).ConfigureAwait(false)) return;
        await _disk.RunLongAsync("copying a blob", buffers => Copy(staged, path, folder, buffers)).ConfigureAwait(false);
    }

    public async ValueTask<IBlobContent?> OpenAsync(BlobHash hash, CancellationToken stop)
    {
        IStoreFile? file = await _disk.RunAsync("opening a blob", _ => _disk.Files.OpenToRead(PathOf(hash))).ConfigureAwait(false);
        return file is null ? null : new FileBlobContent(_disk, file);
    }

    public async ValueTask<bool> DeleteAsync(BlobHash hash, CancellationToken stop) => await _disk.RunAsync("deleting a blob", _ =>
    {
        string path = PathOf(hash);
        if (!_disk.Files.FileExists(path)) return false;
        _disk.Files.Delete(path);
        return true;
    }).ConfigureAwait(false);

    public async IAsyncEnumerable<StoredBlob> ListAsync([EnumeratorCancellation] CancellationToken stop)
    {
        foreach (string outer in await FoldersAsync(_disk.Folder).ConfigureAwait(false))
        {
            foreach (string inner in await FoldersAsync(outer).ConfigureAwait(false))
            {
                stop.ThrowIfCancellationRequested();
                foreach (StoredBlob blob in await _disk.RunAsync("listing blobs", _ => BlobsIn(inner)).ConfigureAwait(false)) yield return blob;
            }
        }
    }

    internal string PathOf(BlobHash hash)
    {
        string name = hash.ToString();
        return Path.Combine(_disk.Folder, name[..2], name[2..4], name);
    }

    /// <returns>false: the file system has no second names, or one that somebody or something has cut is there: a whole one is to come in its place.</returns>
    private bool Link(StagedBlob staged, string path, string folder)
    {
        _disk.Prepare(folder);
        if (_disk.Files.Link(staged.Path, path, _disk.Options.Time.GetUtcNow()) != LinkOutcome.Linked && _disk.Files.Look(path)?.Length != staged.Length) return false;
        // Also when it was there: who put it may not have come to this yet.
        _disk.SyncDirectory(folder);
        return true;
    }

    private bool Copy(StagedBlob staged, string path, string folder, PieceBuffers buffers)
    {
        using BlobDisk.Expected expected = _disk.Expect(staged.Length);
        string copy = _disk.Stage.Copy(staged.Id);
        try
        {
            WriteCopy(staged, copy, buffers);
            _disk.Files.Move(copy, path);
        }
        catch
        {
            DropCopy(copy);
            throw;
        }

        _disk.SyncDirectory(folder);
        return true;
    }

    private void WriteCopy(StagedBlob staged, string copy, PieceBuffers buffers)
    {
        using IStoreFile from = _disk.Files.OpenToRead(staged.Path) ?? throw new FileNotFoundException("a staged blob is not there", staged.Path);
        using IStoreFile to = _disk.Files.Open(copy, create: true);
        for (long offset = 0; offset < staged.Length;)
        {
            int count = from.Read(buffers.First, offset);
            if (count == 0) throw new IOException($"a staged blob ends before its {staged.Length} bytes: {staged.Path}");
            _disk.Write(to, buffers.First.AsSpan(0, count), offset);
            offset += count;
        }

        _disk.Sync(to);
    }

    // Another failure than the one that brought us here helps nobody; the next start removes it.
    private void DropCopy(string copy)
    {
        try
        {
            _disk.Files.Delete(copy);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    private ValueTask<List<string>> FoldersAsync(string folder) => _disk.RunAsync<List<string>>("listing blobs", _ =>
        _disk.Files.DirectoryExists(folder) ? [.. _disk.Files.DirectoriesIn(folder).Where(child => IsHex(Path.GetFileName(child)))] : []);

    private List<StoredBlob> BlobsIn(string folder)
    {
        List<StoredBlob> blobs = [];
        foreach (string file in _disk.Files.FilesIn(folder))
        {
            // One that is not in its place would not be found under its name.
            if (!BlobHash.TryParse(Path.GetFileName(file), out BlobHash hash) || PathOf(hash) != file) continue;
            if (_disk.Files.Look(file) is { } look) blobs.Add(new StoredBlob(hash, look.Length, look.WrittenAt));
        }

        return blobs;
    }

    private static bool IsHex(string name) => name.Length == 2 && char.IsAsciiHexDigitLower(name[0]) && char.IsAsciiHexDigitLower(name[1]);
}

/// <summary>A blob's file, open: it can be read to its end also when it is deleted meanwhile.</summary>
/// <remarks>One reader at a time.</remarks>
internal sealed class FileBlobContent(BlobDisk disk, IStoreFile file) : IBlobContent
{
    public const int PieceBytes = 64 << 10;

    public long Length { get; } = file.Length;

    public Uri? Address(string contentType, string contentDisposition) => null;

    public async ValueTask SendAsync(long offset, long length, PipeWriter to, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(to);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length - offset);
        for (long end = offset + length; offset < end;)
        {
            Memory<byte> memory = to.GetMemory((int)Math.Min(end - offset, PieceBytes));
            int wanted = (int)Math.Min(end - offset, Math.Min(memory.Length, PieceBytes));
            long from = offset;
            int count = await disk.RunAsync("reading a blob", _ => file.Read(memory.Span[..wanted], from)).ConfigureAwait(false);
            if (count == 0) throw StoreUnavailableException.For("reading a blob", disk.Folder, "the file has become shorter");
            to.Advance(count);
            offset += count;
            FlushResult flushed = await to.FlushAsync(stop).ConfigureAwait(false);
            if (flushed.IsCompleted) return;
            stop.ThrowIfCancellationRequested();
        }
    }

    public ValueTask DisposeAsync()
    {
        file.Dispose();
        return ValueTask.CompletedTask;
    }
}
