using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Patches;
using Automerge.Tests.Documents;
using Automerge.Tests.Vectors;

namespace Automerge.Tests.Patches;

/// <summary>Patches applied to a plain copy of what a document said make what it says: for histories of several replicas, in pieces, in other orders, there and back.</summary>
public class PatchPropertyTests
{
    public static TheoryData<string> Documents => VectorFiles.Documents;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Patches_of_applied_changes_lead_to_what_is(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        byte[][] changes = ViewOf.ChangesOf(vector);
        for (int seed = 0; seed < 4; seed++)
        {
            Random random = new(seed);
            TextUnit unit = seed % 2 == 0 ? TextUnit.Utf16 : TextUnit.Scalar;
            ViewOf document = new();
            PlainDocument plain = new(unit);
            int patched = 0;
            foreach (byte[][] batch in Batches(seed < 2 ? changes : Shuffle(changes, random), random))
            {
                PatchLog log = new(CausalPast.Fixed(document.Graph, document.Graph.Heads, document.Ops.Actors));
                document.Ops.Patches = log;
                foreach (byte[] change in batch) document.Apply(change);
                string before = plain.ToString();
                IReadOnlyList<Patch> patches = log.Patches(document.Ops, unit);
                plain.Apply(patches);
                string expected = PlainDocument.Of(document.Now, unit).ToString();
                if (expected != plain.ToString()) Assert.Fail($"seed {seed}\nbefore   {before}\nexpected {expected}\nactual   {plain}\n{string.Join('\n', patches)}");
                patched += patches.Count;
            }

            Assert.True(patched > 0, "nothing was patched");
        }
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Patches_between_any_two_heads_lead_from_one_to_the_other(string file)
    {
        ViewOf document = ViewOf.Changes(ViewOf.ChangesOf(VectorFiles.ReadGenerated(file)));
        Random random = new(7);
        for (int i = 0; i < 12; i++)
        {
            TextUnit unit = i % 2 == 0 ? TextUnit.Utf16 : TextUnit.Scalar;
            CausalPast from = SomePast(document, random), to = SomePast(document, random);
            IReadOnlyList<Patch> patches = new PatchMaker(document.Ops, from, to, unit).CompareAll();
            PlainDocument plain = PlainDocument.Of(new DocumentView(document.Ops, from), unit);
            string before = plain.ToString();
            plain.Apply(patches);
            string expected = PlainDocument.Of(new DocumentView(document.Ops, to), unit).ToString();
            if (expected != plain.ToString()) Assert.Fail($"round {i}\nbefore   {before}\nexpected {expected}\nactual   {plain}\n{string.Join('\n', patches)}");
            Assert.Empty(new PatchMaker(document.Ops, to, to, unit).CompareAll());
        }
    }

    private static CausalPast SomePast(ViewOf document, Random random)
    {
        ChangeHash[] heads = new ChangeHash[1 + random.Next(2)];
        for (int i = 0; i < heads.Length; i++) heads[i] = document.Graph.HashAt(random.Next(document.Graph.Count));
        return random.Next(4) == 0 ? CausalPast.Everything : CausalPast.Fixed(document.Graph, heads, document.Ops.Actors);
    }

    private static IEnumerable<byte[][]> Batches(byte[][] changes, Random random)
    {
        for (int at = 0; at < changes.Length;)
        {
            int count = Math.Min(changes.Length - at, 1 + random.Next(random.Next(4) == 0 ? 20 : 3));
            yield return changes[at..(at + count)];
            at += count;
        }
    }

    // Another order that respects dependencies.
    private static byte[][] Shuffle(byte[][] changes, Random random)
    {
        List<byte[]> waiting = [.. changes], ordered = [];
        HashSet<ChangeHash> known = [];
        while (waiting.Count > 0)
        {
            int at = random.Next(waiting.Count);
            ChangeVerifier.Verify(waiting[at], ChangeLimits.Default, out ChangeHeader header);
            bool ready = true;
            foreach (ref readonly ChangeHash dep in header.Deps) ready &= known.Contains(dep);
            if (!ready) continue;
            known.Add(header.Hash);
            ordered.Add(waiting[at]);
            waiting.RemoveAt(at);
        }

        return [.. ordered];
    }
}
