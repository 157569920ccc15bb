using Automerge.Columns;

namespace Automerge.Changes;

/// <summary>
/// The operation columns of a change, in place. Only what a canonical change may have is accepted: known columns,
/// ascending, none twice, none empty, none deflated.
/// </summary>
internal ref struct ChangeColumns
{
    public ReadOnlySpan<byte> ObjectActor;
    public ReadOnlySpan<byte> ObjectCounter;
    public ReadOnlySpan<byte> KeyActor;
    public ReadOnlySpan<byte> KeyCounter;
    public ReadOnlySpan<byte> KeyString;
    public ReadOnlySpan<byte> Insert;
    public ReadOnlySpan<byte> Action;
    public ReadOnlySpan<byte> ValueMetadata;
    public ReadOnlySpan<byte> ValueBytes;
    public ReadOnlySpan<byte> PredecessorCount;
    public ReadOnlySpan<byte> PredecessorActor;
    public ReadOnlySpan<byte> PredecessorCounter;
    public ReadOnlySpan<byte> Expand;
    public ReadOnlySpan<byte> MarkName;

    /// <summary>
    /// Reads <c>uleb count, count × (uleb spec, uleb length)</c> and the column data behind it; leaves the extra bytes.
    /// </summary>
    public static ChangeVerdict TryRead(scoped ref ReadOnlySpan<byte> rest, out ChangeColumns columns)
    {
        columns = default;
        if (!Leb128.TryReadUnsigned(ref rest, out ulong count) || count > (ulong)rest.Length) return Bad("malformed column list");
        ReadOnlySpan<byte> data = rest;
        ulong total = 0;
        for (ulong i = 0; i < count; i++)
        {
            if (!Leb128.TryReadUInt32(ref data, out _) || !Leb128.TryReadUInt32(ref data, out uint length)) return Bad("malformed column list");
            total += length;
            if (total > (ulong)data.Length) return Bad("columns longer than the change");
        }

        long previous = -1;
        for (ulong i = 0; i < count; i++)
        {
            Leb128.TryReadUInt32(ref rest, out uint spec);
            Leb128.TryReadUInt32(ref rest, out uint length);
            if ((spec & ColumnSpec.DeflateBit) != 0) return new ChangeVerdict(ChangeFault.Column, "deflated column in a change");
            if (spec <= previous) return new ChangeVerdict(ChangeFault.NotCanonical, "columns were not in normalized order");
            if (length == 0) return new ChangeVerdict(ChangeFault.NotCanonical, "a column without bytes is listed");
            if (!columns.TryPut(spec, data[..(int)length])) return new ChangeVerdict(ChangeFault.NotCanonical, "unknown column");
            data = data[(int)length..];
            previous = spec;
        }

        rest = data;
        return ChangeVerdict.Ok;
    }

    private static ChangeVerdict Bad(string what) => new(ChangeFault.Header, what);

    private bool TryPut(uint spec, ReadOnlySpan<byte> data)
    {
        switch (spec)
        {
            case ColumnSpec.ObjectActor: ObjectActor = data; return true;
            case ColumnSpec.ObjectCounter: ObjectCounter = data; return true;
            case ColumnSpec.KeyActor: KeyActor = data; return true;
            case ColumnSpec.KeyCounter: KeyCounter = data; return true;
            case ColumnSpec.KeyString: KeyString = data; return true;
            case ColumnSpec.Insert: Insert = data; return true;
            case ColumnSpec.Action: Action = data; return true;
            case ColumnSpec.ValueMetadata: ValueMetadata = data; return true;
            case ColumnSpec.ValueBytes: ValueBytes = data; return true;
            case ColumnSpec.PredecessorCount: PredecessorCount = data; return true;
            case ColumnSpec.PredecessorActor: PredecessorActor = data; return true;
            case ColumnSpec.PredecessorCounter: PredecessorCounter = data; return true;
            case ColumnSpec.Expand: Expand = data; return true;
            case ColumnSpec.MarkName: MarkName = data; return true;
            default: return false;
        }
    }
}
