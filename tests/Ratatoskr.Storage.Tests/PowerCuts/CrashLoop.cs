using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Tests.Contract;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.PowerCuts;

/// <summary>
/// Lives of a store on one disk, each ended by a power cut at a random step: its opening, its commits, its checkpoints, its reclaiming of space. Some of them on a disk that also fails now and then.
/// After each the next life looks for everything that was acknowledged, and whether recovery read no more than it may.
/// </summary>
internal sealed class CrashLoop
{
    private const int DocumentCount = 8;
    private const int ChainMax = 400;                    // numbers a document grows to before it is deleted

    private static readonly FasterStoreOptions Options = new()
    {
        Folder = "/data",
        PageBytes = 16 << 10,
        TableMemoryBytes = 128 << 10,
        JournalMemoryBytes = 64 << 10,
        TableSegmentBytes = 64 << 10,
        JournalSegmentBytes = 64 << 10,
        IndexBuckets = 64,
        CheckpointBytes = 96 << 10,
        ReclaimBytesMin = 64 << 10,
        GroupBytesMax = 32 << 10,
        CachedManifests = 4,
        ReaderThreads = 1,
        ReserveBytes = 0,
        WriteAgainAfter = TimeSpan.FromMilliseconds(1),
    };

    private readonly int _seed;
    private readonly Random _random;
    private readonly DocumentLedger[] _documents = [.. Enumerable.Range(0, DocumentCount).Select(i => new DocumentLedger(i))];
    private readonly FasterStoreOptions _options;
    private readonly List<string> _lives = [];
    private PowerCutFiles _files;
    private bool _failedBefore;

    public CrashLoop(int seed)
    {
        _seed = seed;
        _random = new Random(seed);
        _files = new PowerCutFiles(_random.Next());
        _options = Options with { Time = new HastyTime() };
    }

    public int Acknowledged => _documents.Sum(document => document.Acknowledged);

    public long ReplayedMax { get; private set; }

    public long BytesReadMax { get; private set; }

    public long Failures { get; private set; }

    /// <summary>
    /// What a recovery may read: twice (once to find the end, once to replay) the journal that can follow a checkpoint; the table's memory; the index twice (once to compare its checksum);
    /// the checksums of two segments. A checkpoint is due after <c>CheckpointBytes</c> and takes its time, in which the journal goes on: nothing but the disk's speed bounds that.
    /// </summary>
    public static long BytesReadBound => (2 * (((6 * Options.CheckpointBytes) + (4 * Options.GroupBytesMax)) + (4L * Options.PageBytes))) + Options.TableMemoryBytes + (2 * (64 << 10)) + (2 * Options.TableSegmentBytes / 127);

    public async Task LiveAsync(int round)
    {
        string when = $"seed {_seed}, round {round}";
        _files.CutAt = _random.Next(6) == 0 ? _random.Next(1, 120) : _random.Next(1, 2500);
        bool fails = _random.Next(3) == 0;
        if (fails) (_files.FailureRate, _files.FailsIn) = (0.001 * _random.Next(1, 60), _random.Next(4) switch { 0 => "journal", 1 => "table", 2 => "checkpoint", _ => "" });

        PowerCutFiles disk = _files;
        _lives.Add($"{when}: cut at {disk.CutAt}, {disk.FailureRate:P1} fail in '{disk.FailsIn}'");
        try
        {
            if (await OpenAsync(disk, when) is { } store)
            {
                if (!disk.IsCut) await CheckAsync(store, disk, when);
                if (!disk.IsCut) await WorkAsync(store, disk);
                await store.AbandonAsync();
            }
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{string.Join('\n', _lives.TakeLast(4))}\n(cut {disk.IsCut}, {disk.Failures} failures)", e);
        }

        Failures += disk.Failures;
        _failedBefore |= disk.Failures > 0;
        _files = disk.Cut();
    }

