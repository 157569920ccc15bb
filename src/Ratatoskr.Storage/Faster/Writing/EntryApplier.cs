using System.Buffers.Binary;
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
        Protocol.Identifiers.DocumentId id = entry.Id;
        if (entry.Kind == EntryKind.BodyPart)
        {
            table.WriteBodyPart(id, RecordOf(entry.Section), entry.Number, entry.Part, entry.Body);
            return;
        }

        Manifest manifest;
        try
        {
            manifest = table.Get(id);
        }
        catch (StoreDamagedException e)
        {
            // Whoever asks for the document hears the same; the others go on.
            Damages.Add($"an entry of the journal was dropped because its document cannot be read: {e.Message}");
            return;
        }

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
                ReadOnlySpan<byte> body = entry.Body;
                manifest.Compact(
                    entry.Number,
                    BinaryPrimitives.ReadUInt64LittleEndian(body[24..]),
                    BinaryPrimitives.ReadInt32LittleEndian(body[32..]),
                    BinaryPrimitives.ReadInt64LittleEndian(body[8..]),
                    BinaryPrimitives.ReadInt64LittleEndian(body[16..]),
                    BinaryPrimitives.ReadUInt64LittleEndian(body),
                    entry.Heads,
                    position);
                break;
            case EntryKind.Deleted:
                manifest.Delete(entry.Number, position);
                table.DropSyncStates(id);
                break;
            default:
                throw new StoreDamagedException($"the journal has an entry of unknown kind {(byte)entry.Kind} at {address}");
        }

        table.Changed(id, manifest, before);
    }
}
