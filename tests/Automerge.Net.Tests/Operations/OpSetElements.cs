using Automerge.Operations;

namespace Automerge.Tests.Operations;

/// <summary>
/// Checks an op set element by element, the slow and obvious way: list order by the rule, every element where index and counts say it is, rows counted again.
/// For small documents; <see cref="OpSetInvariants"/> is for large ones.
/// </summary>
internal static class OpSetElements
{
    public static void Check(OpSet ops)
    {
        OpSetInvariants.Check(ops);
        long rows = CountRows(ops.Root);
        foreach (OpObject obj in ops.Objects)
        {
            Assert.Same(obj, ops.Find(obj.Id));
            rows += CountRows(obj);
            if (obj is not SequenceObject sequence) continue;
            CheckNeighbours(sequence);
            CheckElements(sequence, ops.Actors);
        }

        Assert.Equal(rows, ops.RowCount);
    }

    private static long CountRows(OpObject obj)
    {
        long rows = 0;
        if (obj is MapObject map)
        {
            foreach (Register register in map.Registers) rows += CountRows(register);
            return rows;
        }

        for (SequenceLeaf? leaf = ((SequenceObject)obj).First; leaf is not null; leaf = leaf.Next)
        {
            foreach (ElementRun run in leaf.Runs.AsSpan(0, leaf.Count)) rows += run.Register is { } register ? CountRows(register) : run.Deleted.IsNone ? run.Count : 2 * run.Count;
        }

        return rows;
    }

    private static long CountRows(Register register)
    {
        long rows = 0;
        int visible = 0, winner = -1, place = 0;
        foreach (ref RegisterOp op in register.Ops)
        {
            rows += 1 + op.SuccessorCount;
            visible += op.IsVisible ? 1 : 0;
            if (op.IsVisible) winner = place;
            place++;
        }

        Assert.Equal((visible, winner), (register.VisibleCount, register.Winner));
        for (int i = 1; i < register.Count; i++) Assert.NotEqual(register[i - 1].Id, register[i].Id);
        return rows;
    }

    // What could be one run is one, within a leaf.
    private static void CheckNeighbours(SequenceObject sequence)
    {
        for (SequenceLeaf? leaf = sequence.First; leaf is not null; leaf = leaf.Next)
        {
            for (int i = 1; i < leaf.Count; i++)
            {
                Assert.False(leaf.Runs[i - 1].Continues(leaf.Runs[i], sequence.IsText), $"runs {leaf.Runs[i - 1].Id} and {leaf.Runs[i].Id} could be one");
            }
        }
    }

    // The order by the rule as the format tells it, and every element where index and counts say it is.
    private static void CheckElements(SequenceObject sequence, ActorTable actors)
    {
        List<(LocalId Id, LocalId Reference)> elements = [];
        int width = 0, utf16 = 0;
        for (SequenceLeaf? leaf = sequence.First; leaf is not null; leaf = leaf.Next)
        {
            for (int run = 0; run < leaf.Count; run++)
            {
                ref ElementRun inRun = ref leaf.Runs[run];
                for (int i = 0; i < inRun.Count; i++)
                {
                    ElementPlace place = new(leaf, run, i);
                    LocalId id = inRun.Id.Plus(i);
                    elements.Add((id, i == 0 ? inRun.Reference : inRun.Id.Plus(i - 1)));
                    Assert.True(sequence.TryFind(id, out ElementPlace found) && found == place, $"element {id} is not where the index says");
                    SequenceSum before = sequence.SumBefore(place);
                    Assert.Equal((elements.Count - 1, width, utf16), (before.Elements, before.Width, before.Utf16));
                    if (!inRun.IsVisible) continue;
                    foreach (bool inUtf16 in (bool[])[false, true])
                    {
                        int index = inUtf16 ? utf16 : width, units = sequence.WidthOf(place, CausalPast.Everything, inUtf16);
                        for (int unit = 0; unit < units; unit++)
                        {
                            Assert.True(sequence.TryFindAt(index + unit, inUtf16, out found, out int inside) && found == place && inside == unit, $"index {index + unit} is not element {id}");
                        }
                    }

                    width += sequence.WidthOf(place, CausalPast.Everything, false);
                    utf16 += sequence.WidthOf(place, CausalPast.Everything, true);
                }
            }
        }

        Assert.Equal(Ordered(elements, actors), elements.Select(element => element.Id));
    }

    private static List<LocalId> Ordered(List<(LocalId Id, LocalId Reference)> elements, ActorTable actors)
    {
        List<LocalId> order = [];
        foreach ((LocalId id, LocalId reference) in elements.Order(Comparer<(LocalId Id, LocalId Reference)>.Create((left, right) => actors.Compare(left.Id, right.Id))))
        {
            int at = reference.IsNone ? 0 : order.IndexOf(reference) + 1;
            Assert.True(at > 0 || reference.IsNone, $"element {id} comes before {reference}, after which it was inserted");
            while (at < order.Count && actors.IsLess(id, order[at])) at++;
            order.Insert(at, id);
        }

        return order;
    }
}