    // null: the power was cut, or the disk failed so that there was nothing to open.
    private async Task<FasterChunkStore?> OpenAsync(PowerCutFiles disk, string when)
    {
        for (int tries = 0; ; tries++)
        {
            long read = disk.BytesRead, failures = disk.Failures;
            try
            {
                FasterChunkStore store = await FasterChunkStore.OpenAsync(_options with { Files = disk });
                // Where checkpoints failed the journal grew beyond its bound, until one has succeeded.
                bool isExcused = _failedBefore || disk.Failures > 0;
                _failedBefore = isExcused && disk.BytesRead - read > BytesReadBound;
                if (disk.IsCut || isExcused) return store;
                ReplayedMax = Math.Max(ReplayedMax, store.ReplayedEntries);
                BytesReadMax = Math.Max(BytesReadMax, disk.BytesRead - read);
                Assert.True(disk.BytesRead - read <= BytesReadBound, $"{when}: {string.Join(" ", store.Damages)}: recovery read {disk.BytesRead - read} bytes and replayed {store.ReplayedEntries} entries; {BytesReadBound} bytes are its bound");
                return store;
            }
            catch (Exception e) when (e is StoreUnavailableException or StoreFolderException or IOException && disk.Failures > failures)
            {
                if (disk.IsCut) return null;
                if (tries == 3) disk.FailureRate = 0;
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{when}: it does not open (cut {disk.IsCut}, {disk.Failures} failures)", e);
            }
        }
    }

    private async Task CheckAsync(FasterChunkStore store, PowerCutFiles disk, string when)
    {
        double rate = disk.FailureRate;
        disk.FailureRate = 0;
        DocumentPeek[] peeks = new DocumentPeek[DocumentCount];
        await store.PeekAsync(_documents.Select(document => document.Id).ToArray(), peeks, CancellationToken.None);
        for (int i = 0; i < DocumentCount; i++) _documents[i].Check(await store.LoadAsync(_documents[i].Id), peeks[i], when);
        disk.FailureRate = rate;
    }

    private async Task WorkAsync(FasterChunkStore store, PowerCutFiles disk)
    {
        int[] seeds = [.. _documents.Select(_ => _random.Next())];
        Task[] writers = [.. _documents.Select((document, i) => Task.Run(() => WriteAsync(store, disk, document, new Random(seeds[i]))))];
        await Task.WhenAll(writers);
    }

    private static async Task WriteAsync(FasterChunkStore store, PowerCutFiles disk, DocumentLedger ledger, Random random)
    {
        for (int i = 0; !disk.IsCut && i < 3000; i++)
        {
            try
            {
                int what = random.Next(100);
                if (what < 88) await AppendAsync(store, disk, ledger);
                else if (what < 95) await CompactAsync(store, ledger, random);
                else if (what < 97) await store.SaveSyncStateAsync(ledger.Id, Bytes(i % 3, 36), Bytes(i, 200), CancellationToken.None);
                else if (what < 98) _ = store.CheckpointAsync();
                else if (random.Next(4) == 0) await DeleteAsync(store, disk, ledger);
            }
            catch (StoreUnavailableException)
            {
                // by the failing disk, or the end
            }
        }
    }

    private static async Task AppendAsync(FasterChunkStore store, PowerCutFiles disk, DocumentLedger ledger)
    {
        int number = ledger.BeginAppend();
        try
        {
            AppendOutcome outcome = await store.AppendAsync(Append(ledger.Id, ledger.TailOf(number), Hash(number)), Now, CancellationToken.None);
            Assert.NotEqual(AppendOutcome.Fenced, outcome);
            if (outcome == AppendOutcome.Stored && !disk.IsCut) ledger.WasAcknowledged();
        }
        catch (StoreUnavailableException)
        {
            ledger.WasRefused();
            throw;
        }
    }

    private static async Task CompactAsync(FasterChunkStore store, DocumentLedger ledger, Random random)
    {
        StoredDocument stored = await store.LoadAsync(ledger.Id);
        if (stored.Tail.Count == 0) return;
        int folded = random.Next(1, stored.Tail.Count + 1);
        List<int> numbers = ledger.Read(stored);
        numbers.RemoveRange(numbers.Count - (stored.Tail.Count - folded), stored.Tail.Count - folded);
        if (numbers.Count > ChainMax) return;
        SnapshotBody body = ledger.BodyOf(numbers) with { Heads = new[] { Hash(ledger.Read(stored)[^1]) } };
        await store.CompactAsync(ledger.Id, stored.Version, body, new TailRange(stored.Tail[folded - 1].Sequence), Now, CancellationToken.None);
    }

    private static async Task DeleteAsync(FasterChunkStore store, PowerCutFiles disk, DocumentLedger ledger)
    {
        ledger.BeginDelete();
        if (await store.DeleteAsync(ledger.Id, Now, CancellationToken.None) && !disk.IsCut) ledger.WasAcknowledged();
    }

    /// <summary>Half a second passes whenever somebody looks: a store that waits before it tries again does so at once.</summary>
    private sealed class HastyTime : TimeProvider
    {
        private long _ticks;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Interlocked.Add(ref _ticks, TimeSpan.TicksPerSecond / 2);
    }
}
