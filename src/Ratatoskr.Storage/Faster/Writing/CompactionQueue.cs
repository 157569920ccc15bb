using System.Runtime.InteropServices;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Operations;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>
/// Compactions in progress: one at a time, a bounded slice of a body in each group, so that a snapshot of 64 MiB does not hold up the appends.
/// The entry that makes the compaction true comes last; until then its parts are named by nobody.
/// </summary>
/// <remarks>The writer thread's.</remarks>
internal sealed class CompactionQueue(TableWriter table)
{
    private readonly Queue<CompactOperation> _waiting = new();
    private readonly List<(CompactOperation Of, int Part)> _journaled = [];
    private readonly List<CompactOperation> _decided = [];
    private readonly byte[] _compacted = new byte[EntryApplier.CompactedSize];
    private uint _bodies;

    public bool IsEmpty => _waiting.Count == 0;

    /// <summary>The body being written, which no manifest names yet; 0: none.</summary>
    public ulong BodyInProgress => _waiting.TryPeek(out CompactOperation? first) ? first.BodyNumber : 0;

    public void Add(CompactOperation operation) => _waiting.Enqueue(operation);

    /// <summary>Journals up to about <paramref name="budget"/> bytes of parts, and what they complete; returns whether there was anything.</summary>
    public bool Journal(Journal journal, long budget, Func<Fence, bool> inForce)
    {
        bool any = false;
        while (budget > 0 && _waiting.TryPeek(out CompactOperation? operation))
        {
            try
            {
                if (!IsCurrent(operation, inForce))
                {
                    Decide(operation, false);
                    continue;
                }
            }
            catch (Exception e) when (e is StoreDamagedException or StoreUnavailableException)
            {
                _waiting.Dequeue();
                operation.Refuse(e);
                continue;
            }

            // Never used again: the incarnation is durable, and grows with every opening.
            if (operation.BodyNumber == 0) operation.BodyNumber = ((ulong)journal.Incarnation << 32) | ++_bodies;
            int partCount = ChunkParts(operation) + Manifest.PartCount(operation.Body.Index.Length, table.PartSize);
            while (budget > 0 && operation.PartsDone < partCount)
            {
                (BodySection section, int part, ReadOnlyMemory<byte> bytes) = PartAt(operation, operation.PartsDone);
                journal.Enqueue(new JournalHeader(EntryKind.BodyPart, operation.BodyNumber) { Section = section, Part = part }, operation.Id, default, bytes.Span);
                _journaled.Add((operation, operation.PartsDone++));
                budget -= bytes.Length + 256;
                any = true;
            }

            if (operation.PartsDone < partCount) break;
            JournalCompacted(journal, operation);
            Decide(operation, true);
            budget -= 256;
            any = true;
        }

        return any;
    }

    /// <summary>After the commit: puts the parts of this group into the table.</summary>
    public void Apply()
    {
        foreach ((CompactOperation operation, int index) in _journaled)
        {
            (BodySection section, int part, ReadOnlyMemory<byte> bytes) = PartAt(operation, index);
            table.WriteBodyPart(operation.Id, EntryApplier.RecordOf(section), operation.BodyNumber, part, bytes.Span);
        }

        _journaled.Clear();
    }

    /// <summary>After the manifests are written: answers.</summary>
    public void Answer()
    {
        foreach (CompactOperation operation in _decided) operation.Complete();
        _decided.Clear();
    }

    /// <summary>The commit failed: what was under way is unknown or lost.</summary>
    public void Fail(Exception reason)
    {
        foreach (CompactOperation operation in _decided) operation.AnswerUnknown(reason);
        while (_waiting.TryDequeue(out CompactOperation? operation)) operation.Refuse(reason);
        _decided.Clear();
        _journaled.Clear();
    }

    private bool IsCurrent(CompactOperation operation, Func<Fence, bool> inForce) =>
        inForce(operation.Fence) && table.GetWhole(operation.Id).Version == operation.Read.Value;

    private void Decide(CompactOperation operation, bool outcome)
    {
        operation.Outcome = outcome;
        _decided.Add(operation);
        _waiting.Dequeue();
    }

    private void JournalCompacted(Journal journal, CompactOperation operation)
    {
        SnapshotBody body = operation.Body;
        Manifest manifest = table.Get(operation.Id);
        long before = manifest.LiveBytes(operation.Id.Text.Length);
        ReadOnlySpan<byte> heads = MemoryMarshal.AsBytes(body.Heads.Span);
        EntryApplier.WriteCompacted(_compacted, operation.Folded.LastSequence, body.Chunk.Length, body.Index.Length, operation.BodyNumber, table.PartSize);
        EntryPosition entry = journal.Enqueue(new JournalHeader(EntryKind.Compacted, operation.Read.Value + 1), operation.Id, heads, _compacted);
        manifest.Compact(
            operation.Read.Value + 1, operation.BodyNumber, table.PartSize, body.Chunk.Length, body.Index.Length, operation.Folded.LastSequence, heads, entry);
        table.Changed(operation.Id, manifest, before);
    }

    private int ChunkParts(CompactOperation operation) => Manifest.PartCount(operation.Body.Chunk.Length, table.PartSize);

    private (BodySection Section, int Part, ReadOnlyMemory<byte> Bytes) PartAt(CompactOperation operation, int index)
    {
        int chunkParts = ChunkParts(operation);
        bool isChunk = index < chunkParts;
        int part = isChunk ? index : index - chunkParts;
        ReadOnlyMemory<byte> whole = isChunk ? operation.Body.Chunk : operation.Body.Index;
        int start = part * table.PartSize;
        return (isChunk ? BodySection.Chunk : BodySection.Index, part, whole.Slice(start, Math.Min(table.PartSize, whole.Length - start)));
    }
}
