using Automerge.Changes;
using Automerge.Operations;

namespace Automerge.Tests.Operations;

/// <summary>All rows of an op set in canonical order, one string each; for comparing op sets that came about differently.</summary>
internal static class OpSetDump
{
    public static List<string> Rows(OpSet ops)
    {
        List<string> rows = [];
        IEnumerable<OpObject> objects = ops.Objects.Order(Comparer<OpObject>.Create((a, b) => ops.Actors.Compare(a.Id, b.Id))).Prepend(ops.Root);
        foreach (OpObject target in objects)
        {
            string name = target.Id.IsNone ? "_root" : Name(ops, target.Id);
            if (target is MapObject map)
            {
                int[] places = [.. Enumerable.Range(0, map.Count).Order(Comparer<int>.Create((a, b) => ops.Names.Compare(map.Names[a], map.Names[b])))];
                foreach (int place in places) Add(rows, ops, $"{name} {ops.Names.Text(map.Names[place])}", map.Registers[place], default);
            }
            else
            {
                Add(rows, ops, name, (SequenceObject)target);
            }
        }

        return rows;
    }

    private static void Add(List<string> rows, OpSet ops, string name, SequenceObject sequence)
    {
        for (SequenceLeaf? leaf = sequence.First; leaf is not null; leaf = leaf.Next)
        {
            for (int r = 0; r < leaf.Count; r++)
            {
                ElementRun run = leaf.Runs[r];
                if (run.Register is { } register)
                {
                    Add(rows, ops, $"{name} after {Name(ops, run.Reference)}", register, run.Id);
                    continue;
                }

                ReadOnlySpan<byte> bytes = leaf.BytesOf(r);
                for (int i = 0; i < run.Count; i++)
                {
                    int start = run.OffsetOf(i, bytes), end = run.OffsetOf(i + 1, bytes);
                    uint metadata = run.MetadataAt(start < bytes.Length ? bytes[start] : (byte)0);
                    string successors = run.Deleted.IsNone ? "" : Name(ops, run.Deleted.Plus(run.DeleteStep * i));
                    string reference = Name(ops, i == 0 ? run.Reference : run.Id.Plus(i - 1));
                    rows.Add($"{name} after {reference}: {Name(ops, run.Id.Plus(i))} insert Set {metadata} {Convert.ToHexString(bytes[start..end])} [{successors}]");
                }
            }
        }
    }

    private static void Add(List<string> rows, OpSet ops, string place, Register register, LocalId element)
    {
        foreach (RegisterOp op in register.Ops)
        {
            List<string> successors = [];
            if (!op.Successor.IsNone) successors.Add(Name(ops, op.Successor));
            foreach (LocalId id in op.Successors is null ? default : op.Successors.Ids) successors.Add(Name(ops, id));
            string mark = op.Action == OpAction.Mark ? $" {op.Expand} {(op.MarkName == 0 ? "end" : ops.Names.Text(op.MarkName - 1))}" : "";
            string where = op.Insert || element.IsNone ? place : $"{place} at {Name(ops, element)}";
            rows.Add($"{where}: {Name(ops, op.Id)} {(op.Insert ? "insert " : "")}{op.Action} {op.Value.Metadata} {Convert.ToHexString(op.Value.Bytes)}{mark} [{string.Join(' ', successors)}]");
        }
    }

    private static string Name(OpSet ops, LocalId id) => id.IsNone ? "head" : $"{id.Counter}@{ops.Actors[id.Actor]}";
}

/// <summary>What must hold in an op set between any two operations.</summary>
internal static class OpSetInvariants
{
    public static void Check(OpSet ops)
    {
        foreach (OpObject target in ops.Objects)
        {
            if (target is SequenceObject sequence) Check(ops, sequence);
        }
    }

    private static void Check(OpSet ops, SequenceObject sequence)
    {
        List<SequenceLeaf> leaves = [];
        Collect(ops, sequence, sequence.Root, leaves);
        SequenceLeaf? previous = null;
        foreach (SequenceLeaf leaf in leaves)
        {
            Assert.Same(previous, leaf.Previous);
            if (previous is not null) Assert.Same(leaf, previous.Next);
            previous = leaf;
        }

        Assert.Same(sequence.First, leaves[0]);
        Assert.Same(sequence.Last, leaves[^1]);
        Assert.Null(leaves[^1].Next);
        Assert.Equal(sequence.LeafCount, leaves.Count);
        SequenceSum before = default;
        foreach (SequenceLeaf leaf in leaves)
        {
            for (int r = 0; r < leaf.Count; r++)
            {
                ElementRun run = leaf.Runs[r];
                foreach (int i in (int[])[0, run.Count / 2, run.Count - 1])
                {
                    Assert.True(sequence.TryFind(run.Id.Plus(i), out ElementPlace place), $"element {run.Id.Plus(i)} is not found");
                    Assert.Equal(new ElementPlace(leaf, r, i), place);
                }

                Assert.Equal(before, sequence.SumBefore(new ElementPlace(leaf, r, 0)));
                before += sequence.SumOf(run);
            }
        }

        Assert.Equal(before, sequence.Sum);
    }

    private static void Collect(OpSet ops, SequenceObject sequence, SequencePart part, List<SequenceLeaf> leaves)
    {
        SequenceSum sum = default;
        if (part is SequenceNode node)
        {
            Assert.InRange(node.Count, 1, SequenceNode.ChildrenMax);
            foreach (SequencePart child in node.Children.AsSpan(0, node.Count))
            {
                Assert.Same(node, child.Parent);
                Assert.False(ops.Actors.IsLess(child.Least, node.Least), "a child's least id is below its node's");
                Collect(ops, sequence, child, leaves);
                sum += child.Sum;
            }
        }
        else
        {
            SequenceLeaf leaf = (SequenceLeaf)part;
            leaves.Add(leaf);
            Assert.InRange(leaf.Count, 0, SequenceLeaf.RunsMax);
            int bytes = 0;
            foreach (ref ElementRun run in leaf.Runs.AsSpan(0, leaf.Count))
            {
                Check(leaf, run, bytes, sequence.IsText);
                Assert.False(ops.Actors.IsLess(run.Id, leaf.Least), "a run begins before its leaf's least id");
                sum += sequence.SumOf(run);
                bytes += run.Bytes;
            }

            Assert.Equal(bytes, leaf.ByteCount);
        }

        Assert.Equal(sum, part.Sum);
    }

    private static void Check(SequenceLeaf leaf, in ElementRun run, int offset, bool isText)
    {
        Assert.InRange(run.Count, 1, ElementRun.CountMax);
        ReadOnlySpan<byte> bytes = leaf.Bytes.AsSpan(offset, run.Bytes);
        if (run.Register is not null)
        {
            Assert.Equal((1, 0), (run.Count, run.Bytes));
            Assert.Equal(run.Id, run.Register.Ops[0].Id);
            return;
        }

        Assert.Equal(run.Bytes, run.OffsetOf(run.Count, bytes));
        if (run.Metadata != ElementRun.MixedText) Assert.Equal(run.Bytes, run.Count * (int)(run.Metadata >> 4));
        if (isText) Assert.Equal(ElementRun.CountSurrogates(bytes), run.Surrogates);
        else Assert.Equal(0, run.Surrogates);
        if (isText) Assert.Equal(run.Count, System.Text.Encoding.UTF8.GetString(bytes).EnumerateRunes().Count());
    }
}
