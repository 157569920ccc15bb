using System.IO.Pipelines;

namespace Ratatoskr.Engine.Storage;

/// <summary>
/// Where uploads wait until they are whole: on this server's disk, whatever the <see cref="IBlobStore"/> is. An upload is one file, in which every chunk has its place, with a sum
/// of each chunk beside it, so that after a crash no byte is taken for granted. Hashes as the bytes come.
/// </summary>
/// <remarks>Safe on any thread, chunks of one upload in parallel too. Everything throws a <see cref="StorageException"/> when the disk cannot take it; what was there before stays.</remarks>
public interface IBlobStage
{
    /// <summary>
    /// Reads one chunk from <paramref name="body"/> to its end. A chunk that is there already is compared, and replaced where it differs. Until its last byte has come the chunk is not there.
    /// </summary>
    ValueTask<ChunkOutcome> WriteChunkAsync(UploadShape upload, int index, PipeReader body, CancellationToken stop);

    /// <summary>Which chunks are there. After a restart they are read and compared with their sums first.</summary>
    ValueTask<ChunksReceived> ReceivedAsync(UploadShape upload, CancellationToken stop);

    /// <summary>
    /// Makes a whole upload durable and tells its hash; null while chunks are missing. Sealing twice gives the same; a chunk that is written afterwards unseals it.
    /// Concurrent calls for one upload wait for each other.
    /// </summary>
    ValueTask<StagedBlob?> SealAsync(UploadShape upload, CancellationToken stop);

    /// <summary>A whole small blob in one go: reads <paramref name="body"/> to its end, durable and hashed when this returns. Nothing is left of one that is not taken.</summary>
    /// <param name="length">Bytes that are to come; null: unknown.</param>
    ValueTask<TakeOutcome> TakeAsync(long? length, long lengthMax, PipeReader body, CancellationToken stop);

    /// <summary>Removes an upload, sealed or not. Chunks that come at that moment are refused.</summary>
    ValueTask DiscardAsync(Guid upload, CancellationToken stop);

    /// <summary>Removes all but these, and all that was not sealed by <see cref="TakeAsync"/>; at the start. What is sealed is told, as it may be in the store, or half in it.</summary>
    ValueTask<IReadOnlyList<StagedBlob>> RecoverAsync(IReadOnlySet<Guid> uploads, CancellationToken stop);
}

/// <summary>How an upload is cut.</summary>
/// <param name="Size">Bytes, at least 1.</param>
/// <param name="ChunkSize">Of every chunk but the last.</param>
public readonly record struct UploadShape(Guid Id, long Size, int ChunkSize)
{
    /// <summary>Chunks of one upload; which of them are there is kept in memory while it is under way.</summary>
    public const int ChunksMax = 10_000;

    public int ChunkCount => (int)((Size + ChunkSize - 1) / ChunkSize);

    /// <summary>Bytes of a chunk.</summary>
    public int LengthOf(int index) => index == ChunkCount - 1 ? (int)(Size - (long)index * ChunkSize) : ChunkSize;
}

/// <summary>A whole blob on the stage, durable, its hash known.</summary>
/// <param name="Id">The upload's; a made-up one for a blob that came in one go.</param>
/// <param name="Path">The file.</param>
public sealed record StagedBlob(Guid Id, BlobHash Hash, long Length, string Path);

/// <param name="Chunks">One per chunk: whether it is there.</param>
public sealed record ChunksReceived(int Count, IReadOnlyList<bool> Chunks);

public enum ChunkResult : byte
{
    Stored,

    /// <summary>Shorter or longer than the chunk is. What was there of it before may be gone.</summary>
    WrongSize,

    /// <summary>There are as many as the stage takes at once; worth repeating later.</summary>
    Busy,

    /// <summary>The upload has been discarded meanwhile.</summary>
    Gone,
}

public enum TakeResult : byte
{
    Taken,

    /// <summary>Not as long as was said, longer than it may be, or empty.</summary>
    WrongSize,

    /// <summary>As <see cref="ChunkResult.Busy"/>.</summary>
    Busy,
}

/// <param name="Blob">What was taken; null: nothing was.</param>
public readonly record struct TakeOutcome(TakeResult Result, StagedBlob? Blob);

/// <param name="Received">Chunks that are there now.</param>
public readonly record struct ChunkOutcome(ChunkResult Result, int Received);
