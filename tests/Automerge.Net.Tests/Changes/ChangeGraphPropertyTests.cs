using System.Buffers;
using Automerge.Changes;

namespace Automerge.Tests.Changes;

/// <summary>Random graphs against sets of ancestors.</summary>
public class ChangeGraphPropertyTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(0, 60)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Queries_of_random_graphs_agree_with_sets_of_ancestors(int seed)
    {
        Random random = new(seed);
        GraphMaker maker = new(seed);
        int rows = random.Next(1, 200), actors = random.Next(1, 30), recent = random.Next(1, 60);
        for (int i = 0; i < rows; i++) maker.Grow(actors, recent);
        ChangeGraph graph = maker.Graph;

        Assert.Equal(maker.ModelHeads(), graph.Heads.ToArray());
        for (int row = 0; row < rows; row++)
        {
            Assert.Equal(row, graph.Find(graph.HashAt(row)));
            Assert.Equal(maker.Pasts[row].Count == row + 1, graph.CoversAllBefore(row));
            for (int other = 0; other < rows; other += 1 + random.Next(5)) Assert.Equal(maker.Pasts[row].Contains(other), graph.IsAncestor(other, row));
        }

        for (int i = 0; i < 50; i++)
        {
            ChangeHash[] heads = maker.RandomHeads(5);
            int from = random.Next(3) == 0 ? random.Next(rows + 2) : 0;
            List<int> expected = maker.NotCovered(heads, from);
            List<int> actual = [-7];
            graph.CollectNotCoveredBy(heads, actual, from);
            Assert.Equal([-7, .. expected], actual);
            int end = random.Next(rows + 2);
            actual.Clear();
            graph.CollectNotCoveredBy(heads, actual, from, end);
            if (heads.All(head => graph.Find(head) < end)) Assert.Equal(expected.Where(row => row < end), actual);
            if (from > 0) continue;
            Assert.Equal(expected.Count == 0, graph.CoversAll(heads));
            int some = random.Next(rows);
            Assert.Equal(!expected.Contains(some), graph.Covers(heads, some));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Ancestors_across_branches_of_thousands_of_changes_agree_with_sets_of_ancestors(int seed)
    {
        // Branches that stay apart: long searches, so that the ancestry index is made, then grown.
        Random random = new(seed);
        GraphMaker maker = new(seed);
        const int Branches = 5;
        int[] tips = new int[Branches];
        maker.Add(1000);
        for (int i = 0; i < Branches; i++)
        {
            maker.Add(i, 0);
            tips[i] = maker.Graph.Count - 1;
        }

        for (int i = 0; i < 4000; i++)
        {
            int branch = random.Next(Branches - 1);                   // the last one is never merged
            int with = random.Next(40) == 0 ? random.Next(Branches - 1) : branch;
            int actor = random.Next(20) == 0 ? branch + (5 * random.Next(8)) : branch;
            int index = maker.Graph.FindActor(GraphMaker.Actor(actor));
            int own = index < 0 ? -1 : maker.Graph.TipOf(index);
            HashSet<int> deps = [tips[branch], tips[with]];
            if (own >= 0 && !deps.Any(dep => maker.Pasts[dep].Contains(own))) deps.Add(own);
            maker.Add(actor, [.. deps]);
            tips[branch] = maker.Graph.Count - 1;
        }

        int rows = maker.Graph.Count;
        for (int i = 0; i < 20_000; i++)
        {
            int row = random.Next(rows), other = random.Next(row + 1);
            Assert.Equal(maker.Pasts[row].Contains(other), maker.Graph.IsAncestor(other, row));
        }

        Assert.True(maker.Graph.MemoryBytes < 130L * rows, "clocks stay within their bound");
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Sidecar_gives_back_the_same_graph_and_grows_on(int seed)
    {
        GraphMaker maker = new(seed);
        for (int i = 0; i < 3 * seed; i++) maker.Grow(1 + (seed % 40), 20);
        ArrayBufferWriter<byte> output = new();
        maker.Graph.WriteTo(output);
        Assert.Equal(maker.Graph.EncodedLength, output.WrittenCount);
        Assert.True(ChangeGraph.TryRead(output.WrittenSpan, 99, out ChangeGraph? read));

        ChangeGraph graph = maker.Graph;
        AssertSame(graph, read!);
        for (int i = 0; i < 20 && graph.Count > 0; i++)
        {
            ChangeHash[] heads = maker.RandomHeads(3);
            List<int> rows = [];
            read!.CollectNotCoveredBy(heads, rows);
            Assert.Equal(maker.NotCovered(heads, 0), rows);
        }

        ArrayBufferWriter<byte> again = new();
        read!.WriteTo(again);
        Assert.True(output.WrittenSpan.SequenceEqual(again.WrittenSpan));
        Assert.Equal(
            GraphVerdict.Added,
            read.TryAdd(GraphMaker.Hash(-5), read.Heads.ToArray(), [200], 1, read.MaxOp + 1, 1));
        Assert.Equal(1, read.Heads.Length);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void First_rows_stay_while_the_graph_grows(int seed)
    {
        GraphMaker maker = new(seed);
        List<(GraphPrefix Rows, byte[] Sidecar)> taken = [];
        for (int i = 0; i < 3 * seed; i++)
        {
            taken.Add((maker.Graph.FirstRows(maker.Graph.Count), Sidecar(maker.Graph)));
            maker.Grow(1 + (seed % 40), 20);
        }

        foreach ((GraphPrefix rows, byte[] sidecar) in taken)
        {
            Assert.True(ChangeGraph.TryRead(sidecar, 1, out ChangeGraph? expected));
            AssertSame(expected!, rows.Copy(99, ChangeGraphLimits.Default));
            AssertSame(expected!, maker.Graph.FirstRows(rows.Count).Copy(99, ChangeGraphLimits.Default));
        }
    }

    private static byte[] Sidecar(ChangeGraph graph)
    {
        ArrayBufferWriter<byte> output = new();
        graph.WriteTo(output);
        return output.WrittenSpan.ToArray();
    }

    private static void AssertSame(ChangeGraph graph, ChangeGraph read)
    {
        Assert.Equal(graph.Count, read.Count);
        Assert.Equal(graph.MaxOp, read.MaxOp);
        Assert.Equal(graph.Heads.ToArray(), read.Heads.ToArray());
        for (int row = 0; row < graph.Count; row++)
        {
            Assert.Equal(row, read.Find(graph.HashAt(row)));
            Assert.Equal(graph.DepsOf(row).ToArray(), read.DepsOf(row).ToArray());
            Assert.Equal(graph.ActorAt(graph.ActorOf(row)).ToArray(), read.ActorAt(read.ActorOf(row)).ToArray());
            Assert.Equal((graph.SeqOf(row), graph.StartOpOf(row), graph.MaxOpOf(row)), (read.SeqOf(row), read.StartOpOf(row), read.MaxOpOf(row)));
        }
    }
}
