using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster;

/// <summary>How a <see cref="FasterChunkStore"/> is opened. Sizes in bytes, powers of two where said; the defaults suit a server of a few hundred MiB.</summary>
/// <remarks>
/// Memory: <see cref="TableMemoryBytes"/> + <see cref="JournalMemoryBytes"/> (both filled page by page, never beyond)
/// + 64 bytes × <see cref="IndexBuckets"/> + about 300 bytes × <see cref="CachedManifests"/>. With the defaults 64 + 4 + 4 + 5 MiB at most, about 20 when idle from the start.
/// <see cref="Geometry"/>, what a folder was made with, outlives changes of these settings.
/// </remarks>
public sealed record FasterStoreOptions
{
    /// <summary>The data folder. Created when missing, with permissions 0700; others may keep files of other names beside ours.</summary>
    public required string Folder { get; init; }

    /// <summary>Memory of the document table's log; older pages are read from disk. Power of two, at least four pages.</summary>
    public long TableMemoryBytes { get; init; } = 64 << 20;

    /// <summary>
    /// Page of the table and of the journal, power of two. A quarter of it is the largest part that bodies are cut into, 256 KiB; half of it the most that heads may take,
    /// 16,384 of 32 bytes. FASTER keeps two pages of each log in memory from the start.
    /// </summary>
    public int PageBytes { get; init; } = 1 << 20;

    /// <summary>Memory of the journal. Power of two, at least two pages.</summary>
    public long JournalMemoryBytes { get; init; } = 4 << 20;

    /// <summary>Hash buckets of the table, power of two: 64 bytes and seven keys each before they overflow. 2^16 × 64 B = 4 MiB for 458,000 keys.</summary>
    public int IndexBuckets { get; init; } = 1 << 16;

    /// <summary>Size of a table file: space of deleted documents comes back in this unit. Power of two, at least a page.</summary>
    public long TableSegmentBytes { get; init; } = 64 << 20;

    /// <summary>Size of a journal file. Power of two, at least a page.</summary>
    public long JournalSegmentBytes { get; init; } = 16 << 20;

    /// <summary>A checkpoint is taken when the journal, or the table, has grown by this much: what a restart replays at most (plus what comes during the checkpoint).</summary>
    public long CheckpointBytes { get; init; } = 64 << 20;

    /// <summary>Free space below which appends are refused. FASTER does not survive a full disk, so it must never meet one.</summary>
    public long ReserveBytes { get; init; } = 256 << 20;

    /// <summary>Dead bytes the table may hold before any are reclaimed, however few are alive. <see cref="long.MaxValue"/>: none ever are.</summary>
    public long ReclaimBytesMin { get; init; } = 32 << 20;

    /// <summary>Bytes journaled before a commit, so that one group does not make the next wait long.</summary>
    public int GroupBytesMax { get; init; } = 4 << 20;

    /// <summary>Manifests kept decoded for documents that are being written.</summary>
    public int CachedManifests { get; init; } = 16 * 1024;

    /// <summary>Threads that read from disk.</summary>
    public int ReaderThreads { get; init; } = 2;

    /// <summary>
    /// An operator's decision after <see cref="StoreDamagedException"/> at the start: open with what the journal still holds before damage of which cannot be told whose it is.
    /// What was acknowledged after it is lost. Other damage costs its document only, with this or without.
    /// </summary>
    public bool AcceptDamagedJournal { get; init; }

    /// <summary>Where those who append are told: all of one commit in one go. The writer is woken when they have done what has come to them together.</summary>
    public IWorkScheduler Callers { get; init; } = ThreadPoolScheduler.Instance;

    /// <summary>Shared with blobs on the same disk; null: there are none.</summary>
    public RightOfWay? Way { get; init; }

    /// <summary>Counts; null: nobody wants to know.</summary>
    public StoreMetrics? Metrics { get; init; }

    public ILogger Logger { get; init; } = NullLogger.Instance;

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Free bytes of the disk; replaced by tests.</summary>
    internal Func<long>? FreeSpace { get; init; }

    /// <summary>How long after a failed write of the table it is tried again.</summary>
    internal TimeSpan WriteAgainAfter { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The file system; replaced by tests.</summary>
    internal IStoreFiles Files { get; init; } = DiskFiles.Instance;

    internal Geometry Geometry => new(PageBytes, TableSegmentBytes, JournalSegmentBytes, IndexBuckets);

    /// <summary>These settings for a folder that was made with others; memory grows to the least that its pages need.</summary>
    internal FasterStoreOptions For(Geometry geometry) => this with
    {
        PageBytes = geometry.PageBytes,
        TableSegmentBytes = geometry.TableSegmentBytes,
        JournalSegmentBytes = geometry.JournalSegmentBytes,
        IndexBuckets = geometry.IndexBuckets,
        TableMemoryBytes = Math.Max(TableMemoryBytes, 4L * geometry.PageBytes),
        JournalMemoryBytes = Math.Max(JournalMemoryBytes, 2L * geometry.PageBytes),
    };

    internal void Validate()
    {
        ArgumentException.ThrowIfNullOrEmpty(Folder);
        RequirePowerOfTwo(PageBytes, 16 << 10, nameof(PageBytes));
        RequirePowerOfTwo(TableMemoryBytes, 4L * PageBytes, nameof(TableMemoryBytes));
        RequirePowerOfTwo(JournalMemoryBytes, 2L * PageBytes, nameof(JournalMemoryBytes));
        RequirePowerOfTwo(IndexBuckets, 64, nameof(IndexBuckets));
        RequirePowerOfTwo(TableSegmentBytes, PageBytes, nameof(TableSegmentBytes));
        RequirePowerOfTwo(JournalSegmentBytes, PageBytes, nameof(JournalSegmentBytes));
        ArgumentOutOfRangeException.ThrowIfLessThan(CheckpointBytes, PageBytes);
        ArgumentOutOfRangeException.ThrowIfNegative(ReserveBytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(GroupBytesMax, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(CachedManifests, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(ReaderThreads, 1);
    }

    private static void RequirePowerOfTwo(long value, long min, string name)
    {
        if (value < min || !System.Numerics.BitOperations.IsPow2(value)) throw new ArgumentOutOfRangeException(name, value, $"must be a power of two, at least {min}");
    }
}

/// <summary>Sizes that FASTER's files are built by: they cannot change after a folder was made.</summary>
internal readonly record struct Geometry(int PageBytes, long TableSegmentBytes, long JournalSegmentBytes, int IndexBuckets);
