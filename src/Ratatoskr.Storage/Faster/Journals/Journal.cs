using System.Diagnostics;
using System.Globalization;
using FASTER.core;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Devices;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Journals;

/// <summary>
/// The truth after the last checkpoint: a FasterLog with fast commits (one synchronous write per commit, the commit record inside the log),
/// whose segment files get durable names before a commit is believed.
/// </summary>
/// <remarks>Written by the writer thread only; <see cref="Read"/> is safe on any thread.</remarks>
internal sealed class Journal : IDisposable
{
    /// <summary>Where a journal that was never cut begins.</summary>
    public const long FirstAddress = 64;

    private readonly DataFolder _folder;
    private readonly GuardedDevice _device;
    private readonly JournalCommits _commits;
    private readonly FasterLog _log;
    private readonly byte[] _scratch;
    private readonly StoreMetrics? _metrics;
    private readonly RightOfWay? _way;
    private readonly long _segmentBytes;
    private long _lastEntry;
    private long _committedTail;

    private Journal(DataFolder folder, FasterStoreOptions options)
    {
        _folder = folder;
        (_metrics, _way) = (options.Metrics, options.Way);
        _segmentBytes = options.JournalSegmentBytes;
        _scratch = GC.AllocateUninitializedArray<byte>(options.PageBytes);
        Incarnation = folder.NextIncarnation();
        string path = Path.Combine(folder.Journal, "journal");
        _commits = new JournalCommits(folder.Files, folder.Journal, options.JournalSegmentBytes);
        _device = new GuardedDevice(path, folder.Files.OpenJournalDevice(path), writeAgainAfter: null, _commits.Fail);
        _log = new FasterLog(new FasterLogSettings
        {
            LogDevice = _device,
            LogCommitManager = _commits,
            PageSize = options.PageBytes,
            MemorySize = options.JournalMemoryBytes,
            SegmentSize = options.JournalSegmentBytes,
            FastCommitMode = true,
            LogChecksum = LogChecksumType.PerEntry,   // fast commits need it; ours is the one that counts
            TryRecoverLatest = false,                 // its constructor swallows what goes wrong
        });
    }

    /// <summary>This opening's number.</summary>
    public uint Incarnation { get; }

    public long BeginAddress => _log.BeginAddress;

    /// <summary>Where the next entry goes; everything before it is committed unless something was enqueued since.</summary>
    public long TailAddress => _log.TailAddress;

    /// <summary>The newest entry that was surely committed in an earlier life; 0 when none is known.</summary>
    public long KnownLastEntry => _commits.RecoveredLastEntry;

    /// <summary>The newest entry known to be durable.</summary>
    public long LastCommitted { get; private set; }

    public static Journal Open(DataFolder folder, FasterStoreOptions options)
    {
        Journal journal = new(folder, options);
        try
        {
            journal._log.Recover();
            journal.ThrowIfUnread();
            journal._committedTail = journal._log.TailAddress;
            return journal;
        }
        catch (Exception e)
        {
            journal.Dispose();
            if (e is StoreUnavailableException) throw;
            journal.ThrowIfUnread();
            if (e is IOException and not FileNotFoundException) throw StoreUnavailableException.For("opening the journal", folder.Journal, e.Message, e);
            throw new StoreDamagedException($"the journal in {folder.Journal} cannot be recovered: {e.Message}", e);
        }
    }

    /// <summary>This is the last entry there is: the chain goes on from it.</summary>
    public void ContinueAfter(long lastEntry)
    {
        _lastEntry = LastCommitted = lastEntry;
        _commits.LastEntry = lastEntry;
    }

    /// <summary>Adds an entry to the group that the next <see cref="Commit"/> makes durable; returns its place.</summary>
    public EntryPosition Enqueue(in JournalHeader header, DocumentId id, ReadOnlySpan<byte> heads, ReadOnlySpan<byte> body)
    {
        int length = JournalEntry.Write(_scratch, header with { Incarnation = Incarnation, Previous = _lastEntry }, id, heads, body);
        _lastEntry = _log.Enqueue(_scratch.AsSpan(0, length));
        _metrics?.Enqueued(length);
        return new EntryPosition(Incarnation, _lastEntry);
    }

