using Automerge.Changes;
using Automerge.Columns;
using Automerge.Operations;

namespace Automerge.Documents;

/// <summary>
/// Writes the operation columns of a document from an op set, in the one order rows may have (format §5): objects by id, keys by bytes, elements in list order; on each
/// its operations by id. What the op set keeps as a run is appended as a run.
/// </summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class OpColumnsWriter : IDisposable
{
    private readonly OpSet _ops;

    // Index in the document's list by slot of the op set, whose slots are in order of arrival.
    private readonly int[] _actors;

    // A map's keys while they are sorted.
    private int[] _places = [];
    private int[] _ranks = [];

    private readonly IntegerColumnWriter _objectActor = new(signed: false);
    private readonly IntegerColumnWriter _objectCounter = new(signed: false);
    private readonly IntegerColumnWriter _keyActor = new(signed: false);
    private readonly DeltaColumnWriter _keyCounter = new();
    private readonly StringColumnWriter _keyString = new();
    private readonly IntegerColumnWriter _idActor = new(signed: false);
    private readonly DeltaColumnWriter _idCounter = new();
    private readonly BooleanColumnWriter _insert = new();
    private readonly IntegerColumnWriter _action = new(signed: false);
    private readonly IntegerColumnWriter _metadata = new(signed: false);
    private readonly PooledBuffer _values = new();
    private readonly IntegerColumnWriter _successorCount = new(signed: false);
    private readonly IntegerColumnWriter _successorActor = new(signed: false);
    private readonly DeltaColumnWriter _successorCounter = new();
    private readonly BooleanColumnWriter _expand = new();
    private readonly StringColumnWriter _markName = new();

    /// <param name="ops">The operations.</param>
    /// <param name="actors">Index in the document's list of each slot of the op set; -1 for one without a change.</param>
    public OpColumnsWriter(OpSet ops, int[] actors) => (_ops, _actors) = (ops, actors);

    public void Write(DocumentColumnsWriter target)
    {
        WriteRows();
        target.Add(ColumnSpec.ObjectActor, _objectActor.Finish());
        target.Add(ColumnSpec.ObjectCounter, _objectCounter.Finish());
        target.Add(ColumnSpec.KeyActor, _keyActor.Finish());
        target.Add(ColumnSpec.KeyCounter, _keyCounter.Finish());
        target.Add(ColumnSpec.KeyString, _keyString.Finish());
        target.Add(ColumnSpec.IdActor, _idActor.Finish());
        target.Add(ColumnSpec.IdCounter, _idCounter.Finish());
        target.Add(ColumnSpec.Insert, _insert.Finish());
        target.Add(ColumnSpec.Action, _action.Finish());
        target.Add(ColumnSpec.ValueMetadata, _metadata.Finish());
        target.Add(ColumnSpec.ValueBytes, _values.Written);
        target.Add(ColumnSpec.SuccessorCount, _successorCount.Finish());
        target.Add(ColumnSpec.SuccessorActor, _successorActor.Finish());
        target.Add(ColumnSpec.SuccessorCounter, _successorCounter.Finish());
        if (_expand.AnyTrue) target.Add(ColumnSpec.Expand, _expand.Finish());
        target.Add(ColumnSpec.MarkName, _markName.Finish());
        target.End();
    }

    public void Dispose()
    {
        _objectActor.Dispose();
        _objectCounter.Dispose();
        _keyActor.Dispose();
        _keyCounter.Dispose();
        _keyString.Dispose();
        _idActor.Dispose();
        _idCounter.Dispose();
        _insert.Dispose();
        _action.Dispose();
        _metadata.Dispose();
        _values.Dispose();
        _successorCount.Dispose();
        _successorActor.Dispose();
        _successorCounter.Dispose();
        _expand.Dispose();
        _markName.Dispose();
    }

    private void WriteRows()
    {
        int[] nameRanks = RankNames();
        WriteMap(_ops.Root, nameRanks);

        // Objects by id; a document's actor indexes are in byte order, so numbers tell Lamport order.
        OpObject[] objects = [.. _ops.Objects];
        ulong[] ids = new ulong[objects.Length];
        for (int i = 0; i < ids.Length; i++) ids[i] = ((ulong)objects[i].Id.Counter << 32) | (uint)_actors[objects[i].Id.Actor];
        Array.Sort(ids, objects);
        foreach (OpObject written in objects)
        {
            if (written is SequenceObject sequence) WriteSequence(sequence);
            else WriteMap((MapObject)written, nameRanks);
        }
    }

    // Documents repeat few keys in many maps: keys are compared once for all.
    private int[] RankNames()
    {
        int[] numbers = new int[_ops.Names.Count];
        for (int i = 0; i < numbers.Length; i++) numbers[i] = i;
        numbers.AsSpan().Sort(_ops.Names.Compare);
        int[] ranks = new int[numbers.Length];
        for (int i = 0; i < numbers.Length; i++) ranks[numbers[i]] = i;
        return ranks;
    }

    private void WriteMap(MapObject map, int[] nameRanks)
    {
        ReadOnlySpan<int> names = map.Names;
        if (names.Length > _places.Length)
        {
            _places = new int[Math.Max(names.Length, 16)];
            _ranks = new int[_places.Length];
        }

        for (int i = 0; i < names.Length; i++) (_places[i], _ranks[i]) = (i, nameRanks[names[i]]);
        Array.Sort(_ranks, _places, 0, names.Length);
        foreach (int place in _places.AsSpan(0, names.Length))
        {
            ReadOnlySpan<byte> key = _ops.Names.Utf8(names[place]);
            Register register = map.Registers[place];
            AppendObject(map, register.Count);
            _keyActor.Append(IntegerColumnReader.Null, register.Count);
            _keyCounter.AppendNulls(register.Count);
            _keyString.Append(key, register.Count);
            foreach (ref RegisterOp op in register.Ops) WriteOp(op);
        }
    }

    private void WriteSequence(SequenceObject sequence)
    {
        AppendObject(sequence, sequence.Sum.Elements);
        for (SequenceLeaf? leaf = sequence.First; leaf is not null; leaf = leaf.Next)
        {
            int offset = 0;
            foreach (ref ElementRun run in leaf.Runs.AsSpan(0, leaf.Count))
            {
                if (run.Register is null) WriteRun(run, leaf.Bytes.AsSpan(offset, run.Bytes));
                else WriteElement(sequence, run);
                offset += run.Bytes;
            }
        }
    }

    private void WriteRun(in ElementRun run, ReadOnlySpan<byte> values)
    {
        int actor = _actors[run.Id.Actor];
        AppendElementKey(run.Reference);
        _keyActor.Append(actor, run.Count - 1);
        _keyCounter.AppendRun(run.Id.Counter, 1, run.Count - 1);
        _keyString.AppendNulls(run.Count);
        _idActor.Append(actor, run.Count);
        _idCounter.AppendRun(run.Id.Counter, 1, run.Count);
        _insert.Append(true, run.Count);
        _action.Append((long)OpAction.Set, run.Count);
        _expand.Append(false, run.Count);
        _markName.AppendNulls(run.Count);

        if (run.Metadata != ElementRun.MixedText) _metadata.Append(run.Metadata, run.Count);
        else AppendTextMetadata(values);
        _values.WriteBytes(values);

        _successorCount.Append(run.Deleted.IsNone ? 0 : 1, run.Count);
        if (run.Deleted.IsNone) return;
        _successorActor.Append(_actors[run.Deleted.Actor], run.Count);
        _successorCounter.AppendRun(run.Deleted.Counter, run.DeleteStep, run.Count);
    }

    // An element's insert names what it was inserted after; all further operations name the element.
    private void WriteElement(SequenceObject sequence, in ElementRun run)
    {
        Register register = run.Register!;
        AppendObject(sequence, register.Count - 1);      // the insert has been counted with all elements
        AppendElementKey(run.Reference);
        for (int i = 1; i < register.Count; i++) AppendElementKey(run.Id);
        _keyString.AppendNulls(register.Count);
        foreach (ref RegisterOp op in register.Ops) WriteOp(op);
    }

    private void WriteOp(in RegisterOp op)
    {
        _idActor.Append(_actors[op.Id.Actor]);
        _idCounter.Append(op.Id.Counter);
        _insert.Append(op.Insert);
        _action.Append((long)op.Action);
        _metadata.Append(op.Value.Metadata);
        _values.WriteBytes(op.Value.Bytes);
        _expand.Append(op.Expand);
        if (op.MarkName == 0) _markName.AppendNulls(1);
        else _markName.Append(_ops.Names.Utf8(op.MarkName - 1));

        _successorCount.Append(op.SuccessorCount);
        if (op.Successors is null)
        {
            if (!op.Successor.IsNone) AppendSuccessor(op.Successor);
            return;
        }

        foreach (LocalId successor in op.Successors.Ids) AppendSuccessor(successor);
    }

    private void AppendObject(OpObject written, int count)
    {
        _objectActor.Append(written.Id.IsNone ? IntegerColumnReader.Null : _actors[written.Id.Actor], count);
        _objectCounter.Append(written.Id.IsNone ? IntegerColumnReader.Null : written.Id.Counter, count);
    }

    // The head of a list is counter 0 of no actor.
    private void AppendElementKey(LocalId element)
    {
        _keyActor.Append(element.IsNone ? IntegerColumnReader.Null : _actors[element.Actor]);
        _keyCounter.Append(element.Counter);
    }

    private void AppendSuccessor(LocalId successor)
    {
        _successorActor.Append(_actors[successor.Actor]);
        _successorCounter.Append(successor.Counter);
    }

    // Characters of one length come in long stretches.
    private void AppendTextMetadata(ReadOnlySpan<byte> text)
    {
        while (!text.IsEmpty)
        {
            int length = ElementRun.Utf8Length(text[0]);
            int end = length;
            while (end < text.Length && ElementRun.Utf8Length(text[end]) == length) end += length;
            _metadata.Append(((long)length << 4) | ScalarCode.String, end / length);
            text = text[end..];
        }
    }
}
