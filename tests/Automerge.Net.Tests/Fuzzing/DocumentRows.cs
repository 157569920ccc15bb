using System.Text;
using Automerge.Columns;

namespace Automerge.Tests.Fuzzing;

/// <summary>One operation row of a document chunk.</summary>
internal sealed record DocumentRow
{
    public (long Actor, long Counter) Object { get; set; }

    public (long Actor, long Counter) Element { get; set; }

    public byte[]? Key { get; set; }

    public (long Actor, long Counter) Id { get; set; }

    public bool Insert { get; set; }

    public long Action { get; set; }

    public long Metadata { get; set; }

    public byte[] Value { get; set; } = [];

    public List<(long Actor, long Counter)> Successors { get; set; } = [];

    public bool Expand { get; set; }

    public byte[]? MarkName { get; set; }
}

/// <summary>The operation columns of a document as rows, and back, in canonical form whatever the rows say.</summary>
internal static class DocumentRows
{
    private const int RowsMax = 100_000;

    public static List<DocumentRow> Read(List<FuzzColumn> columns)
    {
        byte[] Get(uint spec) => columns.Find(column => column.Spec == spec)?.Bytes ?? [];
        Assert.True(IntegerColumnReader.TryCount(Get(ColumnSpec.IdActor), signed: false, RowsMax, out long rowCount), "columns that make no rows");
        int count = (int)rowCount;
        IntegerColumnReader objectActor = new(Get(ColumnSpec.ObjectActor), signed: false, count), objectCounter = new(Get(ColumnSpec.ObjectCounter), signed: false, count);
        IntegerColumnReader keyActor = new(Get(ColumnSpec.KeyActor), signed: false, count), idActor = new(Get(ColumnSpec.IdActor), signed: false, 0);
        DeltaColumnReader keyCounter = new(Get(ColumnSpec.KeyCounter), count), idCounter = new(Get(ColumnSpec.IdCounter), 0), successorCounter = new(Get(ColumnSpec.SuccessorCounter), 0);
        StringColumnReader keys = new(Get(ColumnSpec.KeyString), count), markNames = new(Get(ColumnSpec.MarkName), count);
        BooleanColumnReader insert = new(Get(ColumnSpec.Insert), count), expand = new(Get(ColumnSpec.Expand), count);
        IntegerColumnReader action = new(Get(ColumnSpec.Action), signed: false, 0), metadata = new(Get(ColumnSpec.ValueMetadata), signed: false, 0);
        IntegerColumnReader successorCount = new(Get(ColumnSpec.SuccessorCount), signed: false, 0), successorActor = new(Get(ColumnSpec.SuccessorActor), signed: false, 0);
        ReadOnlySpan<byte> values = Get(ColumnSpec.ValueBytes);

        List<DocumentRow> rows = [];
        for (int i = 0; i < count; i++)
        {
            bool all = objectActor.TryNext(out long oa) & objectCounter.TryNext(out long oc) & keyActor.TryNext(out long ka) & keyCounter.TryNext(out long kc);
            all &= idActor.TryNext(out long ia) & idCounter.TryNext(out long ic) & insert.TryNext(out bool inserts) & expand.TryNext(out bool expands);
            all &= action.TryNext(out long act) & metadata.TryNext(out long meta) & successorCount.TryNext(out long successors) & keys.Prepare() & markNames.Prepare();
            Assert.True(all && act >= 0 && meta >= 0 && meta >> 4 <= values.Length && successors is >= 0 and < 1000, "columns that make no rows");
            keys.Take(1);
            markNames.Take(1);
            DocumentRow row = new()
            {
                Object = (oa, oc),
                Element = (ka, kc),
                Key = keys.IsNull ? null : keys.Value.ToArray(),
                Id = (ia, ic),
                Insert = inserts,
                Action = act,
                Metadata = meta,
                Value = values[..(int)(meta >> 4)].ToArray(),
                Expand = expands,
                MarkName = markNames.IsNull ? null : markNames.Value.ToArray(),
            };
            values = values[row.Value.Length..];
            for (; successors > 0; successors--)
            {
                Assert.True(successorActor.TryNext(out long sa) & successorCounter.TryNext(out long sc));
                row.Successors.Add((sa, sc));
            }

            rows.Add(row);
        }

        return rows;
    }

