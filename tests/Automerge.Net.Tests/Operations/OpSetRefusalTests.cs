using System.Text.Json;
using Automerge.Changes;
using Automerge.Operations;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Operations;

/// <summary>Changes of which one operation does not fit: refused, and nothing of them stays.</summary>
public class OpSetRefusalTests
{
    private static readonly ActorId Stranger = new([0xEE]);

    public static TheoryData<string> Documents => VectorFiles.Documents;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Change_that_ends_badly_leaves_nothing(string file)
    {
        OpSet ops = new();
        ChangeGraph graph = new(1);
        int tried = 0;
        foreach (JsonElement element in VectorFiles.ReadGenerated(file).GetProperty("changes").EnumerateArray().Take(25))
        {
            byte[] change = element.GetBytesFromBase64();
            Change decoded = Change.Decode(change);
            List<string> before = OpSetDump.Rows(ops);
            long rows = ops.RowCount;
            int names = ops.Names.Count;
            foreach (ChangeOp bad in BadOperations(decoded))
            {
                byte[] hostile = new Change
                {
                    Deps = decoded.Deps,
                    Actor = decoded.Actor,
                    Seq = decoded.Seq,
                    StartOp = decoded.StartOp,
                    Operations = [.. decoded.Operations, bad],
                }.Encode(out ChangeHash badHash);
                if (!ChangeVerifier.Verify(hostile, ChangeLimits.Default, out _).IsOk) continue;
                ChangeVerdict refused = ops.TryApply(hostile, badHash, graph);
                Assert.Equal(ChangeFault.Reference, refused.Fault);
                OpSetInvariants.Check(ops);
                Assert.Equal(before, OpSetDump.Rows(ops));
                Assert.Equal(rows, ops.RowCount);
                Assert.Equal(names, ops.Names.Count);

                // What the first attempt left behind, runs that were split, is there already. The index may keep places that lead nowhere, no more than the change had elements.
                long memory = ops.MemoryBytes - ops.Elements.MemoryBytes;
                Assert.Equal(ChangeFault.Reference, ops.TryApply(hostile, badHash, graph).Fault);
                Assert.Equal(memory, ops.MemoryBytes - ops.Elements.MemoryBytes);
                tried++;
            }

            ChangeVerifier.Verify(change, ChangeLimits.Default, out ChangeHeader header);
            graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
            Assert.True(ops.TryApply(change, header.Hash, graph).IsOk);
        }

        Assert.True(tried > 0, "no change was tried");
    }

