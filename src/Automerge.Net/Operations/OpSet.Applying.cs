using System.Runtime.InteropServices;
using Automerge.Changes;
using Automerge.Columns;
using Automerge.Patches;

namespace Automerge.Operations;

public sealed partial class OpSet
{
    // Runs of operations, and predecessors, whose memory is kept for the next change: most have a few.
    private const int AppliedKeptMax = 64;

    // Lent to the op set that takes in a change: a server has many, and few of them do so at once.
    [ThreadStatic]
    private static List<AppliedRun>? t_applied;

    private readonly List<LocalId> _predecessors = [];

    // To take back, should a later operation of the change be refused; null between changes.
    private List<AppliedRun>? _applied;

    private static ChangeVerdict TooLarge => new(ChangeFault.Limit, "the document would be too large");

    private ChangeVerdict TryApply(ref ChangeOpReader op, CausalPast past, int author)
    {
        _applied = t_applied ?? [];
        t_applied = null;                                     // whoever throws in between keeps it
        int names = Names.Count;
        ChangeVerdict verdict = ChangeVerdict.Ok;
        while (verdict.IsOk && op.TryNext())
        {
            string? fault = ApplyOne(ref op, past, author);
            if (fault is not null) verdict = new ChangeVerdict(ChangeFault.Reference, $"operation {op.Id.Counter}: {fault}");
            else if (RowCount > RowsMax || MemoryBytes > BytesMax) verdict = TooLarge;
        }

        if (!verdict.IsOk)
        {
            TakeBack();
            Names.Truncate(names);
        }
        else if (Patches is not null)
        {
            ReportApplied(Patches);
        }

        _applied.Clear();
        _predecessors.Clear();
        if (_applied.Capacity > AppliedKeptMax) _applied.Capacity = 0;
        t_applied = _applied;
        _applied = null;
        if (_predecessors.Capacity > AppliedKeptMax) _predecessors.Capacity = 0;
        return verdict;
    }

    private void ReportApplied(PatchLog patches)
    {
        foreach (ref readonly AppliedRun run in CollectionsMarshal.AsSpan(_applied))
        {
            AppliedOp first = run.First;
            if (first.Target is MapObject map) patches.Note(map, first.Name);
            else patches.Note((SequenceObject)first.Target, first.Element, run.Count);
        }
    }

    private void Remember(in AppliedOp op)
    {
        Span<AppliedRun> runs = CollectionsMarshal.AsSpan(_applied);
        if (!runs.IsEmpty && op == runs[^1].First.Plus(runs[^1].Count)) runs[^1].Count++;
        else _applied!.Add(new AppliedRun { First = op, Count = 1 });
    }

    private string? ApplyOne(ref ChangeOpReader op, CausalPast past, int author)
    {
        if (!IsKnown(op.Object, past, author) || Find(op.Object) is not { } target) return "its object does not exist, or not for its author";
        // 3.5.0 takes the operation, then can neither give out its changes nor load its save.
        if (target.Made == OpAction.MakeTable) return "its object is a table, in which automerge 3 keeps nothing";
        _predecessors.Clear();
        for (int i = 0; i < op.PredecessorCount; i++)
        {
            LocalId predecessor = op.NextPredecessor();
            if (!IsKnown(predecessor, past, author)) return "a predecessor is not in its author's past";
            _predecessors.Add(predecessor);
        }

        if (op.HasMapKey) return target is MapObject map ? ApplyToMap(ref op, map) : "a map key in a list or text";
        if (target is not SequenceObject sequence) return "a list element in a map";
        // 3.5.0 makes none itself, and then counts it among the elements in some places and not in others.
        if (op.Action == OpAction.Mark && !sequence.IsText) return "a mark in a list";
        ElementPlace place = default;
        if (!op.Element.IsNone && !(IsKnown(op.Element, past, author) && sequence.TryFind(op.Element, out place))) return "its element does not exist in the object, or not for its author";
        return op.Insert ? ApplyInsert(ref op, sequence, place) : ApplyToElement(ref op, sequence, place);
    }

    // The author's own operations are all in his past: each of his changes follows the one before.
    private static bool IsKnown(LocalId id, CausalPast past, int author) => id.IsNone || id.Actor == author || past.Covers(id);

