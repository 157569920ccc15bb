using System.Buffers.Binary;
using FASTER.core;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Journals;

/// <summary>
/// What FasterLog says of each commit, in two slots written in turn:
/// <code>
///  0        4         8             16            24            32
/// +--------+---------+-------------+-------------+-------------+------------+
/// | CRC32C | length  | commit no.  | begin       | last entry  | metadata   |   512 bytes per slot
/// +--------+---------+-------------+-------------+-------------+------------+
/// </code>
/// Durability does not rest on it: with fast commits the log carries its own commit records, and recovery goes on from the newest intact slot.
/// So a slot is not synced, except where the journal's beginning moves (older slots would then point at removed files).
/// What it adds is a lower bound: a journal that ends before the last commit it names has lost acknowledged entries, and the store says so.
/// </summary>
/// <remarks>Called by one FASTER thread at a time; <see cref="LastEntry"/> is set by the writer before it commits.</remarks>
internal sealed class JournalCommits : ILogCommitManager
{
    public const int SlotSize = 512;
    private const int HeaderSize = 32;

    private readonly IStoreFiles _files;
    private readonly string _folder;
    private readonly long _segmentBytes;
    private readonly IStoreFile _file;
    private readonly byte[] _slot = new byte[SlotSize];
    private readonly object _gate = new();                        // also waited on
    private readonly byte[]? _recovered;
    private readonly long _recoveredNumber;
    private readonly byte[] _confirmed = new byte[SlotSize];
    private long _begin;
    private long _segmentSynced = -1;
    private int _next;
    private long _until;
    private Exception? _failure;

    public JournalCommits(IStoreFiles files, string folder, long segmentBytes)
    {
        (_files, _folder, _segmentBytes) = (files, folder, segmentBytes);
        string path = Path.Combine(folder, "commits");
        if (!files.FileExists(path)) files.Replace(path, new byte[2 * SlotSize]);
        _file = files.Open(path, create: false);
        for (int i = 0; i < 2; i++)
        {
            if (!TryReadSlot(i, out long number, out long begin, out long lastEntry, out byte[] metadata)) continue;
            if (_recovered is not null && number <= _recoveredNumber) continue;
            (_recoveredNumber, _begin, _recovered, RecoveredLastEntry) = (number, begin, metadata, lastEntry);
            _slot.CopyTo(_confirmed, 0);
            _next = 1 - i;
        }
    }

    /// <summary>The newest entry of the last commit that a slot names; 0 when there is none.</summary>
    public long RecoveredLastEntry { get; }

    /// <summary>The newest entry that the coming commit covers.</summary>
    public long LastEntry { get; set; }

    /// <summary>
    /// Returns when the commit that ends at this address is complete, the names of its files included. FASTER takes it for complete before they are, and never when they cannot be;
    /// and who waits with it is woken by way of the thread pool twice.
    /// </summary>
    /// <exception cref="IOException">It cannot be completed.</exception>
    public void Wait(long until)
    {
        lock (_gate)
        {
            while (_until < until && _failure is null) Monitor.Wait(_gate);
            if (_failure is { } failure) throw new IOException($"the commit has failed: {failure.Message}", failure);
        }
    }

