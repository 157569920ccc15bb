using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>The operations of a verified change, one after the other, with the change's actors as slots of an op set.</summary>
internal ref struct ChangeOpReader
{
    private readonly ReadOnlySpan<int> _actors;
    private IntegerColumnReader _objectActors;
    private IntegerColumnReader _objectCounters;
    private IntegerColumnReader _keyActors;
    private DeltaColumnReader _keyCounters;
    private StringColumnReader _keyStrings;
    private BooleanColumnReader _inserts;
    private IntegerColumnReader _actions;
    private IntegerColumnReader _metadata;
    private IntegerColumnReader _predecessorCounts;
    private IntegerColumnReader _predecessorActors;
    private DeltaColumnReader _predecessorCounters;
    private BooleanColumnReader _expands;
    private StringColumnReader _markNames;
    private ReadOnlySpan<byte> _values;
    private LocalId _next;

    /// <param name="columns">Of a change that <see cref="ChangeVerifier"/> accepted.</param>
    /// <param name="count">Operations in it.</param>
    /// <param name="startOp">Counter of the first.</param>
    /// <param name="actors">The slots of its actors, the author's first.</param>
    public ChangeOpReader(in ChangeColumns columns, long count, uint startOp, ReadOnlySpan<int> actors)
    {
        _actors = actors;
        _objectActors = new(columns.ObjectActor, signed: false, count);
        _objectCounters = new(columns.ObjectCounter, signed: false, count);
        _keyActors = new(columns.KeyActor, signed: false, count);
        _keyCounters = new(columns.KeyCounter, count);
        _keyStrings = new(columns.KeyString, count);
        _inserts = new(columns.Insert, count);
        _actions = new(columns.Action, signed: false, count);
        _metadata = new(columns.ValueMetadata, signed: false, count);
        _predecessorCounts = new(columns.PredecessorCount, signed: false, count);
        _predecessorActors = new(columns.PredecessorActor, signed: false, 0);
        _predecessorCounters = new(columns.PredecessorCounter, 0);
        _expands = new(columns.Expand, count);
        _markNames = new(columns.MarkName, count);
        _values = columns.ValueBytes;
        _next = new LocalId(startOp, actors[0]);
    }

    public LocalId Id { get; private set; }

    /// <summary>None: the root.</summary>
    public LocalId Object { get; private set; }

    public bool HasMapKey { get; private set; }

    public ReadOnlySpan<byte> MapKey { get; private set; }

    /// <summary>The element acted on or inserted after; none: the head.</summary>
    public LocalId Element { get; private set; }

    public bool Insert { get; private set; }

    public OpAction Action { get; private set; }

    public uint Metadata { get; private set; }

    public ReadOnlySpan<byte> Value { get; private set; }

    public bool Expand { get; private set; }

    public bool HasMarkName { get; private set; }

    public ReadOnlySpan<byte> MarkName { get; private set; }

    /// <summary>Predecessors of the operation; to be taken with <see cref="NextPredecessor"/> before the next operation.</summary>
    public int PredecessorCount { get; private set; }

    public bool TryNext()
    {
        if (!_actions.TryNext(out long action)) return false;
        Id = _next;
        _next = _next.Plus(1);
        Action = (OpAction)action;

        _objectActors.TryNext(out long objectActor);
        _objectCounters.TryNext(out long objectCounter);
        Object = objectActor == IntegerColumnReader.Null ? default : new LocalId((uint)objectCounter, _actors[(int)objectActor]);

        _keyActors.TryNext(out long keyActor);
        _keyCounters.TryNext(out long keyCounter);
        _keyStrings.Prepare();
        _keyStrings.Take(1);
        HasMapKey = !_keyStrings.IsNull;
        MapKey = HasMapKey ? _keyStrings.Value : default;
        Element = HasMapKey || keyCounter == 0 ? default : new LocalId((uint)keyCounter, _actors[(int)keyActor]);

        _inserts.TryNext(out bool insert);
        Insert = insert;
        _metadata.TryNext(out long metadata);
        Metadata = (uint)metadata;
        int length = (int)(metadata >> 4);
        Value = _values[..length];
        _values = _values[length..];
        _expands.TryNext(out bool expand);
        Expand = expand;
        _markNames.Prepare();
        _markNames.Take(1);
        HasMarkName = !_markNames.IsNull;
        MarkName = HasMarkName ? _markNames.Value : default;
        _predecessorCounts.TryNext(out long predecessors);
        PredecessorCount = (int)predecessors;
        return true;
    }

    public LocalId NextPredecessor()
    {
        _predecessorActors.TryNext(out long actor);
        _predecessorCounters.TryNext(out long counter);
        return new LocalId((uint)counter, _actors[(int)actor]);
    }
}
