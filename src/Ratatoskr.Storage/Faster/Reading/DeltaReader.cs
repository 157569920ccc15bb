using System.Runtime.CompilerServices;
using FASTER.core;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Tables;
using Ratatoskr.Storage.Faster.Writing;

namespace Ratatoskr.Storage.Faster.Reading;

/// <summary>
/// What happened since a cursor, which is a journal address: from the journal while it reaches back so far;
/// otherwise first every document as compacted or deleted, then the journal from where that listing began.
/// </summary>
/// <remarks>Safe on any thread; reads in batches, so a slow consumer holds nothing.</remarks>
internal sealed class DeltaReader(StoreWriter writer, ReaderThreads readers)
{
    // Bytes of a batch: bounds what lies in memory between two steps of the consumer.
    private const long BatchBytes = 1 << 20;

    public async IAsyncEnumerable<StoreDelta> ReadAsync(StoreCursor since, [EnumeratorCancellation] CancellationToken stop)
    {
        long until = writer.Visible;
        long from = (long)since.Position;
        List<StoreDelta> batch = [];
        while (from < until)
        {
            (bool complete, long next) = await readers.Run(_ => ReadJournal(from, until, batch), stop);
            if (!complete)
            {
                // The journal was cut behind us. Positions stay at the cursor until the listing is through: who stops before starts again.
                until = writer.Visible;
                StoreDelta? held = null;
                for (long at = 0; at >= 0;)
                {
                    long start = at;
                    at = await readers.Run(reader => ListDocuments(reader, start, since, batch), stop);
                    foreach (StoreDelta delta in batch)
                    {
                        if (held is { } ready) yield return ready;
                        held = delta;
                    }

                    batch.Clear();
                }

                if (held is { } last) yield return last with { Position = new StoreCursor((ulong)until) };
                // What was appended while we listed is in later addresses, and the caller asked for the present.
                from = until;
                until = writer.Visible;
                since = new StoreCursor((ulong)from);
                continue;
            }

            foreach (StoreDelta delta in batch) yield return delta;
            batch.Clear();
            from = next;
        }
    }

    // complete = false: the journal no longer holds `from`. The cut is looked for after the reading: it only ever moves forward.
    private (bool Complete, long Next) ReadJournal(long from, long until, List<StoreDelta> batch)
    {
        batch.Clear();
        Journal journal = writer.Journal;
        long bytes = 0;
        long next = until;
        long start = Math.Max(from, Journal.FirstAddress);
        if (start < journal.BeginAddress) return (false, 0);
        foreach ((ReadOnlyMemory<byte> entry, long _, long after) in journal.Read(start, until))
        {
            if (!TryDelta(entry, after, out StoreDelta delta)) continue;
            batch.Add(delta);
            bytes += entry.Length;
            if (bytes < BatchBytes) continue;
            next = after;
            break;
        }

        if (start >= journal.BeginAddress) return (true, next);
        batch.Clear();
        return (false, 0);
    }

    private static bool TryDelta(ReadOnlyMemory<byte> bytes, long after, out StoreDelta delta)
    {
        delta = default;
        if (!JournalEntry.TryRead(bytes.Span, out JournalEntry entry)) throw new StoreDamagedException($"the journal has a damaged entry before {after}");
        StoreCursor position = new((ulong)after);
        switch (entry.Kind)
        {
            // An append in parts says only that there is one: its chunks are to be loaded.
            case EntryKind.Append when entry.Part == entry.PartCount - 1:
                ReadOnlyMemory<byte> chunks = entry.PartCount == 1 ? bytes[entry.BodyOffset..] : default;
                delta = new StoreDelta(entry.Id, StoreDeltaKind.Appended, entry.Number, chunks, position);
                return true;
            case EntryKind.Compacted:
                delta = new StoreDelta(entry.Id, StoreDeltaKind.Compacted, 0, default, position);
                return true;
            case EntryKind.Deleted:
                delta = new StoreDelta(entry.Id, StoreDeltaKind.Deleted, 0, default, position);
                return true;
            default:
                return false;
        }
    }

    // Adds the documents whose newest manifest lies at or after an address; returns where to go on, or -1.
    // Manifests that move meanwhile move to the tail, and the tail is asked for anew at each step: none is missed.
    private long ListDocuments(DocumentReader reader, long from, StoreCursor position, List<StoreDelta> batch)
    {
        DocumentTable table = writer.Documents;
        long start = Math.Max(from, table.BeginAddress);
        long tail = table.TailAddress;
        if (start >= tail) return -1;
        int faults = table.ReadFaults;
        using IFasterScanIterator<SpanByte, SpanByte> scan = table.Scan(start, tail);
        while (scan.GetNext(out RecordInfo record))
        {
            ReadOnlySpan<byte> key = scan.GetKey().AsReadOnlySpan();
            if (!record.Tombstone && RecordKey.Kind(key) == RecordKind.Manifest)
            {
                DocumentId id = RecordKey.Id(key);
                if (reader.ReadManifest(id, out long address) is { } manifest && address == scan.CurrentAddress)
                {
                    StoreDeltaKind kind = manifest.Presence == StoredPresence.Tombstoned ? StoreDeltaKind.Deleted : StoreDeltaKind.Compacted;
                    batch.Add(new StoreDelta(id, kind, manifest.LastSequence, default, position));
                }
            }

            if (scan.NextAddress - start >= BatchBytes) return table.ReadFaults == faults ? scan.NextAddress : throw Unread();
        }

        if (table.ReadFaults != faults) throw Unread();
        return table.TailAddress > tail ? tail : -1;
    }

    private static StoreUnavailableException Unread() => new("listing the documents: the disk did not give all of it");
}
