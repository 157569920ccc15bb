using System.Collections.Concurrent;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// The folder of blobs, and the threads that work in it: what the stage and the store of files share.
/// <code>
/// blobs/stage/                 uploads under way (StageNames)
/// blobs/ab/cd/abcd…            whole blobs, named by their SHA-256
/// </code>
/// </summary>
/// <remarks>Safe on any thread. Disposed after those that use it; what is under way is finished.</remarks>
public sealed class BlobDisk : IDisposable
{
    // A small file is one piece, and its syncs take longer.
    private const int LargePieceBytes = 64 << 10;

    private readonly ConcurrentDictionary<Guid, bool> _suspects = new();      // not more than there are uploads
    private readonly DiskThreads _threads;
    private readonly SemaphoreSlim _longTurns;
    private readonly Lock _foldersGate = new();
    private readonly HashSet<string> _folders = [];
    private Func<long>? _available;
    private long _expected;

    public BlobDisk(BlobDiskOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        Options = options;
        Folder = Path.Combine(options.Folder, "blobs");
        Stage = new StageNames(Path.Combine(Folder, "stage"));
        _longTurns = new SemaphoreSlim(Math.Max(1, options.Threads / 4));
        _threads = new DiskThreads(options.Threads, options.PieceBytes);
    }

    internal BlobDiskOptions Options { get; }

    internal IStoreFiles Files => Options.Files;

    internal string Folder { get; }

    internal StageNames Stage { get; }

    public void Dispose()
    {
        _threads.Dispose();
        _longTurns.Dispose();
    }

    /// <summary>Runs what waits for the disk or hashes for long, on one of the disk's threads.</summary>
    /// <exception cref="StoreUnavailableException">The disk failed, or is full.</exception>
    internal async ValueTask<TResult> RunAsync<TResult>(string operation, Func<PieceBuffers, TResult> work)
    {
        try
        {
            return await _threads.RunAsync(work).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw StoreUnavailableException.For(operation, Folder, e.Message, e);
        }
    }

    /// <summary>As <see cref="RunAsync"/>, for what takes seconds: as many at a time as leave most threads to the others.</summary>
    internal async ValueTask<TResult> RunLongAsync<TResult>(string operation, Func<PieceBuffers, TResult> work)
    {
        await _longTurns.WaitAsync().ConfigureAwait(false);
        try
        {
            return await RunAsync(operation, work).ConfigureAwait(false);
        }
        finally
        {
            _longTurns.Release();
        }
    }

    /// <summary>Makes a folder, and its name durable. Looked at once per folder and process. On a thread of the disk.</summary>
    internal void Prepare(string folder)
    {
        lock (_foldersGate)
        {
            if (_folders.Contains(folder)) return;
        }

        // Also when it is there: whoever made it may have died, or not have come to it, before its name was on the disk.
        if (folder != Options.Folder)
        {
            string parent = Path.GetDirectoryName(folder)!;
            Prepare(parent);
            Files.MakeDirectory(folder);
            Files.SyncDirectory(parent);
        }

        lock (_foldersGate) _folders.Add(folder);
    }

    /// <summary>The disk could not write all of an upload, and tells so once: what it reads of it counts for nothing, until it is begun anew or deleted.</summary>
    internal void Suspect(Guid upload) => _suspects[upload] = true;

    internal void Trust(Guid upload) => _suspects.TryRemove(upload, out _);

    internal bool IsSuspect(Guid upload) => _suspects.ContainsKey(upload);

    /// <summary>Writes a piece, and has the disk begin with it, so that little is left to a sync: others' commits would wait for that. On a thread of the disk.</summary>
    internal void Write(IStoreFile file, ReadOnlySpan<byte> bytes, long offset)
    {
        file.Write(bytes, offset);
        if (!Options.Way.IsClaimed)
        {
            file.StartWriting(offset, bytes.Length);
            return;
        }

        // Not in parts: what was written in one go may lie in one folio, which is written as a whole.
        using RightOfWay.Turn turn = Options.Way.Enter();
        file.WriteOut(offset, bytes.Length);
        if (bytes.Length >= LargePieceBytes) turn.Rest();
    }

    /// <summary>Syncs a file, when it is its turn. On a thread of the disk.</summary>
    internal void Sync(IStoreFile file)
    {
        using RightOfWay.Turn turn = Options.Way.Enter();
        file.Sync();
    }

    /// <summary>As <see cref="Sync"/>, the names in a folder.</summary>
    internal void SyncDirectory(string folder)
    {
        using RightOfWay.Turn turn = Options.Way.Enter();
        Files.SyncDirectory(folder);
    }

    /// <summary>Sees to it that bytes that are about to come do not eat into the reserve, together with those that others expect.</summary>
    /// <returns>To be disposed when they have come.</returns>
    /// <exception cref="StoreUnavailableException">They would.</exception>
    internal Expected Expect(long bytes)
    {
        long expected = Interlocked.Add(ref _expected, bytes);
        try
        {
            long available = (_available ??= Files.AvailableBytesOf(Options.Folder))();
            if (available - expected < Options.ReserveBytes)
            {
                throw StoreUnavailableException.For("write", Folder, $"{available >> 20} MiB are free and {Options.ReserveBytes >> 20} MiB are kept in reserve");
            }

            return new Expected(this, bytes);
        }
        catch (Exception e)
        {
            Interlocked.Add(ref _expected, -bytes);
            if (e is IOException or UnauthorizedAccessException) throw StoreUnavailableException.For("write", Folder, e.Message, e);
            throw;
        }
    }

    internal readonly struct Expected(BlobDisk disk, long bytes) : IDisposable
    {
        public void Dispose() => Interlocked.Add(ref disk._expected, -bytes);
    }
}
