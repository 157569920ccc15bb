using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>The operations of a change in the making as columns. Actors are numbered as the change numbers them.</summary>
internal readonly struct PendingChangeOps : IChangeOps
{
    private readonly PendingOps _ops;
    private readonly NameTable _names;
    private readonly int[] _localActors;

    /// <param name="ops">The operations.</param>
    /// <param name="names">The op set's.</param>
    /// <param name="localActors">By slot: number in the change; from <see cref="CollectActors"/>.</param>
    public PendingChangeOps(PendingOps ops, NameTable names, int[] localActors)
    {
        _ops = ops;
        _names = names;
        _localActors = localActors;
    }

    public int Count => _ops.Count;

    public int PredecessorCount => _ops.PredecessorCount;

    public bool HasMarkNames => _ops.HasMarkNames;

    /// <summary>Finds the actors that the operations name, writes those that are not the author, ascending, and numbers them.</summary>
    /// <param name="ops">The operations.</param>
    /// <param name="actors">The op set's.</param>
    /// <param name="localActors">Gets their numbers by slot; must have room for all slots.</param>
    /// <param name="others">Gets the other actors as a change lists them.</param>
    /// <returns>How many others there are.</returns>
    public static int CollectActors(PendingOps ops, ActorTable actors, int[] localActors, PooledBuffer others)
    {
        const int Used = -2;
        Array.Fill(localActors, -1, 0, actors.Count);
        int found = 0;
        foreach (ref readonly PendingRun run in ops.Runs)
        {
            Use(run.Target.Id, localActors, ref found);
            Use(run.Element, localActors, ref found);
            if (run.Kind != PendingKind.One) continue;
            foreach (LocalId predecessor in ops.PredecessorsOf(run)) Use(predecessor, localActors, ref found);
        }

        if (localActors[ops.Author] == Used) found--;
        localActors[ops.Author] = 0;
        if (found == 0) return 0;
        int number = 0;
        foreach (int slot in actors.Sorted)
        {
            if (localActors[slot] != Used) continue;
            localActors[slot] = ++number;
            others.WritePrefixed(actors[slot].Bytes);
        }

        return number;

        static void Use(LocalId id, int[] localActors, ref int found)
        {
            if (id.IsNone || localActors[id.Actor] == Used) return;
            localActors[id.Actor] = Used;
            found++;
        }
    }

    public void CopyNumbers(OpColumn column, Span<long> rows)
    {
        LocalId id = new(_ops.StartOp, _ops.Author);
        ReadOnlySpan<byte> values = _ops.Values;
        foreach (ref readonly PendingRun run in _ops.Runs)
        {
            Span<long> part = rows[..run.Count];
            rows = rows[run.Count..];
            switch (column)
            {
                case OpColumn.ObjectActor:
                    part.Fill(run.Target.Id.IsNone ? IntegerColumnReader.Null : _localActors[run.Target.Id.Actor]);
                    break;
                case OpColumn.ObjectCounter:
                    part.Fill(run.Target.Id.IsNone ? IntegerColumnReader.Null : run.Target.Id.Counter);
                    break;
                case OpColumn.KeyActor:
                    part.Fill(run.Element.IsNone ? IntegerColumnReader.Null : _localActors[run.Element.Actor]);
                    if (run.Kind == PendingKind.Inserts) part[1..].Clear();
                    break;
                case OpColumn.KeyCounter:
                    CopyKeyCounters(run, id, part);
                    break;
                case OpColumn.Action:
                    part.Fill((long)run.Action);
                    break;
                case OpColumn.ValueMetadata:
                    CopyMetadata(run, ref values, part);
                    break;
                default:
                    part.Fill(run.Kind == PendingKind.One ? run.Predecessors : run.Kind == PendingKind.Deletes ? 1 : 0);
                    break;
            }

            id = id.Plus(run.Count);
        }
    }

    public bool CopyFlags(OpColumn column, Span<bool> rows)
    {
        bool any = false;
        foreach (ref readonly PendingRun run in _ops.Runs)
        {
            bool flag = column == OpColumn.Insert ? run.Insert : run.Expand;
            any |= flag;
            rows[..run.Count].Fill(flag);
            rows = rows[run.Count..];
        }

        return any;
    }

    public void CopyPredecessors(Span<long> actors, Span<long> counters)
    {
        int next = 0;
        foreach (ref readonly PendingRun run in _ops.Runs)
        {
            if (run.Kind == PendingKind.Deletes)
            {
                actors.Slice(next, run.Count).Fill(_localActors[run.Element.Actor]);
                for (int i = 0; i < run.Count; i++) counters[next++] = (long)run.Element.Counter + (run.Step * i);
            }
            else if (run.Kind == PendingKind.One)
            {
                foreach (LocalId predecessor in _ops.PredecessorsOf(run))
                {
                    actors[next] = _localActors[predecessor.Actor];
                    counters[next++] = predecessor.Counter;
                }
            }
        }
    }

    public bool TryGetString(OpColumn column, int row, out ReadOnlySpan<byte> value)
    {
        ref readonly PendingRun run = ref _ops.RunAt(row);
        int name = column == OpColumn.KeyString ? run.Name : run.MarkName - 1;
        value = name < 0 ? default : _names.Utf8(name);
        return name >= 0;
    }

    public void WriteValues(PooledBuffer output) => output.WriteBytes(_ops.Values);

    private static void CopyKeyCounters(in PendingRun run, LocalId id, Span<long> part)
    {
        // A map key has none; the head's is 0, which is what no id has.
        part[0] = run.Name >= 0 ? IntegerColumnReader.Null : run.Element.Counter;
        for (int i = 1; i < part.Length; i++) part[i] = run.Kind == PendingKind.Inserts ? id.Counter + (uint)(i - 1) : (long)run.Element.Counter + (run.Step * i);
    }

    private static void CopyMetadata(in PendingRun run, ref ReadOnlySpan<byte> values, Span<long> part)
    {
        if (run.Kind != PendingKind.Inserts || run.Metadata != ElementRun.MixedText)
        {
            part.Fill(run.Metadata);
            values = values[(run.Kind == PendingKind.Inserts ? run.ValueBytes : (int)(run.Metadata >> 4))..];
            return;
        }

        foreach (ref long metadata in part)
        {
            int length = ElementRun.Utf8Length(values[0]);
            metadata = ((uint)length << 4) | ScalarCode.String;
            values = values[length..];
        }
    }
}