    /// <summary>The coming commit cannot be completed, nor can any other.</summary>
    public void Fail(Exception reason)
    {
        lock (_gate)
        {
            _failure = reason;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>The commit that was written last is complete.</summary>
    public void Confirm() => _slot.CopyTo(_confirmed, 0);

    /// <summary>Lets the last commit name <see cref="LastEntry"/>, whatever it named when it was made, and be the only one. Durable at the return.</summary>
    public void Restate()
    {
        if (!IsSound(_confirmed)) return;                         // there is none
        BinaryPrimitives.WriteInt64LittleEndian(_confirmed.AsSpan(24), LastEntry);
        BinaryPrimitives.WriteUInt32LittleEndian(_confirmed, Crc32C.Compute(_confirmed.AsSpan(4)));
        for (int i = 0; i < 2; i++) _file.Write(_confirmed, i * SlotSize);
        _file.Sync();
    }

    /// <summary>A later commit came to nothing, or nobody knows: makes the last one that was confirmed the only one again. Durable at the return.</summary>
    public static void Rewind(IStoreFiles files, string folder, JournalCommits last)
    {
        using IStoreFile file = files.Open(Path.Combine(folder, "commits"), create: false);
        for (int i = 0; i < 2; i++) file.Write(last._confirmed, i * SlotSize);
        file.Sync();
    }

    public void Commit(long beginAddress, long untilAddress, byte[] commitMetadata, long commitNum, bool forceWriteMetadata)
    {
        try
        {
            if (HeaderSize + commitMetadata.Length > SlotSize) throw new InvalidOperationException("commit metadata does not fit its slot");
            SyncNameOf((untilAddress - 1) / _segmentBytes);
            Array.Clear(_slot);
            BinaryPrimitives.WriteInt32LittleEndian(_slot.AsSpan(4), commitMetadata.Length);
            BinaryPrimitives.WriteInt64LittleEndian(_slot.AsSpan(8), commitNum);
            BinaryPrimitives.WriteInt64LittleEndian(_slot.AsSpan(16), beginAddress);
            BinaryPrimitives.WriteInt64LittleEndian(_slot.AsSpan(24), LastEntry);
            commitMetadata.CopyTo(_slot, HeaderSize);
            BinaryPrimitives.WriteUInt32LittleEndian(_slot, Crc32C.Compute(_slot.AsSpan(4)));
            _file.Write(_slot, _next * SlotSize);
            _next = 1 - _next;
            if (beginAddress != _begin)
            {
                // In both: the other slot would point at removed files, should this one be damaged.
                _file.Write(_slot, _next * SlotSize);
                _file.Sync();
                _begin = beginAddress;
            }
        }
        catch (Exception e)
        {
            Fail(e);
            throw;
        }

        lock (_gate)
        {
            _until = untilAddress;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Whether a slot is what was written.</summary>
    public static bool IsSound(ReadOnlySpan<byte> slot) =>
        slot.Length == SlotSize && BinaryPrimitives.ReadInt32LittleEndian(slot[4..]) is > 0 and <= SlotSize - HeaderSize
        && BinaryPrimitives.ReadUInt32LittleEndian(slot) == Crc32C.Compute(slot[4..]);

    /// <summary>
    /// From the whole file: where the journal begins, the newest entry of the last commit it names, and where that commit ends; zeros when there is none.
    /// FASTER's metadata are version (4 bytes), sum (8), begin (8), end (8) …
    /// </summary>
    public static (long Begin, long LastEntry, long Until) Newest(ReadOnlySpan<byte> slots)
    {
        (long begin, long last, long until, long newest) = (0, 0, 0, -1);
        for (; slots.Length >= SlotSize; slots = slots[SlotSize..])
        {
            ReadOnlySpan<byte> slot = slots[..SlotSize];
            if (!IsSound(slot) || BinaryPrimitives.ReadInt64LittleEndian(slot[8..]) <= newest) continue;
            newest = BinaryPrimitives.ReadInt64LittleEndian(slot[8..]);
            begin = BinaryPrimitives.ReadInt64LittleEndian(slot[16..]);
            last = BinaryPrimitives.ReadInt64LittleEndian(slot[24..]);
            until = BinaryPrimitives.ReadInt64LittleEndian(slot[(HeaderSize + 12)..]) == begin ? BinaryPrimitives.ReadInt64LittleEndian(slot[(HeaderSize + 20)..]) : last;
        }

        return (begin, last, until);
    }

    public byte[]? GetCommitMetadata(long commitNum) => commitNum == _recoveredNumber ? _recovered : null;

    public IEnumerable<long> ListCommits() => _recovered is null ? [] : [_recoveredNumber];

    public void RemoveCommit(long commitNum)
    {
    }

    public void RemoveAllCommits()
    {
    }

    public void OnRecovery(long commitNum)
    {
    }

    public void Dispose() => _file.Dispose();

    // The log's files are made as it grows. What a slot names must be found.
    private void SyncNameOf(long segment)
    {
        if (segment == _segmentSynced) return;
        _files.SyncDirectory(_folder);
        _segmentSynced = segment;
    }

    private bool TryReadSlot(int index, out long number, out long begin, out long lastEntry, out byte[] metadata)
    {
        (number, begin, lastEntry, metadata) = (0, 0, 0, []);
        if (_file.Read(_slot, index * SlotSize) < SlotSize || !IsSound(_slot)) return false;
        int length = BinaryPrimitives.ReadInt32LittleEndian(_slot.AsSpan(4));
        number = BinaryPrimitives.ReadInt64LittleEndian(_slot.AsSpan(8));
        begin = BinaryPrimitives.ReadInt64LittleEndian(_slot.AsSpan(16));
        lastEntry = BinaryPrimitives.ReadInt64LittleEndian(_slot.AsSpan(24));
        metadata = _slot.AsSpan(HeaderSize, length).ToArray();
        return true;
    }
}