    [Fact]
    public void Operation_outside_the_authors_past_is_refused()
    {
        OpSet ops = new();
        ChangeGraph graph = new(1);
        ChangeHash first = Apply(new ActorId([1]), 1, 1, [], [Put("a", "one"), new ChangeOp { Key = OpKey.Map("t"), Action = OpAction.MakeText }]);
        OpId text = new(2, new ActorId([1]));
        ChangeHash second = Apply(new ActorId([1]), 2, 3, [first], [Insert(text, OpKey.Head)]);

        // Knows the text but not its element.
        Assert.Contains("element", TryApply(new ActorId([2]), 1, 4, [first], [Insert(text, OpKey.ListElement(new OpId(3, new ActorId([1]))))]).What, StringComparison.Ordinal);
        Assert.Contains("object", TryApply(new ActorId([2]), 1, 4, [], [Insert(text, OpKey.Head)]).What, StringComparison.Ordinal);
        Assert.True(TryApply(new ActorId([2]), 1, 4, [second], [Insert(text, OpKey.ListElement(new OpId(3, new ActorId([1]))))]).IsOk);

        ChangeHash Apply(ActorId actor, uint seq, uint startOp, ChangeHash[] deps, ChangeOp[] operations)
        {
            byte[] change = new Change { Actor = actor, Seq = seq, StartOp = startOp, Deps = deps, Operations = operations }.Encode(out ChangeHash hash);
            Assert.Equal(GraphVerdict.Added, graph.TryAdd(hash, deps, actor.Bytes, seq, startOp, (uint)operations.Length));
            Assert.True(ops.TryApply(change, hash, graph).IsOk);
            return hash;
        }

        ChangeVerdict TryApply(ActorId actor, uint seq, uint startOp, ChangeHash[] deps, ChangeOp[] operations)
        {
            byte[] change = new Change { Actor = actor, Seq = seq, StartOp = startOp, Deps = deps, Operations = operations }.Encode(out ChangeHash hash);
            return ops.TryApply(change, hash, graph);
        }
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(100_000)]
    public void Insert_at_a_head_with_many_greater_ids_after_it_finds_its_place(int elements)
    {
        // Everything concurrent and greater must be passed: by whole subtrees, or this would take minutes.
        OpSet ops = new();
        ChangeGraph graph = new(1);
        ActorId writer = new([2]), late = new([1]);
        ChangeOp make = new() { Key = OpKey.Map("t"), Action = OpAction.MakeText };
        ChangeHash made = Add(late, 1, 1, [], [make]);
        OpId text = new(1, late);
        ChangeOp[] inserts = new ChangeOp[elements];
        for (int i = 0; i < elements; i++) inserts[i] = Insert(text, i % 2 == 0 ? OpKey.Head : OpKey.ListElement(new OpId((uint)(elements + i - 1), writer)));
        Add(writer, 1, (uint)elements, [made], inserts);
        ChangeOp[] heads = [.. Enumerable.Repeat(Insert(text, OpKey.Head), Math.Min(elements - 10, 5_000))];
        Add(late, 2, 2, [made], heads);
        SequenceObject sequence = (SequenceObject)ops.Find(new LocalId(1, ops.Actors.Find(late.Bytes)))!;
        OpSetInvariants.Check(ops);
        Assert.Equal(elements + heads.Length, sequence.Sum.Elements);
        Assert.Equal(2u, sequence.Last.Runs[sequence.Last.Count - 1].Id.Counter);

        ChangeHash Add(ActorId actor, uint seq, uint startOp, ChangeHash[] deps, ChangeOp[] operations)
        {
            byte[] change = new Change { Actor = actor, Seq = seq, StartOp = startOp, Deps = deps, Operations = operations }.Encode(out ChangeHash hash);
            Assert.Equal(GraphVerdict.Added, graph.TryAdd(hash, deps, actor.Bytes, seq, startOp, (uint)operations.Length));
            ChangeVerdict verdict = ops.TryApply(change, hash, graph);
            Assert.True(verdict.IsOk, verdict.ToString());
            return hash;
        }
    }

    private static ChangeOp Put(string key, string value) =>
        new() { Key = OpKey.Map(key), Action = OpAction.Set, Value = new EncodedValue(6, System.Text.Encoding.UTF8.GetBytes(value)) };

    private static ChangeOp Insert(OpId text, OpKey after) => new() { Object = text, Key = after, Insert = true, Action = OpAction.Set, Value = new EncodedValue(6, "x"u8.ToArray()) };

    private static IEnumerable<ChangeOp> BadOperations(Change change)
    {
        OpId unknown = new(change.StartOp + (uint)change.Operations.Count + 1, change.Actor);
        yield return new ChangeOp { Object = unknown, Key = OpKey.Map("k"), Action = OpAction.Set };
        yield return new ChangeOp { Object = new OpId(1, Stranger), Key = OpKey.Map("k"), Action = OpAction.Set };
        yield return new ChangeOp { Key = OpKey.Head, Insert = true, Action = OpAction.Set };
        yield return new ChangeOp { Key = OpKey.Map("no such key"), Action = OpAction.Delete, Predecessors = [new OpId(change.StartOp, change.Actor)] };
        for (int i = 0; i < Math.Min(change.Operations.Count, 12); i++)
        {
            // Everything the change does, once more, on something it just made that is not what it acts on.
            ChangeOp op = change.Operations[i];
            OpId self = new(change.StartOp + (uint)i, change.Actor);
            if (op.Action == OpAction.Set) yield return new ChangeOp { Object = self, Key = OpKey.Map("in a scalar"), Action = OpAction.Set };
            if (op.Key.MapKey is { } key) yield return new ChangeOp { Object = op.Object, Key = OpKey.Map(key + "'"), Action = OpAction.Delete, Predecessors = [self] };
            else yield return new ChangeOp { Object = op.Object, Key = OpKey.Map("in a list"), Action = OpAction.Set };
            if (op.Action is OpAction.Delete or OpAction.Increment or OpAction.Mark) yield return op with { Insert = false, Action = OpAction.Delete, Value = default, Predecessors = [self], Expand = false, MarkName = null };
            if (op.Insert) yield return new ChangeOp { Object = op.Object, Key = op.Key, Insert = true, Action = OpAction.Mark };
        }
    }
}
