using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Documents;

/// <summary>The operations of one change of a document, for the encoder.</summary>
internal readonly struct DocumentChangeOps(OpTable table, int firstOp, int count, int predecessorCount, bool hasMarkNames, int[] localActors) : IRunChangeOps
{
    public int Count => count;

    public int PredecessorCount => predecessorCount;

    public bool HasMarkNames => hasMarkNames;

    private ReadOnlySpan<int> Order => table.Order.Slice(firstOp, count);

    public void CopyNumbers(OpColumn column, Span<long> rows)
    {
        ReadOnlySpan<int> order = Order;
        ReadOnlySpan<OpRow> ops = table.Rows;
        for (int i = 0; i < order.Length;)
        {
            ref readonly OpRow op = ref ops[order[i]];
            if (op.Count == 1)
            {
                rows[i++] = Number(column, op);
                continue;
            }

            Span<long> run = rows.Slice(i, op.Count);
            if (column != OpColumn.KeyCounter) run.Fill(Number(column, op));
            else
                for (int j = 0; j < run.Length; j++) run[j] = op.KeyAt(j);
            i += op.Count;
        }
    }

    public bool CopyFlags(OpColumn column, Span<bool> rows)
    {
        bool isInsert = column == OpColumn.Insert;
        if (!isInsert && !hasMarkNames && table.MarkNames.Count == 0) return false;
        ReadOnlySpan<int> order = Order;
        ReadOnlySpan<OpRow> ops = table.Rows;
        bool any = false;
        for (int i = 0; i < order.Length;)
        {
            ref readonly OpRow op = ref ops[order[i]];
            bool value = isInsert ? op.Insert : op.Expand;
            any |= value;
            rows.Slice(i, op.Count).Fill(value);
            i += op.Count;
        }

        return any;
    }

    public void CopyPredecessors(Span<long> actors, Span<long> counters)
    {
        ReadOnlySpan<int> order = Order;
        ReadOnlySpan<OpRow> ops = table.Rows;
        ReadOnlySpan<ulong> predecessors = table.Predecessors;
        int next = 0;
        for (int i = 0; i < order.Length;)
        {
            ref readonly OpRow op = ref ops[order[i]];
            i += op.Count;
            if (op.PredecessorStart == OpRow.KeyIsPredecessor)
            {
                for (int j = 0; j < op.Count; j++)
                {
                    actors[next] = localActors[op.KeyActor];
                    counters[next++] = op.KeyAt(j);
                }

                continue;
            }

            foreach (ulong id in predecessors.Slice(op.PredecessorStart, op.PredecessorCount))
            {
                actors[next] = localActors[(int)(uint)id];
                counters[next++] = (long)(id >> 32);
            }
        }
    }

    public bool TryGetString(OpColumn column, int row, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (Order[row] < 0) return false;      // one of many: they have neither map keys nor mark names
        ref readonly OpRow op = ref table.Rows[Order[row]];
        if (column == OpColumn.KeyString ? op.KeyActor != OpRow.MapKey : op.MarkName == 0) return false;
        (int offset, int length) = column == OpColumn.KeyString ? table.Strings[(int)op.Key] : table.MarkNames[op.MarkName - 1];
        value = table.Columns.Bytes.Slice(offset, length);
        return true;
    }

    public void WriteValues(PooledBuffer output)
    {
        ReadOnlySpan<int> order = Order;
        ReadOnlySpan<OpRow> ops = table.Rows;
        ReadOnlySpan<byte> bytes = table.Columns.Bytes;
        for (int i = 0; i < order.Length;)
        {
            ref readonly OpRow op = ref ops[order[i]];
            if (op.Metadata > 15) output.WriteBytes(bytes.Slice(op.ValueOffset, op.Count * (int)(op.Metadata >> 4)));
            i += op.Count;
        }
    }

    public void WriteRuns(ChangeOpsWriter columns)
    {
        ReadOnlySpan<int> order = Order;
        ReadOnlySpan<OpRow> ops = table.Rows;
        ReadOnlySpan<byte> bytes = table.Columns.Bytes;
        for (int i = 0; i < order.Length;)
        {
            ref readonly OpRow op = ref ops[order[i]];
            i += op.Count;
            WriteKey(columns, op, bytes);
            columns.Insert.Append(op.Insert, op.Count);
            columns.Action.Append((long)op.Action, op.Count);
            columns.Metadata.Append(op.Metadata, op.Count);
            if (op.Metadata > 15) columns.Values.WriteBytes(bytes.Slice(op.ValueOffset, op.Count * (int)(op.Metadata >> 4)));
            WritePredecessors(columns, op);
            columns.Expand.Append(op.Expand, op.Count);
            if (op.MarkName == 0)
            {
                columns.MarkName.AppendNulls(op.Count);
                continue;
            }

            (int offset, int length) = table.MarkNames[op.MarkName - 1];
            columns.MarkName.Append(bytes.Slice(offset, length));
        }
    }

    private void WriteKey(ChangeOpsWriter columns, in OpRow op, ReadOnlySpan<byte> bytes)
    {
        columns.ObjectActor.Append(Number(OpColumn.ObjectActor, op), op.Count);
        columns.ObjectCounter.Append(Number(OpColumn.ObjectCounter, op), op.Count);
        columns.KeyActor.Append(Number(OpColumn.KeyActor, op), op.Count);
        if (op.KeyActor == OpRow.MapKey)
        {
            columns.KeyCounter.AppendNulls(1);
            (int offset, int length) = table.Strings[(int)op.Key];
            columns.KeyString.Append(bytes.Slice(offset, length));
            return;
        }

        columns.KeyCounter.AppendRun(op.Key, op.KeyStep, op.Count);
        columns.KeyString.AppendNulls(op.Count);
    }

    private void WritePredecessors(ChangeOpsWriter columns, in OpRow op)
    {
        columns.PredecessorCount.Append(op.PredecessorCount, op.Count);
        if (op.PredecessorStart == OpRow.KeyIsPredecessor)
        {
            columns.PredecessorActor.Append(localActors[op.KeyActor], op.Count);
            columns.PredecessorCounter.AppendRun(op.Key, op.KeyStep, op.Count);
            return;
        }

        foreach (ulong id in table.Predecessors.Slice(op.PredecessorStart, op.PredecessorCount))
        {
            columns.PredecessorActor.Append(localActors[(int)(uint)id]);
            columns.PredecessorCounter.Append((long)(id >> 32));
        }
    }

    private long Number(OpColumn column, in OpRow op)
    {
        switch (column)
        {
            case OpColumn.ObjectActor:
                ulong target = table.Objects[op.Object];
                return target == 0 ? IntegerColumnReader.Null : localActors[(int)(uint)target];
            case OpColumn.ObjectCounter:
                target = table.Objects[op.Object];
                return target == 0 ? IntegerColumnReader.Null : (long)(target >> 32);
            case OpColumn.KeyActor:
                return op.KeyActor < 0 ? IntegerColumnReader.Null : localActors[op.KeyActor];
            case OpColumn.KeyCounter:
                return op.KeyActor == OpRow.MapKey ? IntegerColumnReader.Null : op.Key;
            case OpColumn.Action:
                return (long)op.Action;
            case OpColumn.ValueMetadata:
                return op.Metadata;
            default:
                return op.PredecessorCount;
        }
    }
}
