using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Tests.Documents;

namespace Automerge.Tests.Lockstep;

/// <summary>Everything that 3.5.0 wrote is accepted, in whatever order it arrives that keeps dependencies first.</summary>
internal static class ChangesInAnyOrder
{
    private const int Orders = 2;

    public static void Check(LockstepHistory history)
    {
        if (history.Disorder is not null) return;
        Assert.True(history.Seed == 0 || history.Of("changes").Count() == 1, "no changes came");
        foreach ((_, JsonElement result) in history.Of("changes")) CheckChanges([.. result.EnumerateArray().Select(change => change.GetBytesFromBase64())], history.Seed);
        foreach ((_, JsonElement result) in history.Of("save")) DocumentReader.Read(result.GetBytesFromBase64(), DocumentLimits.Default, new RecordingSink(verify: true));
    }

    private static void CheckChanges(byte[][] changes, int seed)
    {
        Random random = new(seed);
        long? rows = null;
        for (int order = 0; order < Orders; order++)
        {
            (ChangeGraph graph, OpSet ops) = Apply(changes, order == 0 ? null : random);
            Assert.Equal(changes.Length, graph.Count);
            rows ??= ops.RowCount;
            Assert.Equal(rows, ops.RowCount);
        }
    }

    // With no random source the changes are taken in the order in which they are.
    private static (ChangeGraph Graph, OpSet Ops) Apply(byte[][] changes, Random? random)
    {
        ChangeGraph graph = new(1);
        OpSet ops = new();
        List<byte[]> waiting = [.. changes];
        while (waiting.Count > 0)
        {
            bool advanced = false;
            random?.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(waiting));
            for (int i = 0; i < waiting.Count; i++)
            {
                ChangeVerdict verdict = ChangeVerifier.Verify(waiting[i], ChangeLimits.Default, out ChangeHeader header);
                Assert.True(verdict.IsOk, verdict.ToString());
                if (!graph.ContainsAll(header.Deps)) continue;
                Assert.Equal(GraphVerdict.Added, graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount));
                verdict = ops.TryApply(waiting[i], header.Hash, graph);
                Assert.True(verdict.IsOk, $"change {header.Hash}: {verdict}");
                waiting.RemoveAt(i--);
                advanced = true;
            }

            Assert.True(advanced, $"{waiting.Count} changes wait for changes that are not there");
        }

        return (graph, ops);
    }
}
