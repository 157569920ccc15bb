using System.Text.Json;
using Automerge.Changes;
using Automerge.Format;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Changes;

/// <summary>Hostile changes that automerge 3.5.0 accepts, panics on, or refuses.</summary>
public class ChangeGraphVectorTests
{
    [Fact]
    public void TryAdd_of_hostile_changes_refuses_what_breaks_the_graph_rules()
    {
        // Only rule 3 of the format's §10 is the graph's; the verifier and the operations' check refuse the others.
        Dictionary<string, GraphVerdict> expected = new()
        {
            ["well-formed"] = GraphVerdict.Added,
            ["seq 5 as first"] = GraphVerdict.SeqGap,
            ["startOp below deps"] = GraphVerdict.StartOpNotAfterDeps,
            ["startOp gap"] = GraphVerdict.Added,
            ["startOp 2^32-1"] = GraphVerdict.GapTooLarge,
            ["same dep twice"] = GraphVerdict.DuplicateDep,
            ["missing dep"] = GraphVerdict.MissingDeps,
            ["no deps"] = GraphVerdict.Added,
            ["empty actor"] = GraphVerdict.Added,
            ["seq reuse of base actor"] = GraphVerdict.DuplicateSeq,
        };
        JsonElement hostile = VectorFiles.ReadGenerated("hostile.json");
        int seen = 0;
        foreach (JsonElement test in hostile.GetProperty("cases").EnumerateArray())
        {
            string name = test.GetProperty("name").GetString()!;
            if (test.GetProperty("kind").GetString() != "change" || !expected.TryGetValue(name, out GraphVerdict verdict)) continue;
            seen++;
            byte[] bytes = test.GetProperty("data").GetBytesFromBase64();
            Assert.True(ChunkReader.TryRead(bytes, out Chunk chunk, out _));
            Assert.True(ChangeHeader.TryRead(bytes, chunk.ComputeHash(), out ChangeHeader header).IsOk, name);

            // The base: one change by its one actor; its hash is every case's dependency.
            ChangeGraph graph = new(1);
            (ChangeHash baseHash, byte[] baseActor) = BaseOf(hostile);
            Assert.Equal(GraphVerdict.Added, graph.TryAdd(baseHash, [], baseActor, 1, 1, 9));
            GraphVerdict actual = graph.TryAdd(header.Hash, header.Deps, header.Actor, header.Seq, header.StartOp, header.OpCount);
            Assert.True(verdict == actual, $"{name}: {actual}");
        }

        Assert.Equal(expected.Count, seen);
    }

    // Read by hand: uleb 1 actor, its length 16, the id; uleb 1 head, the hash.
    private static (ChangeHash Hash, byte[] Actor) BaseOf(JsonElement hostile)
    {
        Assert.True(ChunkReader.TryRead(hostile.GetProperty("base").GetBytesFromBase64(), out Chunk document, out _));
        Assert.Equal([1, 16], document.Body[..2].ToArray());
        return (new ChangeHash(document.Body[19..]), document.Body[2..18].ToArray());
    }
}
