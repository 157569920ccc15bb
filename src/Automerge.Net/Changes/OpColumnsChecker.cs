using Automerge.Columns;

namespace Automerge.Changes;

/// <summary>
/// Walks all operation columns of a change side by side, one step per stretch of rows on which no column changes, and
/// checks form and shape. The cost follows the bytes of the change, not the rows they claim.
/// </summary>
internal ref struct OpColumnsChecker
{
    private readonly long _rows;
    private readonly long _startOp;
    private readonly int _actorCount;
    private readonly int _authorRank;
    private readonly long _predecessorsMax;
    private readonly bool _expandPresent;
    private readonly Span<bool> _used;

    private IntegerColumnReader _objectActor;
    private IntegerColumnReader _objectCounter;
    private IntegerColumnReader _keyActor;
    private DeltaColumnReader _keyCounter;
    private StringColumnReader _keyString;
    private BooleanColumnReader _insert;
    private IntegerColumnReader _action;
    private IntegerColumnReader _metadata;
    private ReadOnlySpan<byte> _values;
    private IntegerColumnReader _predecessorCount;
    private IntegerColumnReader _predecessorActor;
    private DeltaColumnReader _predecessorCounter;
    private BooleanColumnReader _expand;
    private StringColumnReader _markName;
    private bool _anyExpand;
    private long _predecessors;

    public OpColumnsChecker(in ChangeHeader header, in ChangeColumns columns, int authorRank, Span<bool> used, long predecessorsMax)
    {
        _rows = header.OpCount;
        _startOp = header.StartOp;
        _actorCount = header.ActorCount;
        _authorRank = authorRank;
        _predecessorsMax = predecessorsMax;
        _used = used;
        _objectActor = new(columns.ObjectActor, signed: false, _rows);
        _objectCounter = new(columns.ObjectCounter, signed: false, _rows);
        _keyActor = new(columns.KeyActor, signed: false, _rows);
        _keyCounter = new(columns.KeyCounter, _rows);
        _keyString = new(columns.KeyString, _rows);
        _insert = new(columns.Insert, 0);
        _action = new(columns.Action, signed: false, 0);
        _metadata = new(columns.ValueMetadata, signed: false, 0);
        _values = columns.ValueBytes;
        _predecessorCount = new(columns.PredecessorCount, signed: false, 0);
        _predecessorActor = new(columns.PredecessorActor, signed: false, 0);
        _predecessorCounter = new(columns.PredecessorCounter, 0);
        _expand = new(columns.Expand, _rows);
        _expandPresent = !columns.Expand.IsEmpty;
        _markName = new(columns.MarkName, _rows);
    }

    public ChangeVerdict Run()
    {
        long row = 0;
        while (row < _rows)
        {
            if (!PrepareAll()) return ColumnFault("a column is shorter than the change has operations");
            long step = Step();
            ChangeVerdict verdict = CheckStretch(row, step);
            if (!verdict.IsOk) return verdict;
            row += step;
        }

        if (!AllAtEnd()) return ColumnFault("a column is longer than the change has operations");
        if (!_values.IsEmpty) return new ChangeVerdict(ChangeFault.NotCanonical, "value bytes left over");
        if (_expandPresent && !_anyExpand) return new ChangeVerdict(ChangeFault.NotCanonical, "an expand column without any true");
        return ChangeVerdict.Ok;
    }

    private bool PrepareAll() =>
        _objectActor.Prepare() && _objectCounter.Prepare() && _keyActor.Prepare() && _keyCounter.Prepare() && _keyString.Prepare()
        && _insert.Prepare() && _action.Prepare() && _metadata.Prepare() && _predecessorCount.Prepare() && _expand.Prepare() && _markName.Prepare();

    private readonly long Step()
    {
        long step = Math.Min(_objectActor.Remaining, _objectCounter.Remaining);
        step = Math.Min(step, Math.Min(_keyActor.Remaining, _keyCounter.Remaining));
        step = Math.Min(step, Math.Min(_keyString.Remaining, _insert.Remaining));
        step = Math.Min(step, Math.Min(_action.Remaining, _metadata.Remaining));
        step = Math.Min(step, Math.Min(_predecessorCount.Remaining, _expand.Remaining));
        return Math.Min(step, _markName.Remaining);
    }

    private ChangeVerdict CheckStretch(long row, long step)
    {
        long ownCounter = _startOp + row;
        string? fault = CheckKey(ownCounter, step, out bool mapKey, out bool head) ?? CheckObject(ownCounter);
        if (fault is not null) return new ChangeVerdict(ChangeFault.Shape, fault);

        long metadata = _metadata.Value;
        long predecessors = _predecessorCount.Value;
        if (_action.Value < 0 || metadata < 0 || predecessors < 0) return new ChangeVerdict(ChangeFault.Column, "unexpected null");
        fault = OpShape.Check(_action.Value, _insert.Value, mapKey, head, metadata, predecessors, _expand.Value, !_markName.IsNull);
        if (fault is not null) return new ChangeVerdict(ChangeFault.Shape, fault);
        _anyExpand |= _expand.Value;

        if (!TryTakeValues(metadata, step, out fault)) return new ChangeVerdict(ChangeFault.NotCanonical, fault!);
        ChangeVerdict verdict = CheckPredecessors(ownCounter, step, predecessors);
        if (!verdict.IsOk) return verdict;

        _objectActor.Take(step);
        _objectCounter.Take(step);
        _keyActor.Take(step);
        if (!_keyCounter.Take(step)) return ColumnFault("counter too large");
        _keyString.Take(step);
        _insert.Take(step);
        _action.Take(step);
        _metadata.Take(step);
        _predecessorCount.Take(step);
        _expand.Take(step);
        _markName.Take(step);
        return ChangeVerdict.Ok;
    }

    private readonly string? CheckObject(long ownCounter)
    {
        long actor = _objectActor.Value, counter = _objectCounter.Value;
        if (actor == IntegerColumnReader.Null && counter == IntegerColumnReader.Null) return null;
        if (actor < 0 || counter < 0) return "object id is half null";
        if (counter == 0) return "object counter is 0";
        if (counter >= ownCounter) return "object is made by a later operation";
        return TryUse(actor) ? null : "object actor out of range";
    }

    // A map key is a string; an element is named by the id of its insert, the list head by counter 0 without an actor.
    private readonly string? CheckKey(long ownCounter, long step, out bool mapKey, out bool head)
    {
        long actor = _keyActor.Value;
        mapKey = !_keyString.IsNull;
        head = false;
        if (mapKey) return actor == IntegerColumnReader.Null && _keyCounter.IsNull ? null : "key is both a string and an element";
        if (_keyCounter.IsNull) return "unexpected null in key";

        // Both ends stand for the whole stretch: the key's counter is linear in the row, and so is the operation's own.
        long first = _keyCounter.First;
        long last = unchecked(first + ((step - 1) * _keyCounter.Step));
        if (actor == IntegerColumnReader.Null)
        {
            head = first == 0 && last == 0;
            return head ? null : "element counter without an actor";
        }

        if (first <= 0 || last <= 0) return "element counter is 0";
        if (first >= ownCounter || last >= ownCounter + step - 1) return "element is made by a later operation";
        return TryUse(actor) ? null : "key actor out of range";
    }

    private readonly bool TryUse(long actor)
    {
        if ((ulong)actor >= (ulong)_actorCount) return false;
        if (actor > 0) _used[(int)actor - 1] = true;
        return true;
    }

    private bool TryTakeValues(long metadata, long step, out string? fault)
    {
        long length = metadata >> 4;
        if (length > _values.Length || length * step > _values.Length)
        {
            fault = "value: not enough data";
            return false;
        }

        int total = (int)(length * step);
        fault = ScalarRules.CheckRun((int)(metadata & 15), (int)length, step, _values[..total]);
        _values = _values[total..];
        return fault is null;
    }

    private ChangeVerdict CheckPredecessors(long ownCounter, long step, long each)
    {
        if (each == 0) return ChangeVerdict.Ok;
        if (each > _predecessorsMax || each * step > _predecessorsMax - _predecessors) return new ChangeVerdict(ChangeFault.Limit, "too many predecessors");
        _predecessors += each * step;
        return each == 1 ? CheckSinglePredecessors(ownCounter, step) : CheckOrderedPredecessors(ownCounter, step, each);
    }

    private ChangeVerdict CheckSinglePredecessors(long ownCounter, long count)
    {
        while (count > 0)
        {
            if (!_predecessorActor.Prepare() || !_predecessorCounter.Prepare()) return PredecessorFault();
            long step = Math.Min(count, Math.Min(_predecessorActor.Remaining, _predecessorCounter.Remaining));
            if (!TryUse(_predecessorActor.Value) || _predecessorCounter.IsNull) return PredecessorFault();
            long first = _predecessorCounter.First;
            long last = unchecked(first + ((step - 1) * _predecessorCounter.Step));
            if (first <= 0 || last <= 0 || first >= ownCounter || last >= ownCounter + step - 1)
                return new ChangeVerdict(ChangeFault.Shape, "predecessor is not an earlier operation");
            _predecessorActor.Take(step);
            if (!_predecessorCounter.Take(step)) return PredecessorFault();
            count -= step;
            ownCounter += step;
        }

        return ChangeVerdict.Ok;
    }

    private ChangeVerdict CheckOrderedPredecessors(long ownCounter, long step, long each)
    {
        for (long i = 0; i < step; i++, ownCounter++)
        {
            long lastCounter = 0, lastRank = -1;
            for (long j = 0; j < each; j++)
            {
                if (!_predecessorActor.TryNext(out long actor) || !TryUse(actor)) return PredecessorFault();
                if (!_predecessorCounter.TryNext(out long counter) || counter <= 0) return PredecessorFault();
                long rank = Rank(actor);
                if (counter < lastCounter || (counter == lastCounter && rank <= lastRank))
                    return new ChangeVerdict(ChangeFault.NotCanonical, "predecessors not strictly ascending");
                if (counter >= ownCounter) return new ChangeVerdict(ChangeFault.Shape, "predecessor is not an earlier operation");
                (lastCounter, lastRank) = (counter, rank);
            }
        }

        return ChangeVerdict.Ok;
    }

    private readonly long Rank(long actor) => actor == 0 ? _authorRank : actor - 1 < _authorRank ? actor - 1 : actor;

    private readonly ChangeVerdict PredecessorFault() =>
        new(ChangeFault.Column, _predecessorActor.Fault ?? _predecessorCounter.Fault ?? "predecessor column is too short or holds a null or unknown actor");

    private readonly bool AllAtEnd() =>
        _objectActor.AtEnd && _objectCounter.AtEnd && _keyActor.AtEnd && _keyCounter.AtEnd && _keyString.AtEnd && _insert.AtEnd && _action.AtEnd
        && _metadata.AtEnd && _predecessorCount.AtEnd && _predecessorActor.AtEnd && _predecessorCounter.AtEnd && _expand.AtEnd && _markName.AtEnd;

    private readonly ChangeVerdict ColumnFault(string otherwise)
    {
        string? fault = _objectActor.Fault ?? _objectCounter.Fault ?? _keyActor.Fault ?? _keyCounter.Fault ?? _keyString.Fault ?? _insert.Fault ?? _action.Fault
            ?? _metadata.Fault ?? _predecessorCount.Fault ?? _predecessorActor.Fault ?? _predecessorCounter.Fault ?? _expand.Fault ?? _markName.Fault;
        return fault is null ? new ChangeVerdict(ChangeFault.NotCanonical, otherwise) : new ChangeVerdict(ChangeFault.Column, fault);
    }
}
