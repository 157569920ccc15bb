using System.Runtime.InteropServices;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Documents;

namespace Automerge.Operations;

/// <summary>
/// Builds an op set from the operation columns of a document. Rows come in the op set's own order, so everything is appended, and typing, which the columns hold
/// as runs, is taken over as runs without looking at its rows.
/// </summary>
internal ref struct OpSetReader
{
    private readonly OpSet _ops;
    private readonly int _rowCount;
    private readonly int _actorCount;

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

    private OpObject _object;
    private int _name = -1;

    // The run being collected, whose values are neighbours in the column too, and the length of the last of them.
    private ElementRun _run;
    private int _runOffset;
    private int _lastLength;

    // The register being collected: of a map key, or of an element which no run can hold.
    private Register? _register;
    private LocalId _element;
    private LocalId _reference;
    private readonly List<(int Op, LocalId Successor)> _successors = [];

    private OpSetReader(OpSet ops, DocumentColumns columns, int rowCount, int actorCount)
    {
        (_ops, _rowCount, _actorCount) = (ops, rowCount, actorCount);
        _object = ops.Root;
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
    }

    /// <param name="columns">Of a document that <see cref="DocumentReader"/> accepted: what it checks is not checked again.</param>
    /// <param name="actors">The document's, in its order.</param>
    /// <param name="rowsMax">Rows allowed.</param>
    /// <param name="bytesMax">Memory allowed.</param>
    /// <exception cref="Format.AutomergeFormatException">More rows than allowed, or the columns were not verified after all.</exception>
    public static OpSet Read(DocumentColumns columns, ReadOnlySpan<ActorId> actors, int rowsMax, long bytesMax)
    {
        if (!IntegerColumnReader.TryCount(columns.Get(ColumnSpec.IdActor), signed: false, rowsMax, out long rows))
            DocumentFault.Throw("operation id column damaged or longer than allowed");
        OpSet ops = new() { BytesMax = bytesMax };
        foreach (ActorId actor in actors) ops.Actors.Intern(actor.Bytes);
        ops.Elements.Defer();
        OpSetReader reader = new(ops, columns, (int)rows, actors.Length);
        reader.Run();
        ops.Elements.Fill(ops.Objects);
        if (ops.MemoryBytes > bytesMax) DocumentFault.TooMuch("more memory than allowed");
        return ops;
    }

    private void Run()
    {
        for (int row = 0; row < _rowCount;)
        {
            row += ReadRows();
            if (_ops.MemoryBytes > _ops.BytesMax) DocumentFault.TooMuch("more memory than allowed");
        }

        Close();
    }

    // Reads a row, and with it all that continue it as typing.
    private int ReadRows()
    {
        ReadObject();
        bool mapKey = ReadMapKey();
        LocalId id = ReadId(ref _idActor, ref _idCounter);
        LocalId element = ReadElement();
        _insert.TryNext(out bool insert);
        if (!_action.TryNext(out long action) | !_metadata.TryNext(out long metadata) || metadata < 0 || metadata >> 4 > _values.Length - _valueOffset) Missing();
        int length = (int)(metadata >> 4);
        ReadOnlySpan<byte> value = _values.Slice(_valueOffset, length);
        int offset = _valueOffset;
        _valueOffset += length;
        if (!_expand.TryNext(out bool expand) | !_successorCount.TryNext(out long successors) || successors < 0) Missing();
        int markName = ReadMarkName();
        _ops.CountRows(1 + successors);

        if (insert)
        {
            Close(keepRun: true);
            if (action == (long)OpAction.Set && successors <= 1 && _object is SequenceObject sequence && OpSet.FitsRun((uint)metadata, value, sequence.IsText))
            {
                ElementRun one = new() { Id = id, Reference = element, Count = 1, Bytes = length, Metadata = (uint)metadata, DeleteStep = 1 };
                if (successors == 1) one.Deleted = ReadId(ref _successorActor, ref _successorCounter);
                if (sequence.IsText && length == 4) one.Surrogates = 1;
                if (!TryExtend(one, sequence.IsText)) BeginRun(one, offset);
                _lastLength = length;
                return 1 + TakeTyping(sequence.IsText, (uint)metadata);
            }

            Close();
            (_element, _reference) = (id, element);
            _register = new Register();
            _ops.CountRegister();
        }
        else if (!mapKey)
        {
            if (_register is null) Detach(element);
            else if (element != _element) Missing();
        }
        else
        {
            _register ??= _ops.RegisterOf((MapObject)_object, _name);
        }

        Add(new RegisterOp { Id = id, Action = (OpAction)action, Insert = insert, Expand = expand, MarkName = markName, Value = new StoredValue((uint)metadata, value) });
        for (; successors > 0; successors--) _successors.Add((_register!.Count - 1, ReadId(ref _successorActor, ref _successorCounter)));
        return 1;
    }

    private void Add(in RegisterOp op)
    {
        _register!.Add(op, _ops.Actors);
        _ops.CountRow(op);
        if (op.IsMake) _ops.AddObject(op.Id, op.Action, _object, _object is MapObject ? _name : -1, op.Insert ? op.Id : _element);
    }

    // How many further rows are elements inserted in turn by the same actor, alike in all but their characters: they join the run at once.
    private int TakeTyping(bool isText, uint metadata)
    {
        int taken = 0;
        while (true)
        {
            long count = Math.Min(ElementRun.CountMax - _run.Count, metadata >> 4 == 0 ? int.MaxValue : (ElementRun.BytesMax - _run.Bytes) / (int)(metadata >> 4));
            count = Math.Min(count, Math.Min(_objectActor.Remaining, _objectCounter.Remaining));
            count = Math.Min(count, Math.Min(_keyString.Remaining, _expand.Remaining));
            count = Math.Min(count, Math.Min(_insert.Remaining, _markName.Remaining));
            count = Math.Min(count, Math.Min(_keyActor.Remaining, _keyCounter.Remaining));
            count = Math.Min(count, Math.Min(_idActor.Remaining, _idCounter.Remaining));
            count = Math.Min(count, Math.Min(_action.Remaining, Math.Min(_metadata.Remaining, _successorCount.Remaining)));
            LocalId last = _run.Last;
            bool typing = count > 0 && _run.Metadata == metadata && _idActor.Value == last.Actor && _idCounter.Step == 1 && _keyActor.Value == last.Actor
                && _keyCounter.First == last.Counter && _keyCounter.Step == 1 && _metadata.Value == metadata && _action.Value == (long)OpAction.Set
                && _insert.Value && !_expand.Value && _markName.IsNull;
            if (typing) count = _run.Deleted.IsNone ? (_successorCount.Value == 0 ? count : 0) : CountDeletes(count);
            if (!typing || count <= 0) return taken;
            // In a text every value of this length must be one character: so the first of each must be that of a character so long.
            int length = (int)(metadata >> 4), bytes = (int)count * length;
            if (bytes > _values.Length - _valueOffset) Missing();
            if (isText && !AreCharacters(_values.Slice(_valueOffset, bytes), length)) return taken;
            Take(count);
            if (!_run.Deleted.IsNone) TakeDeletes(count);
            _valueOffset += bytes;
            _run.Count += (int)count;
            _run.Bytes += bytes;
            if (isText && length == 4) _run.Surrogates += (int)count;
            _ops.CountRows(count);
            taken += (int)count;
        }
    }

    // Of so many elements, how many are deleted each by the delete after, or before, the one of the element before.
    private long CountDeletes(long count)
    {
        if (_successorCount.Value != 1 || !_successorActor.Prepare() | !_successorCounter.Prepare()) return 0;
        LocalId last = _run.LastDeleted;
        long step = _successorCounter.Step;
        bool counts = step is 1 or -1 && (_run.Count == 1 || _run.DeleteStep == step) && _successorActor.Value == last.Actor && _successorCounter.First == last.Counter + step;
        return counts ? Math.Min(count, Math.Min(_successorActor.Remaining, _successorCounter.Remaining)) : 0;
    }

    private void TakeDeletes(long count)
    {
        _run.DeleteStep = (sbyte)_successorCounter.Step;
        _successorActor.Take(count);
        if (!_successorCounter.Take(count)) Missing();
        _ops.CountRows(count);
    }

    private static bool AreCharacters(ReadOnlySpan<byte> values, int length)
    {
        if (length == 1) return System.Text.Ascii.IsValid(values);
        for (int i = 0; i < values.Length; i += length)
        {
            if (ElementRun.Utf8Length(values[i]) != length) return false;
        }

        return true;
    }

    private void Take(long count)
    {
        _objectActor.Take(count);
        _objectCounter.Take(count);
        _keyString.Take(count);
        _expand.Take(count);
        _insert.Take(count);
        _markName.Take(count);
        _keyActor.Take(count);
        _keyCounter.Take(count);
        _idActor.Take(count);
        _idCounter.Take(count);
        _action.Take(count);
        _metadata.Take(count);
        _successorCount.Take(count);
    }

    private bool TryExtend(in ElementRun one, bool isText)
    {
        if (_run.Count == 0 || !_run.Continues(one, isText)) return false;
        _run.Append(one);
        return true;
    }

    private void BeginRun(in ElementRun one, int offset)
    {
        CloseRun();
        _run = one;
        _runOffset = offset;
    }

    // An update follows the element read last: what the run said of it goes into a register.
    private void Detach(LocalId element)
    {
        if (_run.Count == 0 || _run.Last != element) Missing();
        int offset = _runOffset + _run.Bytes - _lastLength;
        ReadOnlySpan<byte> bytes = _values.Slice(offset, _lastLength);
        uint metadata = _run.Metadata == ElementRun.MixedText ? ((uint)_lastLength << 4) | ScalarCode.String : _run.Metadata;
        LocalId deleted = _run.LastDeleted;
        _element = element;
        _reference = _run.Count == 1 ? _run.Reference : element.Plus(-1);
        _run.Count--;
        _run.Bytes -= _lastLength;
        if (_run.Surrogates > 0 && _lastLength == 4) _run.Surrogates--;
        CloseRun();
        _register = new Register();
        _ops.CountRegister();
        Add(new RegisterOp { Id = element, Action = OpAction.Set, Insert = true, Value = new StoredValue(metadata, bytes) });
        if (!deleted.IsNone) _successors.Add((0, deleted));
    }

    private void Close(bool keepRun = false)
    {
        if (_register is not null) CloseRegister(_register);
        _register = null;
        if (!keepRun) CloseRun();
    }

    private void CloseRun()
    {
        if (_run.Count > 0) ((SequenceObject)_object).Append(_run, _values.Slice(_runOffset, _run.Bytes));
        _run = default;
    }

    // Which successors are increments shows only when all rows of the key or element are there.
    private void CloseRegister(Register register)
    {
        foreach ((int op, LocalId successor) in CollectionsMarshal.AsSpan(_successors))
        {
            int at = register.Find(successor, _ops.Actors);
            long? increment = at >= 0 && register.Ops[at].Action == OpAction.Increment ? register.Ops[at].Value.Integer : null;
            register.AddSuccessor(op, successor, increment, _ops.Actors);
        }

        _successors.Clear();
        if (_object is SequenceObject sequence) sequence.Append(new ElementRun { Id = _element, Reference = _reference, Count = 1, Register = register }, default);
    }

    private void ReadObject()
    {
        if (!_objectActor.TryNext(out long actor) | !_objectCounter.TryNext(out long counter)) Missing();
        LocalId id = actor == IntegerColumnReader.Null ? default : Id(actor, counter);
        if (id == _object.Id) return;
        Close();
        _name = -1;
        _object = _ops.Find(id) ?? throw new Format.AutomergeFormatException("document: operations in an object that is never made");
    }

    private bool ReadMapKey()
    {
        bool another = _keyString.Remaining == 0;
        if (!_keyString.Prepare()) Missing();
        _keyString.Take(1);
        if (_keyString.IsNull)
        {
            if (_object is not SequenceObject) Missing();
            return false;
        }

        if (_object is not MapObject) Missing();
        if (!another && _name >= 0) return true;
        Close();
        _name = _ops.Names.Intern(_keyString.Value);
        return true;
    }

    private LocalId ReadElement()
    {
        if (!_keyActor.TryNext(out long actor) | !_keyCounter.TryNext(out long counter)) Missing();
        return actor == IntegerColumnReader.Null ? default : Id(actor, counter);
    }

    private readonly LocalId ReadId(ref IntegerColumnReader actors, ref DeltaColumnReader counters)
    {
        if (!actors.TryNext(out long actor) | !counters.TryNext(out long counter)) Missing();
        return Id(actor, counter);
    }

    private int ReadMarkName()
    {
        if (!_markName.Prepare()) Missing();
        _markName.Take(1);
        return _markName.IsNull ? 0 : _ops.Names.Intern(_markName.Value) + 1;
    }

    // Slots of a fresh table are the document's indexes.
    private readonly LocalId Id(long actor, long counter)
    {
        if ((ulong)actor >= (ulong)_actorCount || counter <= 0) Missing();
        return new LocalId((uint)counter, (int)actor);
    }

    [System.Diagnostics.CodeAnalysis.DoesNotReturn]
    private static void Missing() => DocumentFault.Throw("operation columns that were not verified");
}
