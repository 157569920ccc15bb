using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Operations;
using Automerge.Tests.Documents;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Operations;

/// <summary>Documents of automerge 3.5.0: their rows are what their changes make, one by one.</summary>
public class OpSetVectorTests
{
    public static TheoryData<string> Documents => VectorFiles.Documents;

    public static TheoryData<string> ManifestPaths => VectorFiles.ManifestPaths;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Changes_in_order_make_the_rows_of_the_save(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        byte[][] changes = [.. vector.GetProperty("changes").EnumerateArray().Select(change => change.GetBytesFromBase64())];
        (OpSet applied, _) = Apply(changes, check: true);
        OpSet loaded = OpSet.Load(vector.GetProperty("saved").GetBytesFromBase64(), DocumentLimits.Default);
        OpSetInvariants.Check(loaded);
        Assert.Equal(OpSetDump.Rows(loaded), OpSetDump.Rows(applied));
        Assert.Equal(loaded.RowCount, applied.RowCount);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Changes_in_any_order_make_the_same_rows(string file)
    {
        byte[][] changes = [.. VectorFiles.ReadGenerated(file).GetProperty("changes").EnumerateArray().Select(change => change.GetBytesFromBase64())];
        (OpSet inOrder, _) = Apply(changes);
        for (int seed = 0; seed < 3; seed++)
        {
            (OpSet other, _) = Apply(Shuffle(changes, new Random(seed)));
            OpSetInvariants.Check(other);
            Assert.Equal(OpSetDump.Rows(inOrder), OpSetDump.Rows(other));
        }
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void A_graph_that_holds_later_changes_already_makes_no_difference(string file)
    {
        byte[][] changes = [.. VectorFiles.ReadGenerated(file).GetProperty("changes").EnumerateArray().Select(change => change.GetBytesFromBase64())];
        (OpSet inOrder, ChangeGraph whole) = Apply(changes);
        OpSet behind = new();
        for (int row = 0; row < changes.Length; row++) Assert.True(behind.TryApply(changes[row], whole.HashAt(row), whole).IsOk);
        Assert.Equal(OpSetDump.Rows(inOrder), OpSetDump.Rows(behind));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Measured_size_is_at_least_the_real_one_and_not_far_from_it(string file)
    {
        byte[] saved = VectorFiles.ReadGenerated(file).GetProperty("saved").GetBytesFromBase64();
        OpSet ops = OpSet.Load(saved, DocumentLimits.Default);
        DocumentSize size = DocumentSize.Measure(saved, DocumentLimits.Default);
        Assert.Equal(ops.RowCount, size.Rows);
        Assert.InRange(ops.MemoryBytes, size.OpSetBytes / 12, size.OpSetBytes);
    }

    [Fact]
    public void Op_set_refuses_what_is_too_much_and_stays_as_it_was()
    {
        byte[][] changes = [.. VectorFiles.ReadGenerated("doc-0027.json.gz").GetProperty("changes").EnumerateArray().Select(change => change.GetBytesFromBase64())];
        (OpSet whole, ChangeGraph graph) = Apply(changes);
        foreach ((long rows, long bytes) in new[] { (whole.RowCount - 1, long.MaxValue), (long.MaxValue, whole.MemoryBytes - 1) })
        {
            OpSet limited = new() { RowsMax = rows, BytesMax = bytes };
            int row = 0;
            while (limited.TryApply(changes[row], graph.HashAt(row), graph) is var verdict && verdict.IsOk) row++;
            Assert.Equal(ChangeFault.Limit, limited.TryApply(changes[row], graph.HashAt(row), graph).Fault);
            Assert.Equal(OpSetDump.Rows(Apply(changes.AsSpan(0, row).ToArray()).Ops), OpSetDump.Rows(limited));
            OpSetInvariants.Check(limited);
        }
    }

    [Theory]
    [MemberData(nameof(ManifestPaths))]
    public void Changes_of_a_real_document_make_its_rows(string path)
    {
        VectorFiles.RequireThirdParty();
        byte[] file = VectorFiles.ReadThirdParty(path);
        if (!VectorFiles.Manifest(path).TryGetProperty("loads", out JsonElement loads) || !loads.GetBoolean()) return;
        if (!ChunkReader.TryRead(file, out Chunk chunk, out _) || chunk.Type != ChunkType.Document || chunk.Length != file.Length || file.Length > 200_000) return;
        RecordingSink sink = new(_ => true);
        DocumentReader.Read(file, DocumentLimits.Default, sink);
        (OpSet applied, _) = Apply(sink.Bytes);
        OpSetInvariants.Check(applied);
        OpSet loaded = OpSet.Load(file, DocumentLimits.Default);
        OpSetInvariants.Check(loaded);
        Assert.Equal(OpSetDump.Rows(loaded), OpSetDump.Rows(applied));
    }

    internal static (OpSet Ops, ChangeGraph Graph) Apply(IEnumerable<byte[]> changes, bool check = false)
    {
        OpSet ops = new();
        ChangeGraph graph = new(1);
        foreach (byte[] change in changes)
        {
            ChangeVerdict verdict = ChangeVerifier.Verify(change, ChangeLimits.Default, out ChangeHeader header);
            Assert.True(verdict.IsOk, verdict.ToString());
            Assert.Equal(GraphVerdict.Added, graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount));
            verdict = ops.TryApply(change, header.Hash, graph);
            Assert.True(verdict.IsOk, $"{verdict} in {header.Hash}");
            if (check) OpSetInvariants.Check(ops);
        }

        return (ops, graph);
    }

    private static List<byte[]> Shuffle(byte[][] changes, Random random)
    {
        List<byte[]> result = [];
        List<(byte[] Bytes, ChangeHash Hash, HashSet<ChangeHash> Missing)> waiting = [];
        foreach (byte[] change in changes)
        {
            ChangeVerifier.Verify(change, ChangeLimits.Default, out ChangeHeader header);
            waiting.Add((change, header.Hash, [.. header.Deps.ToArray()]));
        }

        while (waiting.Count > 0)
        {
            int[] ready = [.. Enumerable.Range(0, waiting.Count).Where(i => waiting[i].Missing.Count == 0)];
            int next = ready[random.Next(ready.Length)];
            result.Add(waiting[next].Bytes);
            foreach ((_, _, HashSet<ChangeHash> missing) in waiting) missing.Remove(waiting[next].Hash);
            waiting.RemoveAt(next);
        }

        return result;
    }
}
