using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>How a <see cref="BlobDisk"/> is opened. Sizes in bytes.</summary>
/// <remarks>
/// Memory: two pieces of <see cref="PieceBytes"/> per thread, 4 MiB with the defaults; per upload in memory a byte for each of its chunks, 10 KB at most;
/// and what the bodies that are being read have buffered themselves, up to a piece each.
/// </remarks>
public sealed record BlobDiskOptions
{
    /// <summary>The data folder; blobs lie in <c>blobs</c> below it, made when the first one comes.</summary>
    public required string Folder { get; init; }

    /// <summary>Free space below which no bytes are taken. Twice what documents keep for themselves: blobs stop first.</summary>
    public long ReserveBytes { get; init; } = 512 << 20;

    /// <summary>Threads that read, write, hash and sync; most of the time they wait for the disk. Started when there is work.</summary>
    public int Threads { get; init; } = 8;

    /// <summary>Bytes read, hashed and written at a time: they stay in the processor's cache meanwhile.</summary>
    public int PieceBytes { get; init; } = 256 << 10;

    /// <summary>
    /// Chunks, and blobs in one request, that are being received at once; small ones that are there already (<see cref="Engine.Blobs.SmallBody"/>) take no place.
    /// More are refused (<see cref="Engine.Storage.ChunkResult.Busy"/>), unless one of them is slow: then that one is.
    /// </summary>
    public int BodiesMax { get; init; } = 64;

    /// <summary>Uploads whose map is kept in memory, each with two files open; of others it is read again.</summary>
    public int UploadsInMemoryMax { get; init; } = 256;

    /// <summary>Shared with the documents of the same disk, whose commits go first.</summary>
    public RightOfWay Way { get; init; } = new(TimeProvider.System);

    public ILogger Logger { get; init; } = NullLogger.Instance;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The file system; replaced by tests.</summary>
    internal IStoreFiles Files { get; init; } = DiskFiles.Instance;

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Folder);
        ArgumentOutOfRangeException.ThrowIfNegative(ReserveBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(Threads, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(PieceBytes, 512);
        ArgumentOutOfRangeException.ThrowIfLessThan(BodiesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(UploadsInMemoryMax, 1);
    }
}