    /// <summary>Returns when everything enqueued is durable.</summary>
    /// <exception cref="IOException">The device failed; nothing can be said about what was enqueued, and this journal is of no more use.</exception>
    public void Commit()
    {
        using Activity? span = StoreMetrics.Traces.StartActivity("commit");
        long start = Stopwatch.GetTimestamp();
        _commits.LastEntry = _lastEntry;
        _way?.BeginCommit();
        try
        {
            long tail = _log.TailAddress;
            _log.Commit();
            if (_log.TailAddress != tail) _commits.Wait(_log.TailAddress);      // a commit has a record of its own; without one there was nothing to commit
        }
        finally
        {
            _way?.EndCommit();
        }

        _metrics?.Committed(Stopwatch.GetElapsedTime(start));
        LastCommitted = _lastEntry;
        _committedTail = _log.TailAddress;
        _commits.Confirm();
    }

    /// <summary>
    /// Removes what lies behind the tail: parts of a commit that a crash cut short. Nothing of it may be taken for an entry once the log has grown to it.
    /// What was recovered is synced by it; a process that was killed may have left it to the page cache.
    /// </summary>
    public void CutBehindTail()
    {
        int segment = (int)(_committedTail / _segmentBytes);
        string name = Path.GetFileName(_device.FileName) + ".";
        foreach (string file in _folder.Files.FilesIn(_folder.Journal))
        {
            if (!Path.GetFileName(file).StartsWith(name, StringComparison.Ordinal) || !int.TryParse(Path.GetFileName(file.AsSpan())[name.Length..], NumberStyles.None, CultureInfo.InvariantCulture, out int number)) continue;
            if (number > segment) _folder.Files.Delete(file);
            else if (number == segment) _folder.Files.Truncate(file, _committedTail % _segmentBytes);
        }

        _folder.Files.SyncDirectory(_folder.Journal);
    }

    /// <summary>
    /// After damage, when all that was read is in a checkpoint from this tail on: no commit before speaks of entries behind it any more, and none are there. Durable at the return.
    /// </summary>
    public void ForgetBehindTail()
    {
        _commits.Restate();
        CutBehindTail();
    }

    /// <summary>Reads the files past damage.</summary>
    public JournalWalk Walk() => new(_folder.Files, _folder.Journal, _folder.Geometry);

    /// <summary>
    /// After a commit that failed, with this journal disposed: makes the files what they were after the last one that did not. What a failed write has left
    /// can often be read, but is not on disk: a journal that went on behind it would have a hole after a power cut.
    /// </summary>
    /// <exception cref="StoreUnavailableException">Some of its writes are still under way, and could land on what comes later.</exception>
    public void Rewind()
    {
        if (_device.IsWriting) throw StoreUnavailableException.For("reopening the journal", _folder.Journal, "writes are still under way");
        JournalCommits.Rewind(_folder.Files, _folder.Journal, _commits);
        CutBehindTail();
    }

    /// <summary>Frees what lies before an address that a checkpoint covers. Durable at the return; the files go as soon as no scan is in them.</summary>
    public void TruncateUntil(long address)
    {
        if (address <= _log.BeginAddress) return;
        _log.TruncateUntil(address);
        Commit();
    }

    /// <summary>The committed entries of [from, until), as copies. Not sensitive to a truncation in between: check <see cref="BeginAddress"/> afterwards.</summary>
    public IEnumerable<(ReadOnlyMemory<byte> Entry, long Address, long Next)> Read(long from, long until)
    {
        if (from >= until) yield break;
        using FasterLogScanIterator iterator = _log.Scan(from, until, scanBufferingMode: ScanBufferingMode.SinglePageBuffering);
        while (true)
        {
            byte[] bytes;
            int length;
            long address, next;
            try
            {
                if (!iterator.GetNext(out bytes, out length, out address, out next))
                {
                    ThrowIfUnread();
                    yield break;
                }

                ThrowIfUnread();
            }
            catch (Exception e) when (e is not StoreUnavailableException)
            {
                ThrowIfUnread();
                // FASTER's own, or whatever it stumbles into when its commit records are not what they were.
                throw new StoreDamagedException($"the journal in {_folder.Journal} is damaged after address {iterator.NextAddress}: {e.Message}", e);
            }

            Debug.Assert(address >= from, "the iterator went backwards");
            yield return (bytes.AsMemory(0, length), address, next);
        }
    }

    // What the disk did not give is not damage, and not the end of the journal.
    private void ThrowIfUnread()
    {
        if (_device.ReadFaults > 0 && _device.TakeReadFault() is { } fault) throw StoreUnavailableException.For("reading the journal", _folder.Journal, fault.Message, fault);
    }

    public void Dispose()
    {
        _log.Dispose();
        _commits.Dispose();
        _device.Dispose();
    }
}
