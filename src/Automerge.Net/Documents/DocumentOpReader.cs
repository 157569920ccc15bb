using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Documents;

/// <summary>
/// Walks the operation rows of a document once and collects the operations of its changes. Rows hold no predecessors and
/// deletes are no rows; both follow from successor lists. Rows of one key or list element are neighbours, and whatever they
/// name as successor is among them or is a delete: so predecessors are settled group by group.
/// </summary>
internal ref struct DocumentOpReader
{
    private readonly DocumentColumns _columns;
    private readonly ChangeTable _changes;
    private readonly int _actorCount;
    private readonly int _rowCount;
    private readonly int _keyStringOffset;
    private readonly int _markNameOffset;

    private IntegerColumnReader _objectActor;
    private IntegerColumnReader _objectCounter;
    private IntegerColumnReader _keyActor;
    private DeltaColumnReader _keyCounter;
    private StringColumnReader _keyString;
    private IntegerColumnReader _idActor;
    private DeltaColumnReader _idCounter;
    private BooleanColumnReader _insert;
    private IntegerColumnReader _action;
    private IntegerColumnReader _metadata;
    private IntegerColumnReader _successorCount;
    private IntegerColumnReader _successorActor;
    private DeltaColumnReader _successorCounter;
    private BooleanColumnReader _expand;
    private StringColumnReader _markName;
    private readonly ReadOnlySpan<byte> _values;
    private int _valueOffset;
    private int _checkedValues;

    private OpTable _table = null!;
    private GroupResolver _group = null!;
    private readonly ListOrder _listOrder = new();
    private readonly MarkOrder _marks = new();
    private readonly ObjectKinds _kinds = new();
    private ulong _object;
    private bool _objectIsList;
    private bool _kindKnown;
    private ulong _element;
    private bool _elementIsMark;
    private int _string;

    // The element read last, when it was typed and nothing more is known of it than, perhaps, its one successor; else 0.
    private ulong _typed;
    private ulong _deleted;

    private DocumentOpReader(DocumentColumns columns, ChangeTable changes, int actorCount, int rowCount)
    {
        _columns = columns;
        _changes = changes;
        _actorCount = actorCount;
        _rowCount = rowCount;
        _keyStringOffset = columns.Offset(ColumnSpec.KeyString);
        _markNameOffset = columns.Offset(ColumnSpec.MarkName);
        _objectActor = new(columns.Get(ColumnSpec.ObjectActor), signed: false, rowCount);
        _objectCounter = new(columns.Get(ColumnSpec.ObjectCounter), signed: false, rowCount);
        _keyActor = new(columns.Get(ColumnSpec.KeyActor), signed: false, rowCount);
        _keyCounter = new(columns.Get(ColumnSpec.KeyCounter), rowCount);
        _keyString = new(columns.Get(ColumnSpec.KeyString), rowCount);
        _idActor = new(columns.Get(ColumnSpec.IdActor), signed: false, 0);
        _idCounter = new(columns.Get(ColumnSpec.IdCounter), 0);
        _insert = new(columns.Get(ColumnSpec.Insert), rowCount);
        _action = new(columns.Get(ColumnSpec.Action), signed: false, 0);
        _metadata = new(columns.Get(ColumnSpec.ValueMetadata), signed: false, 0);
        _successorCount = new(columns.Get(ColumnSpec.SuccessorCount), signed: false, 0);
        _successorActor = new(columns.Get(ColumnSpec.SuccessorActor), signed: false, 0);
        _successorCounter = new(columns.Get(ColumnSpec.SuccessorCounter), 0);
        _expand = new(columns.Get(ColumnSpec.Expand), rowCount);
        _markName = new(columns.Get(ColumnSpec.MarkName), rowCount);
        _values = columns.Get(ColumnSpec.ValueBytes);
        _valueOffset = columns.Offset(ColumnSpec.ValueBytes);
        _string = -1;
    }

    /// <summary>Reads all operations into a table that the caller disposes.</summary>
    public static OpTable Read(DocumentColumns columns, ChangeTable changes, int actorCount, int rowsMax)
    {
        if (!IntegerColumnReader.TryCount(columns.Get(ColumnSpec.IdActor), signed: false, rowsMax, out long rows))
            DocumentFault.Throw("operation id column damaged or longer than allowed");
        long successors = CountSuccessors(columns.Get(ColumnSpec.SuccessorCount), rowsMax - rows);

        DocumentOpReader reader = new(columns, changes, actorCount, (int)rows);
        // Every change has a row; and each run of typing takes some bytes to describe.
        int rowsExpected = changes.Count + (columns.Bytes.Length / 4) + 16;
        OpTable table = new(columns, rowsExpected, (int)(rows + successors), (int)successors);
        try
        {
            reader._table = table;
            reader._group = new GroupResolver(table, changes);
            reader.Run();
            return table;
        }
        catch
        {
            table.Dispose();
            throw;
        }
    }

    private static long CountSuccessors(ReadOnlySpan<byte> column, long max)
    {
        long total = 0;
        IntegerColumnReader reader = new(column, signed: false, 0);
        while (reader.Prepare())
        {
            if (reader.Value > 0 && (reader.Value > max || reader.Remaining > max || reader.Value * reader.Remaining > max - total))
                DocumentFault.Throw("more successors than allowed");
            if (reader.Value > 0) total += reader.Value * reader.Remaining;
            reader.Take(reader.Remaining);
        }

        return total;
    }

    private void Run()
    {
        for (int row = 0; row < _rowCount;)
        {
            ReadRow(row++);
            row += TakeTyping(row);
        }

        _group.Close();
        _marks.Close();
        _kinds.Close();
        bool atEnd = _objectActor.AtEnd && _objectCounter.AtEnd && _keyActor.AtEnd && _keyCounter.AtEnd && _keyString.AtEnd && _idActor.AtEnd
            && _idCounter.AtEnd && _insert.AtEnd && _action.AtEnd && _metadata.AtEnd && _successorCount.AtEnd && _successorActor.AtEnd
            && _successorCounter.AtEnd && _expand.AtEnd && _markName.AtEnd;
        if (!atEnd) DocumentFault.Throw("operation columns differ in length");
        if (_valueOffset != _columns.Offset(ColumnSpec.ValueBytes) + _values.Length) DocumentFault.Throw("value bytes left over");
    }

    private void ReadRow(int row)
    {
        ReadObject();
        ulong id = ReadId();
        if (id >> 32 <= _object >> 32 && _object != 0) DocumentFault.Throw("an operation comes before the one that makes its object");
        if (!_insert.TryNext(out bool insert) | !_action.TryNext(out long action) || action < 0) Missing("insert or action");
        if (action == (long)OpAction.Delete || action > (long)OpAction.Mark) DocumentFault.Throw("unrecognized action");
        (int keyActor, uint key) = ReadKey(id, insert);
        (uint metadata, int valueOffset) = ReadValue(row);
        if (!_expand.TryNext(out bool expand)) Missing("expand");
        int markName = ReadMarkName();
        if (action != (long)OpAction.Set) Note((OpAction)action, id, markName != 0);
        if (insert) _elementIsMark = action == (long)OpAction.Mark;
        else if (keyActor != OpRow.MapKey && _elementIsMark) DocumentFault.Throw("an operation's element is a mark");

        _group.AddRow(id);
        ref OpRow op = ref _table.Add();
        op.Counter = (uint)(id >> 32);
        op.Count = 1;
        op.Change = _changes.Assign((int)(uint)id, (uint)(id >> 32));
        op.Object = _table.Objects.Count - 1;
        op.KeyActor = keyActor;
        op.Key = key;
        op.Metadata = metadata;
        op.ValueOffset = valueOffset;
        op.PredecessorStart = 0;
        op.PredecessorCount = 0;
        op.MarkName = markName;
        op.Action = (OpAction)action;
        op.Insert = insert;
        op.Expand = expand;
        op.KeyStep = 0;
        _typed = insert && action == (long)OpAction.Set && !expand ? id : 0;
        ReadSuccessors(id);
        if (_deleted != 0 && (action is (long)OpAction.Mark or (long)OpAction.Increment)) DocumentFault.Throw("an operation replaces one that is no value");
    }

    // After an element that was typed: how many more come that only count on from it. They join its row.
    private int TakeTyping(int row)
    {
        if (_typed == 0) return 0;
        uint actor = (uint)_typed, counter = (uint)(_typed >> 32);
        long count = Math.Min(Math.Min(_objectActor.Remaining, _objectCounter.Remaining), Math.Min(_keyString.Remaining, _markName.Remaining));
        count = Math.Min(count, Math.Min(Math.Min(_keyActor.Remaining, _keyCounter.Remaining), Math.Min(_idActor.Remaining, _idCounter.Remaining)));
        count = Math.Min(count, Math.Min(Math.Min(_insert.Remaining, _action.Remaining), Math.Min(_expand.Remaining, _metadata.Remaining)));
        count = Math.Min(count, Math.Min(_successorCount.Remaining, _rowCount - row));
        bool typing = count > 0 && _insert.Value && _action.Value == (long)OpAction.Set && !_expand.Value && _markName.IsNull && _keyString.IsNull
            && _idActor.Value == actor && _idCounter.Step == 1 && _keyActor.Value == actor && _keyCounter.First == counter && _keyCounter.Step == 1;
        if (!typing) return 0;
        if (_successorCount.Value == 0 && _deleted == 0) return TakeTyped(count, actor, counter);
        return _successorCount.Value == 1 && _deleted != 0 ? TakeDeleted(count, actor, counter) : 0;
    }

    private int TakeTyped(long count, uint actor, uint counter)
    {
        ref OpRow op = ref _table.At(_table.Count - 1);
        bool counts = op.KeyActor == (int)actor && op.Key + 1 == op.Counter && op.Metadata == (uint)_metadata.Value;
        long room = _changes.MaxOp(op.Change) - counter;
        if (counts && room > 0)
        {
            count = Math.Min(count, room);
            op.Count += (int)count;
            op.KeyStep = 1;
            _changes.AssignMore(op.Change, (int)count);
        }
        else
        {
            _group.Close();
            count = AddTyped(count, actor, counter);
            _group.AddRow(_element + ((ulong)count << 32));
        }

        TakeRows(count);
        _group.ReplaceRow(_element);
        return (int)count;
    }

    // Elements each with a delete, the deletes counting on as well, up or down. The last one is left, for an update may follow it.
    private int TakeDeleted(long count, uint actor, uint counter)
    {
        uint deleter = (uint)_deleted, delete = (uint)(_deleted >> 32);
        int step = (int)_successorCounter.Step;
        count = Math.Min(count - 1, Math.Min(_successorActor.Remaining, _successorCounter.Remaining));
        if (count > 0 && step == -1) count = Math.Min(count, ((long)delete - counter - 1) / 2);      // deletes come after what they delete
        if (count <= 0 || step is not (1 or -1) || _successorActor.Value != deleter || _successorCounter.First != (long)delete + step) return 0;

        // The element before has no update either, as an insert follows: so its successor is a delete.
        _group.Close();
        int change = _changes.Assign((int)deleter, (uint)(delete + step));
        count = Math.Min(count, _changes.Room((int)deleter, (uint)(delete + step), step) + 1);
        count = AddTyped(count, actor, counter);
        _changes.AssignMore(change, (int)count - 1);
        OpRow typed = _table.At(_table.Count - 1);
        _table.Add() = new OpRow
        {
            Counter = step == 1 ? delete + 1 : delete - (uint)count,
            Count = (int)count,
            Change = change,
            Object = typed.Object,
            KeyActor = (int)actor,
            Key = step == 1 ? typed.Counter : typed.Counter + (uint)count - 1,
            KeyStep = (sbyte)step,
            PredecessorStart = OpRow.KeyIsPredecessor,
            PredecessorCount = 1,
            Action = OpAction.Delete,
        };
        TakeRows(count);
        if (!_successorCounter.Take(count)) Missing("successor");
        _successorActor.Take(count);
        return (int)count;
    }

    // A row of elements typed after one, as many as are in one change; returns how many.
    private readonly long AddTyped(long count, uint actor, uint after)
    {
        int change = _changes.Assign((int)actor, after + 1);
        count = Math.Min(count, _changes.MaxOp(change) - after);
        _changes.AssignMore(change, (int)count - 1);
        _table.Add() = new OpRow
        {
            Counter = after + 1,
            Count = (int)count,
            Change = change,
            Object = _table.Objects.Count - 1,
            KeyActor = (int)actor,
            Key = after,
            KeyStep = 1,
            Metadata = (uint)_metadata.Value,
            ValueOffset = _valueOffset,
            Action = OpAction.Set,
            Insert = true,
        };
        return count;
    }

    private void TakeRows(long count)
    {
        _objectActor.Take(count);
        _objectCounter.Take(count);
        _keyString.Take(count);
        _markName.Take(count);
        _keyActor.Take(count);
        _idActor.Take(count);
        _insert.Take(count);
        _action.Take(count);
        _expand.Take(count);
        _metadata.Take(count);
        _successorCount.Take(count);
        if (!_keyCounter.Take(count) | !_idCounter.Take(count)) Missing("operation id");
        _valueOffset += (int)count * (int)(_metadata.Value >> 4);
        _listOrder.AddTyping((int)count);
        _element += (ulong)count << 32;
    }

    private readonly void Note(OpAction action, ulong id, bool named)
    {
        switch (action)
        {
            case OpAction.Mark: NoteMark(id, named); break;
            case OpAction.MakeMap or OpAction.MakeList or OpAction.MakeText or OpAction.MakeTable: _kinds.Make(id, action); break;
            default: break;
        }
    }

    private readonly void NoteMark(ulong id, bool named)
    {
        _marks.Add(id, begins: named);
        _kinds.Mark();
    }

    private void ReadObject()
    {
        if (!_objectActor.TryNext(out long actor) | !_objectCounter.TryNext(out long counter)) Missing("object");
        if (actor == IntegerColumnReader.Null && counter == IntegerColumnReader.Null)
        {
            if (_object != 0) DocumentFault.Throw("objects out of order");
            return;
        }

        if ((ulong)actor >= (ulong)_actorCount || counter is <= 0 or > uint.MaxValue) DocumentFault.Throw("object id out of range");
        ulong id = ((ulong)counter << 32) | (uint)actor;
        if (id == _object) return;
        if (id < _object) DocumentFault.Throw("objects out of order");

        _group.Close();
        _marks.Close();
        _listOrder.Clear();
        _object = id;
        _kindKnown = false;
        _string = -1;
        _element = 0;
        _table.Objects.Add(id);
    }

    private ulong ReadId()
    {
        if (!_idActor.TryNext(out long actor) | !_idCounter.TryNext(out long counter)) Missing("operation id");
        if ((ulong)actor >= (ulong)_actorCount || counter <= 0) DocumentFault.Throw("operation id out of range");
        return ((ulong)counter << 32) | (uint)actor;
    }

    /// <summary>Reads the key; begins a new group when it is another one than before.</summary>
    private (int Actor, uint Key) ReadKey(ulong id, bool insert)
    {
        if (!_keyActor.TryNext(out long actor) | !_keyCounter.TryNext(out long counter)) Missing("key");
        bool newString = _keyString.Remaining == 0;
        if (!_keyString.Prepare()) Missing("key string");
        _keyString.Take(1);

        if (!_keyString.IsNull)
        {
            if (actor != IntegerColumnReader.Null || counter != IntegerColumnReader.Null) DocumentFault.Throw("key is both a string and an element");
            if (insert) DocumentFault.Throw("insert with a map key");
            CheckKind(isList: false);
            if (newString || _string < 0) BeginString();
            return (OpRow.MapKey, (uint)_string);
        }

        if (counter == IntegerColumnReader.Null) Missing("key");
        CheckKind(isList: true);
        if (actor == IntegerColumnReader.Null ? counter != 0 : (ulong)actor >= (ulong)_actorCount || counter == 0) DocumentFault.Throw("element id out of range");
        int keyActor = actor == IntegerColumnReader.Null ? OpRow.HeadKey : (int)actor;
        ulong element = counter == 0 ? 0 : ((ulong)counter << 32) | (uint)keyActor;
        if (insert)
        {
            _group.Close();
            _listOrder.Add(id, element);
            _element = id;
        }
        else if (element != _element || element == 0)
        {
            DocumentFault.Throw("an operation on a list element is not beside it");
        }

        return (keyActor, (uint)counter);
    }

    // A map's keys ascend, so each has one group; a list's rows begin with an insert.
    private void BeginString()
    {
        _group.Close();
        ReadOnlySpan<byte> key = _keyString.Value;
        if (_string >= 0)
        {
            (int offset, int length) = _table.Strings[_string];
            if (_columns.Bytes.Slice(offset, length).SequenceCompareTo(key) >= 0) DocumentFault.Throw("keys out of order");
        }

        _string = _table.Strings.Count;
        _table.Strings.Add((_keyStringOffset + _keyString.Offset, _keyString.Length));
    }

    private void CheckKind(bool isList)
    {
        if (_kindKnown && _objectIsList != isList) DocumentFault.Throw("map keys and elements in one object");
        if (!_kindKnown) _kinds.Use(_object, isList);
        _objectIsList = isList;
        _kindKnown = true;
    }

    private (uint Metadata, int Offset) ReadValue(int row)
    {
        if (_metadata.Remaining == 0)
        {
            if (!_metadata.Prepare() || _metadata.Value < 0) Missing("value metadata");
            CheckValues(Math.Min(_metadata.Remaining, _rowCount - row));
        }

        _metadata.Take(1);
        uint metadata = (uint)_metadata.Value;
        int offset = _valueOffset;
        _valueOffset += (int)(metadata >> 4);
        return (metadata, offset);
    }

    // A run of values of one type and length is checked at once.
    private void CheckValues(long count)
    {
        long length = _metadata.Value >> 4;
        if (length > _values.Length || length * count > _values.Length - _checkedValues) DocumentFault.Throw("value: not enough data");
        int total = (int)(length * count);
        string? fault = ScalarRules.CheckRun((int)(_metadata.Value & 15), (int)length, count, _values.Slice(_checkedValues, total));
        if (fault is not null) DocumentFault.Throw(fault);
        _checkedValues += total;
    }

    private int ReadMarkName()
    {
        bool another = _markName.Remaining == 0;
        if (!_markName.Prepare()) Missing("mark name");
        _markName.Take(1);
        if (_markName.IsNull) return 0;
        if (another) _table.MarkNames.Add((_markNameOffset + _markName.Offset, _markName.Length));
        return _table.MarkNames.Count;
    }

    private void ReadSuccessors(ulong id)
    {
        if (!_successorCount.TryNext(out long count) || count < 0) Missing("successor count");
        ulong previous = id;
        _deleted = 0;
        if (count > 1) _typed = 0;
        for (long i = 0; i < count; i++)
        {
            if (!_successorActor.TryNext(out long actor) | !_successorCounter.TryNext(out long counter)) Missing("successor");
            if ((ulong)actor >= (ulong)_actorCount || counter <= 0) DocumentFault.Throw("successor id out of range");
            ulong successor = ((ulong)counter << 32) | (uint)actor;
            if (successor <= previous || (ulong)counter <= id >> 32) DocumentFault.Throw("successors not ascending, or not after their operation");
            _group.AddSuccessor(successor, id);
            previous = successor;
            _deleted = successor;
        }
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    private static void Missing(string column) => DocumentFault.Throw($"{column} column damaged, too short or null");
}
