using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Documents;

/// <summary>The operations of one change of a document, for the encoder.</summary>
internal readonly struct DocumentChangeOps(OpTable table, int firstOp, int count, int predecessorCount, bool hasMarkNames, int[] localActors) : IChangeOps
{
    public int Count => count;

    public int PredecessorCount => predecessorCount;

    public bool HasMarkNames => hasMarkNames;

    private ReadOnlySpan<int> Order => table.Order.Slice(firstOp, count);

    public void CopyNumbers(OpColumn column, Span<long> rows)
    {
        ReadOnlySpan<int> order = Order;
        ReadOnlySpan<OpRow> ops = table.Rows;
        switch (column)
        {
            case OpColumn.ObjectActor:
                for (int i = 0; i < order.Length; i++)
                {
                    ulong id = table.Objects[ops[order[i]].Object];
                    rows[i] = id == 0 ? IntegerColumnReader.Null : localActors[(int)(uint)id];
                }

                break;
            case OpColumn.ObjectCounter:
                for (int i = 0; i < order.Length; i++)
                {
                    ulong id = table.Objects[ops[order[i]].Object];
                    rows[i] = id == 0 ? IntegerColumnReader.Null : (long)(id >> 32);
                }

                break;
            case OpColumn.KeyActor:
                for (int i = 0; i < order.Length; i++)
                {
                    int actor = ops[order[i]].KeyActor;
                    rows[i] = actor < 0 ? IntegerColumnReader.Null : localActors[actor];
                }

                break;
            case OpColumn.KeyCounter:
                for (int i = 0; i < order.Length; i++)
                {
                    ref readonly OpRow op = ref ops[order[i]];
                    rows[i] = op.KeyActor == OpRow.MapKey ? IntegerColumnReader.Null : op.Key;
                }

                break;
            case OpColumn.Action:
                for (int i = 0; i < order.Length; i++) rows[i] = (long)ops[order[i]].Action;
                break;
            case OpColumn.ValueMetadata:
                for (int i = 0; i < order.Length; i++) rows[i] = ops[order[i]].Metadata;
                break;
            default:
                for (int i = 0; i < order.Length; i++) rows[i] = ops[order[i]].PredecessorCount;
                break;
        }
    }

    public bool CopyFlags(OpColumn column, Span<bool> rows)
    {
        ReadOnlySpan<int> order = Order;
        ReadOnlySpan<OpRow> ops = table.Rows;
        bool any = false;
        if (column == OpColumn.Insert)
            for (int i = 0; i < order.Length; i++) any |= rows[i] = ops[order[i]].Insert;
        else if (hasMarkNames || table.MarkNames.Count > 0)
            for (int i = 0; i < order.Length; i++) any |= rows[i] = ops[order[i]].Expand;
        return any;
    }

    public void CopyPredecessors(Span<long> actors, Span<long> counters)
    {
        ReadOnlySpan<OpRow> ops = table.Rows;
        ReadOnlySpan<ulong> predecessors = table.Predecessors;
        int next = 0;
        foreach (int index in Order)
        {
            ref readonly OpRow op = ref ops[index];
            foreach (ulong id in predecessors.Slice(op.PredecessorStart, op.PredecessorCount))
            {
                actors[next] = localActors[(int)(uint)id];
                counters[next++] = (long)(id >> 32);
            }
        }
    }

    public bool TryGetString(OpColumn column, int row, out ReadOnlySpan<byte> value)
    {
        ref readonly OpRow op = ref table.Rows[Order[row]];
        value = default;
        if (column == OpColumn.KeyString ? op.KeyActor != OpRow.MapKey : op.MarkName == 0) return false;
        (int offset, int length) = column == OpColumn.KeyString ? table.Strings[(int)op.Key] : table.MarkNames[op.MarkName - 1];
        value = table.Columns.Bytes.Slice(offset, length);
        return true;
    }

    public void WriteValues(PooledBuffer output)
    {
        ReadOnlySpan<OpRow> ops = table.Rows;
        ReadOnlySpan<byte> bytes = table.Columns.Bytes;
        foreach (int index in Order)
        {
            ref readonly OpRow op = ref ops[index];
            if (op.Metadata > 15) output.WriteBytes(bytes.Slice(op.ValueOffset, (int)(op.Metadata >> 4)));
        }
    }
}