    private string? ApplyToMap(ref ChangeOpReader op, MapObject map)
    {
        int name = Names.Find(op.MapKey);
        Register? register = name < 0 ? null : map.Find(name);
        if (_predecessors.Count > 0 && (register is null || !Hold(register))) return "a predecessor is not a value of its key";
        if (register is null)
        {
            name = Names.Intern(op.MapKey);
            register = RegisterOf(map, name);
        }

        Put(ref op, register);
        if (op.Action is OpAction.MakeMap or OpAction.MakeList or OpAction.MakeText or OpAction.MakeTable) AddObject(op.Id, op.Action, map, name, default);
        Remember(new AppliedOp(op.Id, op.Action, map, default, name));
        return null;
    }

    private string? ApplyInsert(ref ChangeOpReader op, SequenceObject sequence, ElementPlace after)
    {
        ElementRun run = new() { Id = op.Id, Reference = op.Element, Count = 1 };
        if (op.Action == OpAction.Set && FitsRun(op.Metadata, op.Value, sequence.IsText))
        {
            run.Metadata = op.Metadata;
            run.Bytes = op.Value.Length;
            run.Surrogates = sequence.IsText && op.Value.Length == 4 ? 1 : 0;
            sequence.Insert(op.Element.IsNone ? null : after, run, op.Value);
            RowCount++;
        }
        else
        {
            run.Register = new Register();
            CountRegister();
            Put(ref op, run.Register);
            sequence.Insert(op.Element.IsNone ? null : after, run, default);
            if (op.Action is OpAction.MakeMap or OpAction.MakeList or OpAction.MakeText or OpAction.MakeTable) AddObject(op.Id, op.Action, sequence, -1, op.Id);
        }

        Remember(new AppliedOp(op.Id, op.Action, sequence, op.Id, -1));
        return op.Action == OpAction.Mark && !op.HasMarkName && !EndsMark(sequence, op.Id) ? "a mark ends that does not begin before it" : null;
    }

    private string? ApplyToElement(ref ChangeOpReader op, SequenceObject sequence, ElementPlace place)
    {
        ref ElementRun run = ref place.InRun;
        // 3.5.0 makes none itself, and shows the value in some places and not in others.
        if (run.Register is { } known && known.Ops[0].Action == OpAction.Mark) return "its element is a mark";
        foreach (LocalId predecessor in CollectionsMarshal.AsSpan(_predecessors))
        {
            if (run.Register is null ? predecessor != op.Element : !Holds(run.Register, predecessor)) return "a predecessor is not a value of its element";
        }

        Remember(new AppliedOp(op.Id, op.Action, sequence, op.Element, -1));
        if (op.Action == OpAction.Delete && run.Register is null && run.Deleted.IsNone)
        {
            sequence.Delete(place, op.Id);
            RowCount++;
            return null;
        }

        Register register = RegisterOf(sequence, ref place);
        SequenceSum before = sequence.SumOf(place.InRun);
        Put(ref op, register);
        sequence.Changed(place, before);
        if (op.Action is OpAction.MakeMap or OpAction.MakeList or OpAction.MakeText or OpAction.MakeTable) AddObject(op.Id, op.Action, sequence, -1, op.Element);
        return null;
    }

    private void Put(ref ChangeOpReader op, Register register)
    {
        int markName = op.HasMarkName ? Names.Intern(op.MarkName) + 1 : 0;
        StoredValue value = new(op.Metadata, op.Value);
        Put(new RegisterOp { Id = op.Id, Action = op.Action, Insert = op.Insert, Expand = op.Expand, Value = value, MarkName = markName }, register);
    }

    // The operation becomes a successor of its predecessors and, unless it is a delete, a row.
    private void Put(in RegisterOp op, Register register)
    {
        long? increment = op.Action == OpAction.Increment ? op.Value.Integer : null;
        foreach (LocalId predecessor in CollectionsMarshal.AsSpan(_predecessors)) register.AddSuccessor(register.Find(predecessor, Actors), op.Id, increment, Actors);
        CountRows(_predecessors.Count);
        _memory.Bytes += SuccessorBytes * _predecessors.Count;
        if (op.Action == OpAction.Delete) return;
        register.Add(op, Actors);
        CountRows(1);
        CountRow(op);
    }

