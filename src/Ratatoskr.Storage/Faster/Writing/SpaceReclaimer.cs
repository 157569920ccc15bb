using FASTER.core;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>
/// Gives space back: when more of the table is dead than alive, copies what is alive among the oldest records to the tail and moves the beginning past them.
/// What is alive the manifests say: a tail entry in their range, a part of their body. Nothing is ever marked dead, and what came to nothing was never alive.
/// </summary>
/// <remarks>The writer thread's, a slice between two groups; so nothing changes while a record is judged.</remarks>
internal sealed class SpaceReclaimer(FasterStoreOptions options, DocumentTable documents, TableWriter table)
{
    // About what one slice reads: 1 MiB, a millisecond or two.
    private const long SliceBytes = 1 << 20;

    private IFasterScanIterator<SpanByte, SpanByte>? _scan;
    private long _until;
    private long _copied;
    private long _notBefore;
    private bool _copiedAll;

    /// <summary>There is something to do without waiting for anything.</summary>
    public bool IsActive => _scan is not null && !_copiedAll;

    /// <summary>Goes on with a pass, or begins one if it is worth it. true: a pass has ended, and the next checkpoint will free its files.</summary>
    /// <param name="checkpointRuns">
    /// A checkpoint that is under way may be without the copies. Then the beginning must not move yet: the checkpoint would begin behind records that it only has there.
    /// </param>
    public bool Step(ulong bodyInProgress, bool checkpointRuns)
    {
        if (_scan is null && !TryBegin()) return false;
        try
        {
            _copiedAll = _copiedAll || Slice(bodyInProgress);
        }
        catch (Exception e)
        {
            // A record may have been passed that was not copied: what the pass has done is worth nothing.
            options.Logger.ReclaimFailed(documents.BeginAddress, e);
            _scan!.Dispose();
            _scan = null;
            _notBefore = documents.TailAddress + Math.Max(options.TableSegmentBytes, options.CheckpointBytes);
            return false;
        }

        if (!_copiedAll || checkpointRuns) return false;

        _scan!.Dispose();
        _scan = null;
        long scanned = _until - documents.BeginAddress;
        documents.ShiftBegin(_until);
        options.Logger.SpaceReclaimed(scanned, _copied);
        options.Metrics?.Reclaimed(scanned, _copied);
        // Where nearly all was alive the estimate of what is dead is wrong: let the table grow before the next pass.
        _notBefore = _copied > scanned - (scanned / 4) ? documents.TailAddress + scanned : 0;
        return true;
    }

    private bool TryBegin()
    {
        long size = documents.TailAddress - documents.BeginAddress;
        long dead = size - table.LiveBytes;
        if (dead < options.ReclaimBytesMin || dead < table.LiveBytes || documents.TailAddress < _notBefore) return false;
        // Only what cannot change in place; a quarter of the table at a time, a file at least. It must end where a record ends: at a page's end one does.
        long begin = documents.BeginAddress;
        long end = begin + Math.Max(options.TableSegmentBytes, size / 4);
        _until = Math.Min(documents.ReadOnlyAddress, (end + options.PageBytes - 1) & -options.PageBytes);
        if (_until - begin < Math.Min(options.ReclaimBytesMin, options.TableSegmentBytes)) return false;
        _copied = 0;
        _copiedAll = false;
        _scan = documents.Scan(begin, _until);
        return true;
    }

    // true: the scan has reached its end.
    private bool Slice(ulong bodyInProgress)
    {
        long stop = Math.Max(_scan!.CurrentAddress, documents.BeginAddress) + SliceBytes;
        int faults = documents.ReadFaults;
        bool hasMore = true;
        while (hasMore && _scan.CurrentAddress < stop && (hasMore = _scan.GetNext(out RecordInfo record)))
        {
            if (!record.Tombstone)
            {
                ReadOnlySpan<byte> key = _scan.GetKey().AsReadOnlySpan();
                if (IsAlive(key, _scan.CurrentAddress, bodyInProgress))
                {
                    ReadOnlySpan<byte> value = _scan.GetValue().AsReadOnlySpan();
                    table.Copy(key, value);
                    _copied += key.Length + value.Length;
                }
            }
        }

        return documents.ReadFaults == faults ? !hasMore : throw new IOException("the disk did not give all of it");
    }

    private bool IsAlive(ReadOnlySpan<byte> key, long address, ulong bodyInProgress)
    {
        DocumentId id = RecordKey.Id(key);
        ulong number = RecordKey.Number(key);
        RecordKind kind = RecordKey.Kind(key);
        if (kind is RecordKind.Manifest) return table.AddressOf(kind, id) == address;

        if (!table.TryGet(id, out Manifest manifest)) return true;   // damaged: keep what there is
        if (kind is RecordKind.Chunk or RecordKind.Index) return number == bodyInProgress || number == manifest.Body;
        if (manifest.Presence != StoredPresence.Present) return false;
        return kind switch
        {
            RecordKind.Tail => number >= manifest.FirstSequence && number <= manifest.LastSequence,
            RecordKind.SyncStates => table.AddressOf(kind, id) == address,
            _ => true,
        };
    }
}
