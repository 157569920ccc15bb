using System.Buffers.Binary;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Faster.Tables;

namespace Ratatoskr.Storage.Faster.Writing;

/// <summary>
/// Puts journal entries into the table again, after a restart or a failed device. Each manifest says which entry it holds last, so what is there already is passed over.
/// </summary>
/// <remarks>The writer thread's.</remarks>
internal sealed class EntryApplier(TableWriter table)
{
    /// <summary>Length of a <see cref="EntryKind.Compacted"/> entry's body: folded, chunk length, index length, body number, part size.</summary>
    public const int CompactedSize = 36;

    private readonly Dictionary<DocumentId, (ulong Sequence, long Address)> _missing = [];
    private readonly HashSet<(DocumentId Id, ulong Body)> _missingBodies = [];

    /// <summary>What could not be put into the table, one line each.</summary>
    public List<string> Damages { get; } = [];

    public static void WriteCompacted(Span<byte> output, ulong folded, long chunkLength, long indexLength, ulong body, int partSize)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(output, folded);
        BinaryPrimitives.WriteInt64LittleEndian(output[8..], chunkLength);
        BinaryPrimitives.WriteInt64LittleEndian(output[16..], indexLength);
        BinaryPrimitives.WriteUInt64LittleEndian(output[24..], body);
        BinaryPrimitives.WriteInt32LittleEndian(output[32..], partSize);
    }

    public static RecordKind RecordOf(BodySection section) => section == BodySection.Chunk ? RecordKind.Chunk : RecordKind.Index;

    public void Apply(in JournalEntry entry, long address)
    {
        DocumentId id = entry.Id;
        if (entry.Kind == EntryKind.BodyPart)
        {
            table.WriteBodyPart(id, RecordOf(entry.Section), entry.Number, entry.Part, entry.Body);
            return;
        }

        if (!TryGet(id, out Manifest manifest)) return;
        EntryPosition position = new(entry.Incarnation, address);
        if (!position.IsAfter(manifest.Applied)) return;
        long before = manifest.LiveBytes(id.Text.Length);
        switch (entry.Kind)
        {
            case EntryKind.Append:
                // A group is whole or absent, so the parts of an append are all there.
                table.WriteTailPart(id, entry.Number, entry.Part, entry.WholeLength, entry.Body);
                if (entry.Part != entry.PartCount - 1) return;
                manifest.Append(entry.Number, entry.WholeLength, entry.Heads, position);
                break;
            case EntryKind.Compacted:
                Compact(id, manifest, entry, position);
                break;
            case EntryKind.Deleted:
                manifest.Delete(entry.Number, position);
                table.DropSyncStates(id);
                _missing.Remove(id);
                break;
            default:
                throw new StoreDamagedException($"the journal has an entry of unknown kind {(byte)entry.Kind} at {address}");
        }

        table.Changed(id, manifest, before);
    }

    /// <summary>Passes over an entry of which only the header is known.</summary>
    public void Miss(in JournalEntry entry, long address)
    {
        DocumentId id = entry.Id;
        if (entry.Kind == EntryKind.BodyPart)
        {
            _missingBodies.Add((id, entry.Number));
            return;
        }

        if (!TryGet(id, out Manifest manifest)) return;
        EntryPosition position = new(entry.Incarnation, address);
        if (!position.IsAfter(manifest.Applied)) return;
        long before = manifest.LiveBytes(id.Text.Length);
        ulong sequence = entry.Kind == EntryKind.Append ? entry.Number : 0;
        manifest.Miss(sequence, position);
        Miss(id, sequence, address);
        table.Changed(id, manifest, before);
    }

    /// <summary>At the end: documents that lost what no later snapshot has are damaged.</summary>
    public void MarkDamaged()
    {
        foreach ((DocumentId id, (_, long address)) in _missing)
        {
            if (!TryGet(id, out Manifest manifest)) continue;
            long before = manifest.LiveBytes(id.Text.Length);
            manifest.MarkDamaged(address);
            table.Changed(id, manifest, before);
        }
    }

    private void Compact(DocumentId id, Manifest manifest, in JournalEntry entry, EntryPosition position)
    {
        ReadOnlySpan<byte> fields = entry.Body;
        ulong folded = BinaryPrimitives.ReadUInt64LittleEndian(fields);
        ulong body = BinaryPrimitives.ReadUInt64LittleEndian(fields[24..]);
        manifest.Compact(
            entry.Number,
            body,
            BinaryPrimitives.ReadInt32LittleEndian(fields[32..]),
            BinaryPrimitives.ReadInt64LittleEndian(fields[8..]),
            BinaryPrimitives.ReadInt64LittleEndian(fields[16..]),
            folded,
            entry.Heads,
            position);
        if (_missingBodies.Contains((id, body))) Miss(id, folded, position.Address);
        else if (_missing.TryGetValue(id, out (ulong Sequence, long Address) missing) && folded >= missing.Sequence) _missing.Remove(id);
    }

    private void Miss(DocumentId id, ulong sequence, long address)
    {
        (ulong before, long first) = _missing.GetValueOrDefault(id, (0UL, address));
        _missing[id] = (Math.Max(before, sequence), first);
    }

    // false: whoever asks for the document hears the same; the others go on.
    private bool TryGet(DocumentId id, out Manifest manifest)
    {
        try
        {
            manifest = table.Get(id);
            return true;
        }
        catch (StoreDamagedException e)
        {
            Damages.Add($"an entry of the journal was dropped because its document cannot be read: {e.Message}");
            manifest = null!;
            return false;
        }
    }
}
