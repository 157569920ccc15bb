using System.Text;
using Automerge.Columns;

namespace Automerge.Changes;

/// <summary>Operations held as objects, for the encoder.</summary>
internal readonly struct ObjectChangeOps : IChangeOps
{
    private readonly IReadOnlyList<ChangeOp> _ops;
    private readonly Dictionary<ActorId, int> _indexes;

    public ObjectChangeOps(ActorId author, IReadOnlyList<ChangeOp> ops)
    {
        _ops = ops;
        SortedSet<ActorId> others = [];
        foreach (ChangeOp op in ops)
        {
            if (op.Object is { } target) others.Add(target.Actor);
            if (op.Key is { MapKey: null, IsHead: false }) others.Add(op.Key.Element.Actor);
            foreach (OpId predecessor in op.Predecessors) others.Add(predecessor.Actor);
            PredecessorCount += op.Predecessors.Count;
            HasMarkNames |= op.MarkName is not null;
        }

        others.Remove(author);
        OtherActors = [.. others];
        _indexes = new Dictionary<ActorId, int> { [author] = 0 };
        foreach (ActorId other in OtherActors) _indexes[other] = _indexes.Count;
    }

    public IReadOnlyList<ActorId> OtherActors { get; }

    public int Count => _ops.Count;

    public int PredecessorCount { get; }

    public bool HasMarkNames { get; }

    public void CopyNumbers(OpColumn column, Span<long> rows)
    {
        for (int i = 0; i < rows.Length; i++) rows[i] = Number(column, _ops[i]);
    }

    public bool CopyFlags(OpColumn column, Span<bool> rows)
    {
        bool any = false;
        for (int i = 0; i < rows.Length; i++) any |= rows[i] = column == OpColumn.Insert ? _ops[i].Insert : _ops[i].Expand;
        return any;
    }

    public void CopyPredecessors(Span<long> actors, Span<long> counters)
    {
        int next = 0;
        foreach (ChangeOp op in _ops)
        {
            foreach (OpId predecessor in op.Predecessors.Order())
            {
                actors[next] = _indexes[predecessor.Actor];
                counters[next++] = predecessor.Counter;
            }
        }
    }

    public bool TryGetString(OpColumn column, int row, out ReadOnlySpan<byte> value)
    {
        string? text = column == OpColumn.KeyString ? _ops[row].Key.MapKey : _ops[row].MarkName;
        value = text is null ? default : Encoding.UTF8.GetBytes(text);
        return text is not null;
    }

    public void WriteValues(PooledBuffer output)
    {
        foreach (ChangeOp op in _ops) output.WriteBytes(op.Value.Bytes.Span);
    }

    private long Number(OpColumn column, ChangeOp op) => column switch
    {
        OpColumn.ObjectActor => op.Object is { } target ? _indexes[target.Actor] : IntegerColumnReader.Null,
        OpColumn.ObjectCounter => op.Object is { } target ? target.Counter : IntegerColumnReader.Null,
        OpColumn.KeyActor => op.Key.MapKey is null && !op.Key.IsHead ? _indexes[op.Key.Element.Actor] : IntegerColumnReader.Null,
        OpColumn.KeyCounter => op.Key.MapKey is null ? op.Key.Element.Counter : IntegerColumnReader.Null,
        OpColumn.Action => (long)op.Action,
        OpColumn.ValueMetadata => ((long)op.Value.Bytes.Length << 4) | op.Value.Type,
        _ => op.Predecessors.Count,
    };
}