    public static List<FuzzColumn> Write(List<DocumentRow> rows)
    {
        List<FuzzColumn> columns = [];
        (long Actor, long Counter)[] successors = [.. rows.SelectMany(row => row.Successors)];
        Integers(ColumnSpec.ObjectActor, rows.Select(row => row.Object.Actor));
        Integers(ColumnSpec.ObjectCounter, rows.Select(row => row.Object.Counter));
        Integers(ColumnSpec.KeyActor, rows.Select(row => row.Element.Actor));
        Deltas(ColumnSpec.KeyCounter, rows.Select(row => row.Element.Counter));
        Strings(ColumnSpec.KeyString, rows.Select(row => row.Key));
        Integers(ColumnSpec.IdActor, rows.Select(row => row.Id.Actor));
        Deltas(ColumnSpec.IdCounter, rows.Select(row => row.Id.Counter));
        Add(ColumnSpec.Insert, output => ColumnWriter.WriteBooleans(output, [.. rows.Select(row => row.Insert)]));
        Integers(ColumnSpec.Action, rows.Select(row => row.Action));
        Integers(ColumnSpec.ValueMetadata, rows.Select(row => row.Metadata));
        Add(ColumnSpec.ValueBytes, output => rows.ForEach(row => output.WriteBytes(row.Value)));
        Integers(ColumnSpec.SuccessorCount, rows.Select(row => (long)row.Successors.Count));
        Integers(ColumnSpec.SuccessorActor, successors.Select(successor => successor.Actor));
        Deltas(ColumnSpec.SuccessorCounter, successors.Select(successor => successor.Counter));
        if (rows.Exists(row => row.Expand)) Add(ColumnSpec.Expand, output => ColumnWriter.WriteBooleans(output, [.. rows.Select(row => row.Expand)]));
        Strings(ColumnSpec.MarkName, rows.Select(row => row.MarkName));
        return columns;

        void Integers(uint spec, IEnumerable<long> values) => Add(spec, output => ColumnWriter.WriteIntegers(output, [.. values], signed: false));
        void Deltas(uint spec, IEnumerable<long> values) => Add(spec, output => ColumnWriter.WriteDeltas(output, [.. values]));
        void Strings(uint spec, IEnumerable<byte[]?> values) => Add(spec, output => ColumnWriter.WriteStrings(output, new StringList([.. values])));
        void Add(uint spec, Action<PooledBuffer> write)
        {
            using PooledBuffer output = new();
            write(output);
            if (output.Length > 0) columns.Add(new FuzzColumn(spec, output.Written.ToArray()));
        }
    }

    public static string Describe(IEnumerable<DocumentRow> rows) => string.Join('\n', rows.Select(row =>
        $"{Id(row.Id)} in {Id(row.Object)} at {(row.Key is { } key ? '"' + Encoding.UTF8.GetString(key) + '"' : Id(row.Element))}{(row.Insert ? " insert" : "")} action {row.Action} value {row.Metadata & 15}:{Convert.ToHexStringLower(row.Value)}"
        + $" successors {string.Join(' ', row.Successors.Select(Id))}{(row.MarkName is null ? "" : " named")}{(row.Expand ? " expand" : "")}"));

    private static string Id((long Actor, long Counter) id) => id.Counter == IntegerColumnReader.Null ? "-" : id.Actor == IntegerColumnReader.Null ? $"{id.Counter}@-" : $"{id.Counter}@{id.Actor}";

    internal readonly struct StringList(byte[]?[] strings) : IStringSource
    {
        public int Count => strings.Length;

        public bool TryGet(int row, out ReadOnlySpan<byte> value)
        {
            value = strings[row];
            return strings[row] is not null;
        }
    }
}
