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
