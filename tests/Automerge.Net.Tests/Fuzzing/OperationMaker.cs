using Automerge.Changes;
using Automerge.Columns;
using Automerge.Tests.Changes;

namespace Automerge.Tests.Fuzzing;

/// <summary>
/// Changes in canonical form whose operations are altered or made up out of what the document has: objects, elements and predecessors exist more often than not, and fit
/// together or not.
/// </summary>
internal static class OperationMaker
{
    private static readonly string[] Keys = ["", "a", "b", "key", "t", "l", "m", "ключ", "\U0001F600"];
    private static readonly string[] Texts = ["", "x", "é", "\U0001F600", "two", "e\u0301", "\0", "\uFFFC"];

    /// <summary>The honest next change with some operations altered, left out or doubled.</summary>
    public static byte[] Alter(Random random, FuzzDocument document, int at)
    {
        Change honest = Change.Decode(document.Changes[at]);
        List<(OpId Id, ChangeOp Op)> known = Known(document, at, honest);
        List<ChangeOp> ops = [.. honest.Operations];
        for (int count = 1 + random.Next(3); count > 0; count--)
        {
            int place = random.Next(ops.Count + 1);
            if (place == ops.Count) ops.Add(MakeOne(random, known));
            else if (random.Next(6) == 0) ops.RemoveAt(place);
            else if (random.Next(6) == 0) ops.Insert(place, ops[random.Next(ops.Count)]);
            else ops[place] = AlterOne(random, ops[place], known);
        }

        return Encode(honest, honest.Deps, honest.Actor, honest.Seq, honest.StartOp, ops);
    }

    /// <summary>A change by a known or a new actor, on top of everything or of some older change.</summary>
    public static byte[] MakeUp(Random random, FuzzDocument document, int at)
    {
        if (at == 0) return Alter(random, document, at);
        Change honest = Change.Decode(document.Changes[at]);
        Change last = Change.Decode(document.Changes[random.Next(3) == 0 ? random.Next(at) : at - 1]);
        bool asHonest = random.Next(3) == 0;
        ChangeHash[] deps = asHonest ? [.. honest.Deps] : random.Next(2) == 0 ? Heads(document, at) : [new ChangeHash(ChangeMutator.HashOf(last.Encode(out _)))];
        ActorId actor = asHonest ? honest.Actor : new ActorId([(byte)random.Next(256), 0xfe]);
        uint startOp = asHonest ? honest.StartOp : document.Operations(at).Select(op => op.Id.Counter).DefaultIfEmpty(0u).Max() + 1 + (random.Next(5) == 0 ? (uint)random.Next(2000) : 0);
        List<(OpId Id, ChangeOp Op)> known = [.. document.Operations(at)];
        List<ChangeOp> ops = [];
        for (int count = 1 + random.Next(6); count > 0; count--)
        {
            ChangeOp op = MakeOne(random, known);
            Add(op);
            if (op.Action == OpAction.Mark && op.MarkName is not null && random.Next(4) > 0)
                Add(new ChangeOp { Object = op.Object, Key = random.Next(2) == 0 ? OpKey.ListElement(known[^1].Id) : ElementIn(random, known, op.Object), Insert = true, Action = OpAction.Mark, Expand = random.Next(2) == 0 });
        }

        return Encode(honest, deps, actor, asHonest ? honest.Seq : 1, startOp, ops);

        void Add(ChangeOp op)
        {
            known.Add((new OpId(startOp + (uint)ops.Count, actor), op));
            ops.Add(op);
        }
    }

    private static byte[] Encode(Change honest, IReadOnlyList<ChangeHash> deps, ActorId actor, uint seq, uint startOp, List<ChangeOp> ops) => new Change
    {
        Deps = deps,
        Actor = actor,
        Seq = seq,
        StartOp = startOp,
        Time = honest.Time,
        Message = honest.Message,
        Operations = ops,
        ExtraBytes = honest.ExtraBytes,
    }.Encode(out _);

    private static ChangeHash[] Heads(FuzzDocument document, int at)
    {
        HashSet<ChangeHash> heads = [];
        foreach (byte[] change in document.Changes.Take(at))
        {
            heads.Add(new ChangeHash(ChangeMutator.HashOf(change)));
            heads.ExceptWith(Change.Decode(change).Deps);
        }

        return [.. heads.Order()];
    }

    private static List<(OpId Id, ChangeOp Op)> Known(FuzzDocument document, int at, Change change) =>
        [.. document.Operations(at), .. change.Operations.Select((op, index) => (new OpId(change.StartOp + (uint)index, change.Actor), op))];

    private static ChangeOp AlterOne(Random random, ChangeOp op, List<(OpId Id, ChangeOp Op)> known) => random.Next(9) switch
    {
        0 => op with { Object = ObjectOf(random, known) },
        1 => op with { Key = KeyIn(random, known, op.Object, op.Insert) },
        2 => op with { Insert = !op.Insert },
        3 => op with { Action = (OpAction)random.Next(9) },
        4 => op with { Value = NewValue(random) },
        5 => op with { Predecessors = [.. PredecessorsAt(random, known, op.Object, op.Key)] },
        6 => op with { Expand = !op.Expand },
        7 => op with { MarkName = op.MarkName is null ? "bold" : null },
        _ => MakeOne(random, known),
    };