    private bool Hold(Register register)
    {
        foreach (LocalId predecessor in CollectionsMarshal.AsSpan(_predecessors))
        {
            if (!Holds(register, predecessor)) return false;
        }

        return true;
    }

    private bool Holds(Register register, LocalId predecessor)
    {
        int at = register.Find(predecessor, Actors);
        return at >= 0 && register.Ops[at].HoldsValue;
    }

    // 3.5.0 refuses a whole document for a mark that ends before it begins.
    private static bool EndsMark(SequenceObject sequence, LocalId end)
    {
        LocalId begin = end.Plus(-1);
        if (!sequence.TryFind(begin, out ElementPlace first) || first.InRun.Register is not { } register) return false;
        if (register.Ops[0].Action != OpAction.Mark || register.Ops[0].MarkName == 0) return false;
        sequence.TryFind(end, out ElementPlace last);
        return sequence.SumBefore(first).Elements < sequence.SumBefore(last).Elements;
    }

    /// <summary>Whether a value can be an element of a run: small and, in a text, one character.</summary>
    internal static bool FitsRun(uint metadata, ReadOnlySpan<byte> value, bool isText)
    {
        if (!isText) return value.Length <= ElementRun.ValueBytesMax;
        return (metadata & 15) == ScalarCode.String && value.Length > 0 && ElementRun.Utf8Length(value[0]) == value.Length;
    }

    /// <summary>Takes the operations of <see cref="_applied"/> back, the last one first.</summary>
    private void TakeBack()
    {
        for (int i = _applied!.Count - 1; i >= 0; i--)
        {
            AppliedRun run = _applied[i];
            for (int at = run.Count - 1; at >= 0; at--) TakeBack(run.First.Plus(at));
        }

        _applied.Clear();
    }

    // Takes from the memory count what is freed: runs that were split and elements' registers stay, and stay counted.
    private void TakeBack(in AppliedOp op)
    {
        if (_objects.Remove(op.Id, out OpObject? made))
        {
            _lastObject = Root;
            _memory.Bytes -= ObjectBytes + ((made as SequenceObject)?.LeafBytes ?? 0);
        }

        if (op.Target is MapObject map) TakeBackFromMap(map, op);
        else TakeBackFromSequence((SequenceObject)op.Target, op);
    }

    private void TakeBackFromMap(MapObject map, in AppliedOp op)
    {
        Register register = map.Find(op.Name)!;
        TakeBackFromRegister(register, op.Id);
        if (register.Count > 0) return;
        map.Remove(op.Name);
        _memory.Bytes -= RegisterBytes;
    }

    private void TakeBackFromSequence(SequenceObject sequence, in AppliedOp op)
    {
        if (!sequence.TryFind(op.Element, out ElementPlace place)) return;
        if (op.Element == op.Id)
        {
            if (place.InRun.Register is { } own) _memory.Bytes -= RegisterBytes + RowBytes + own[0].Value.HeapBytes;
            sequence.Remove(place);
            RowCount--;
        }
        else if (place.InRun.Register is { } register)
        {
            SequenceSum before = sequence.SumOf(place.InRun);
            TakeBackFromRegister(register, op.Id);
            sequence.Changed(place, before);
        }
        else
        {
            sequence.Undelete(place);
            RowCount--;
        }
    }

    private void TakeBackFromRegister(Register register, LocalId id)
    {
        int at = register.Find(id, Actors);
        if (at >= 0) _memory.Bytes -= RowBytes + register[at].Value.HeapBytes;
        int removed = register.Remove(id, Actors);
        RowCount -= removed;
        _memory.Bytes -= SuccessorBytes * (at >= 0 ? removed - 1 : removed);
    }

    // What has to be known of an operation to take it back.
    private readonly record struct AppliedOp(LocalId Id, OpAction Action, OpObject Target, LocalId Element, int Name)
    {
        /// <summary>One that many operations later in the same run.</summary>
        public AppliedOp Plus(int count) => count == 0 ? this : this with { Id = Id.Plus(count), Element = Element.Plus(count) };
    }

    // Of a sequence: consecutive characters typed, or elements deleted in their order. A pasted book has a million operations, and large arrays of references make every collection long.
    private struct AppliedRun
    {
        public AppliedOp First;
        public int Count;
    }
}
