using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>What the check found.</summary>
/// <param name="Missing">Blobs in the index whose bytes cannot be read, or are not as many.</param>
/// <param name="Orphans">Blobs in the store that the index did not know; deleted.</param>
public readonly record struct BlobCheck(long Blobs, long Missing, long Orphans);

/// <summary>Removes blobs that nobody wants any more, and uploads whose time is over; compares index and bytes, both ways.</summary>
/// <remarks>Safe on any thread; <see cref="RunAsync"/> is called once. A blob that is claimed or completed at that moment waits, and is there afterwards.</remarks>
public sealed class BlobCollector
{
    /// <summary>How long a blob stays that nobody claims.</summary>
    public static readonly TimeSpan KeptFor = TimeSpan.FromHours(24);

    /// <summary>Bytes that the index does not know are left alone for so long: they may be on their way.</summary>
    public static readonly TimeSpan OrphanAgeMin = TimeSpan.FromHours(1);

    private const int SweptAtOnce = 100;
    private const int PageLength = 500;

    // 50 blobs, then a rest: 500 a second at most, so that a million takes half an hour and nobody notices.
    private const int CheckedAtOnce = 50;
    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(100);

    // One that cannot be read does not keep the others from being checked. So many in a row: it is not the blobs.
    private const int FailuresMax = 5;

    private static readonly TimeSpan s_firstSweepAfter = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan s_sweepEvery = TimeSpan.FromHours(1);
    private static readonly TimeSpan s_firstCheckAfter = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan s_checkEvery = TimeSpan.FromDays(1);

    private readonly BlobOptions _options;
    private readonly BlobUploads _uploads;
    private readonly KeyedGate<BlobHash> _hashes;

    internal BlobCollector(BlobOptions options, BlobUploads uploads, KeyedGate<BlobHash> hashes) => (_options, _uploads, _hashes) = (options, uploads, hashes);

    /// <summary>Sweeps every hour and checks every day, until it is stopped.</summary>
    public Task RunAsync(CancellationToken stop) => Task.WhenAll(
        RepeatAsync(s_firstSweepAfter, s_sweepEvery, () => SweepAllAsync(stop), _options.Log.SweepFailed, stop),
        RepeatAsync(s_firstCheckAfter, s_checkEvery, async () => await CheckAsync(stop), _options.Log.CheckFailed, stop));

    /// <summary>Removes blobs that nobody has claimed for a day.</summary>
    /// <returns>How many were looked at: whether there may be more.</returns>
    public async ValueTask<int> CollectAsync(int max, CancellationToken stop)
    {
        DateTimeOffset since = _options.Time.GetUtcNow() - KeptFor;
        IReadOnlyList<BlobHash> unclaimed = await _options.Index.UnclaimedAsync(since, max, stop);
        foreach (BlobHash hash in unclaimed)
        {
            using KeyedGate<BlobHash>.Turn alone = await _hashes.EnterAsync(hash, stop);
            if (!await _options.Index.ForgetAsync(hash, since, CancellationToken.None)) continue;
            await _options.Store.DeleteAsync(hash, CancellationToken.None);      // if it fails: known to nobody, the check's affair
            _options.Metrics.Collected();
        }

        return unclaimed.Count;
    }

    /// <summary>Compares index and bytes. Bytes that nobody knows go; a blob without its bytes is named in the log.</summary>
    public async ValueTask<BlobCheck> CheckAsync(CancellationToken stop)
    {
        long orphans = await DeleteOrphansAsync(stop);
        (long blobs, long missing) = await FindMissingAsync(stop);
        _options.Metrics.Missing(missing);
        _options.Log.Checked(blobs, missing, orphans);
        return new BlobCheck(blobs, missing, orphans);
    }

    private async ValueTask<long> DeleteOrphansAsync(CancellationToken stop)
    {
        long looked = 0, orphans = 0;
        int failures = 0;
        DateTimeOffset before = _options.Time.GetUtcNow() - OrphanAgeMin;
        await foreach (StoredBlob stored in _options.Store.ListAsync(stop))
        {
            if (stored.WrittenAt > before) continue;
            await RestAsync(++looked, stop);
            try
            {
                if (await TryDeleteOrphanAsync(stored, stop)) orphans++;
                failures = 0;
            }
            catch (StorageException e) when (++failures < FailuresMax)
            {
                _options.Log.NotDeleted(stored.Hash, e);
            }
        }

        return orphans;
    }

    private async ValueTask<bool> TryDeleteOrphanAsync(StoredBlob stored, CancellationToken stop)
    {
        if (await _options.Index.FindAsync(stored.Hash, stop) is not null) return false;
        using KeyedGate<BlobHash>.Turn alone = await _hashes.EnterAsync(stored.Hash, stop);
        if (await _options.Index.FindAsync(stored.Hash, stop) is not null || !await _options.Store.DeleteAsync(stored.Hash, CancellationToken.None)) return false;
        _options.Metrics.Orphan();
        _options.Log.Orphan(stored.Hash, stored.Length);
        return true;
    }

    private async ValueTask<(long Blobs, long Missing)> FindMissingAsync(CancellationToken stop)
    {
        long looked = 0, missing = 0;
        int failures = 0;
        BlobHash? after = null;
        while (true)
        {
            IReadOnlyList<BlobRecord> page = await _options.Index.PageAsync(after, PageLength, stop);
            foreach (BlobRecord record in page)
            {
                await RestAsync(++looked, stop);
                string? why;
                try
                {
                    why = await WhyMissingAsync(record, stop);
                    failures = 0;
                }
                catch (StorageException e) when (++failures < FailuresMax)
                {
                    why = e.Message;
                }

                if (why is null) continue;
                missing++;
                _options.Log.Missing(record.Hash, why);
            }

            if (page.Count < PageLength) return (looked, missing);
            after = page[^1].Hash;
        }
    }

    private async ValueTask<string?> WhyMissingAsync(BlobRecord record, CancellationToken stop)
    {
        if (await FaultOfAsync(record, stop) is null) return null;

        // Once more, while nobody puts or deletes it.
        using KeyedGate<BlobHash>.Turn alone = await _hashes.EnterAsync(record.Hash, stop);
        return await _options.Index.FindAsync(record.Hash, stop) is null ? null : await FaultOfAsync(record, stop);
    }

    private async ValueTask<string?> FaultOfAsync(BlobRecord record, CancellationToken stop)
    {
        await using IBlobContent? content = await _options.Store.OpenAsync(record.Hash, stop);
        return BlobLibrary.FaultOf(content, record);
    }

    private Task RestAsync(long looked, CancellationToken stop) => looked % CheckedAtOnce == 0 ? Task.Delay(s_rest, _options.Time, stop) : Task.CompletedTask;

    private async Task SweepAllAsync(CancellationToken stop)
    {
        while (await _uploads.SweepAsync(SweptAtOnce, stop) == SweptAtOnce)
        {
            // there may be more
        }

        // What cannot be forgotten has been claimed since, and is not among the next.
        while (await CollectAsync(SweptAtOnce, stop) == SweptAtOnce)
        {
            // there may be more
        }
    }

    private async Task RepeatAsync(TimeSpan first, TimeSpan every, Func<Task> work, Action<Exception> failed, CancellationToken stop)
    {
        for (TimeSpan wait = first; ; wait = every)
        {
            await Task.Delay(wait, _options.Time, stop);
            try
            {
                await work();
            }
            catch (Exception e) when (e is not OperationCanceledException || !stop.IsCancellationRequested)
            {
                failed(e);
            }
        }
    }
}