    private static ChangeOp MakeOne(Random random, List<(OpId Id, ChangeOp Op)> known)
    {
        OpId? target = ObjectOf(random, known);
        bool isSequence = known.Exists(op => op.Id == target && op.Op.Action is OpAction.MakeList or OpAction.MakeText);
        if (random.Next(30) == 0) isSequence = !isSequence;
        bool insert = isSequence && random.Next(2) == 0;
        OpAction action = random.Next(10) switch { < 4 => OpAction.Set, 4 => OpAction.Delete, 5 => OpAction.Increment, 6 or 7 => (OpAction)random.Next(8), _ => insert ? OpAction.Mark : OpAction.Set };
        OpKey key = isSequence ? insert && random.Next(4) == 0 ? OpKey.Head : ElementIn(random, known, target) : KeyIn(random, known, target, insert: false);
        bool hasValue = action is OpAction.Set || (action == OpAction.Mark && random.Next(2) == 0);
        bool isMark = action == OpAction.Mark;
        return new ChangeOp
        {
            Object = target,
            Key = key,
            Insert = insert || (isMark && random.Next(10) > 0),
            Action = action,
            Value = hasValue ? NewValue(random) : action == OpAction.Increment ? TestChanges.Integer((sbyte)random.Next(-60, 60)) : default,
            Predecessors = insert || isMark ? [] : [.. PredecessorsAt(random, known, target, key)],
            Expand = isMark && random.Next(2) == 0,
            MarkName = isMark && (hasValue || random.Next(2) == 0) ? Keys[random.Next(Keys.Length)] : null,
        };
    }

    private static OpId? ObjectOf(Random random, List<(OpId Id, ChangeOp Op)> known)
    {
        if (random.Next(4) == 0) return null;
        if (random.Next(25) == 0 && known.Count > 0) return known[random.Next(known.Count)].Id;
        OpId[] made = [.. known.Where(op => op.Op.Action is OpAction.MakeMap or OpAction.MakeList or OpAction.MakeText or OpAction.MakeTable).Select(op => op.Id)];
        return made.Length == 0 ? null : made[random.Next(made.Length)];
    }

    private static OpKey KeyIn(Random random, List<(OpId Id, ChangeOp Op)> known, OpId? target, bool insert)
    {
        string[] keys = [.. known.Where(op => op.Op.Object == target && op.Op.Key.MapKey is not null).Select(op => op.Op.Key.MapKey!)];
        if (keys.Length > 0 && random.Next(3) > 0) return OpKey.Map(keys[random.Next(keys.Length)]);
        return insert || random.Next(10) == 0 ? ElementIn(random, known, target) : OpKey.Map(random.Next(20) == 0 ? ColumnMutator.Text(random) : Keys[random.Next(Keys.Length)]);
    }

    private static OpKey ElementIn(Random random, List<(OpId Id, ChangeOp Op)> known, OpId? target)
    {
        OpId[] elements = [.. known.Where(op => op.Op.Insert && (op.Op.Object == target || random.Next(100) == 0)).Select(op => op.Id)];
        return elements.Length == 0 ? OpKey.Head : OpKey.ListElement(elements[random.Next(elements.Length)]);
    }

    private static IEnumerable<OpId> PredecessorsAt(Random random, List<(OpId Id, ChangeOp Op)> known, OpId? target, OpKey key)
    {
        (OpId Id, ChangeOp Op)[] there = [.. known.Where(op => op.Op.Object == target && (op.Op.Insert ? OpKey.ListElement(op.Id) == key : op.Op.Key == key))];
        if (random.Next(3) > 0) there = [.. there.Where(op => op.Op.Action is not (OpAction.Delete or OpAction.Increment or OpAction.Mark))];
        switch (random.Next(12))
        {
            case 0: return [];
            case 1: return there.Where(_ => random.Next(2) == 0).Select(op => op.Id);
            case 2 when known.Count > 0: return there.Select(op => op.Id).Append(known[random.Next(known.Count)].Id);
            default: return there.TakeLast(1 + random.Next(3)).Select(op => op.Id);
        }
    }

    private static EncodedValue NewValue(Random random)
    {
        using PooledBuffer bytes = new();
        int type = random.Next(13);
        switch (type)
        {
            case 3: bytes.WriteUnsigned(random.Next(2) == 0 ? (ulong)random.Next(300) : ulong.MaxValue >> random.Next(64)); break;
            case 4 or 8 or 9: bytes.WriteSigned(random.Next(2) == 0 ? random.Next(-300, 300) : long.MinValue >> random.Next(64)); break;
            case 5: bytes.WriteBytes(BitConverter.GetBytes(random.Next(3) switch { 0 => double.NegativeInfinity, 1 => -0.0, _ => random.NextDouble() })); break;
            case 6: bytes.WriteBytes(System.Text.Encoding.UTF8.GetBytes(Texts[random.Next(Texts.Length)])); break;
            case 7 or > 9: bytes.WriteBytes(new byte[random.Next(20)]); break;
            default: break;
        }

        if (random.Next(40) == 0) bytes.WriteByte(0x80);
        return new EncodedValue((byte)(random.Next(40) == 0 ? random.Next(16) : type), bytes.Written.ToArray());
    }
}
