using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Changes;
using Automerge.Tests.Vectors;
using FsCheck;
using FsCheck.Fluent;

namespace Automerge.Tests.Documents;

public class DocumentCompactorTests
{
    public static TheoryData<string> Documents => VectorFiles.Documents;

    public static TheoryData<string> ManifestPaths => VectorFiles.ManifestPaths;

    [Theory]
    [MemberData(nameof(Documents))]
    public void Compact_of_all_changes_is_the_save_of_automerge(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        byte[][] changes = [.. DocumentWriterVectorTests.Changes(vector)];
        InflatedDocument.AssertSame(vector.GetProperty("saved").GetBytesFromBase64(), Compact([], changes));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Compact_of_the_save_of_half_and_the_rest_is_the_full_save(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file), half = vector.GetProperty("half");
        byte[] snapshot = half.GetProperty("saved").GetBytesFromBase64();
        byte[][] changes = [.. DocumentWriterVectorTests.Changes(vector)];
        byte[] compacted = Compact(snapshot, changes[half.GetProperty("changes").GetInt32()..]);

        // Saves differ in the order in which the replicas came by the changes: the half was saved by one that had them in another.
        RecordingSink order = new();
        DocumentReader.Read(snapshot, DocumentLimits.Default, order);
        bool sameOrder = vector.GetProperty("hashes").EnumerateArray().Take(order.Hashes.Count).Select(hash => hash.GetString()!).SequenceEqual(order.Hashes.Select(hash => hash.ToString()));
        byte[] full = vector.GetProperty("saved").GetBytesFromBase64();
        if (sameOrder) InflatedDocument.AssertSame(full, compacted);
        else Assert.Equal(DocumentReaderVectorTests.Heads(full), DocumentReaderVectorTests.Heads(compacted));
    }

    [Theory]
    [MemberData(nameof(ManifestPaths))]
    public void Compact_of_all_changes_of_a_real_document_is_its_save(string path)
    {
        VectorFiles.RequireThirdParty();
        JsonElement expected = VectorFiles.Manifest(path);
        if (!expected.TryGetProperty("loads", out JsonElement loads) || !loads.GetBoolean()) return;

        // The others, of up to 260,000 changes, take a minute unoptimised; they have been the same too.
        byte[] file = VectorFiles.ReadThirdParty(path);
        if (file.Length > 200_000 || expected.GetProperty("numChanges").GetInt32() > 20_000) return;
        if (!ChunkReader.TryRead(file, out Chunk chunk, out _) || chunk.Type != ChunkType.Document || chunk.Length != file.Length) return;
        RecordingSink sink = new(_ => true);
        DocumentReader.Read(file, DocumentLimits.Default, sink);
        InflatedDocument.AssertSame(file, Compact([], [.. sink.Bytes]));
    }

    [Fact]
    public void Compact_cut_anywhere_gives_the_save_of_all()
    {
        Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
        {
            List<byte[]> changes = RandomDocument.Make(seed, 24);
            int cut = seed % (changes.Count + 1);
            byte[] snapshot = BuiltDocument.Of(changes.Take(cut)).Save();
            byte[] tail = Concatenate([.. changes.Skip(cut)]);
            DocumentCompactor.Compact(snapshot, null, default, DocumentLimits.Default, out ChangeGraph graph);
            Assert.Equal(BuiltDocument.Of(changes).Save(), DocumentCompactor.Compact(snapshot, tail, DocumentLimits.Default));
            Assert.Equal(BuiltDocument.Of(changes).Save(), DocumentCompactor.Compact(snapshot, graph.FirstRows(graph.Count), tail, DocumentLimits.Default, out ChangeGraph whole));
            Assert.Equal(changes.Count, whole.Count);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Compact_passes_over_changes_of_the_snapshot()
    {
        List<byte[]> changes = RandomDocument.Make(1, 24);
        byte[] all = BuiltDocument.Of(changes).Save();
        Assert.Equal(all, Compact(all, [.. changes]));
        Assert.Equal(all, Compact(all, []));
    }

    [Fact]
    public void Compact_of_nothing_is_the_empty_document() => Assert.Equal(new BuiltDocument().Save(), Compact([], []));

    [Fact]
    public void Compact_names_the_change_that_does_not_fit()
    {
        byte[] first = new Change { Actor = TestChanges.Bob, Seq = 1, StartOp = 1, Operations = [new ChangeOp { Key = OpKey.Map("a"), Action = OpAction.Set }] }.Encode(out ChangeHash hash);
        byte[] second = new Change { Deps = [hash], Actor = TestChanges.Bob, Seq = 2, StartOp = 2, Operations = [new ChangeOp { Key = OpKey.Map("a"), Action = OpAction.Set }] }.Encode(out ChangeHash secondHash);
        ChangeOp misplaced = new() { Object = new OpId(1, TestChanges.Bob), Key = OpKey.Map("x"), Action = OpAction.Set };
        byte[] misfit = new Change { Deps = [hash], Actor = TestChanges.Bob, Seq = 2, StartOp = 2, Operations = [misplaced] }.Encode(out ChangeHash misfitHash);

        Assert.Equal($"change {secondHash}: {GraphVerdict.MissingDeps}", Refusal([], [second]));
        Assert.StartsWith($"change {misfitHash}: Reference", Refusal([], [first, misfit]), StringComparison.Ordinal);
        Assert.StartsWith("change 1: ", Refusal([], [first, second[..^1]]), StringComparison.Ordinal);
        Assert.StartsWith("change 1: ", Refusal([], [first, new BuiltDocument().Save()]), StringComparison.Ordinal);
        second[^1] ^= 1;
        Assert.StartsWith("change 1: Checksum", Refusal([], [first, second]), StringComparison.Ordinal);
        Assert.NotEmpty(Refusal(first, []));
    }

    [Fact]
    public void Compact_with_changes_known_that_are_not_the_snapshots_is_refused()
    {
        List<byte[]> changes = RandomDocument.Make(3, 24), others = RandomDocument.Make(4, 24);
        byte[] snapshot = BuiltDocument.Of(changes).Save();
        DocumentCompactor.Compact(default, null, Concatenate([.. others]), DocumentLimits.Default, out ChangeGraph other);
        DocumentCompactor.Compact(snapshot, null, default, DocumentLimits.Default, out ChangeGraph graph);
        Assert.Throws<AutomergeFormatException>(() => DocumentCompactor.Compact(snapshot, other.FirstRows(graph.Count), default, DocumentLimits.Default, out _));
        Assert.Throws<AutomergeFormatException>(() => DocumentCompactor.Compact(snapshot, graph.FirstRows(graph.Count - 1), default, DocumentLimits.Default, out _));
        snapshot[^1] ^= 1;
        Assert.Throws<AutomergeFormatException>(() => DocumentCompactor.Compact(snapshot, graph.FirstRows(graph.Count), default, DocumentLimits.Default, out _));
    }

    [Fact]
    public void Compact_beyond_the_limits_is_refused()
    {
        List<byte[]> changes = RandomDocument.Make(3, 24);
        DocumentLimits limits = new() { MaxRows = 10 };
        Assert.Throws<AutomergeFormatException>(() => DocumentCompactor.Compact(default, changes.SelectMany(change => change).ToArray(), limits));
    }

    private static byte[] Compact(byte[] snapshot, byte[][] changes) => DocumentCompactor.Compact(snapshot, Concatenate(changes), DocumentLimits.Default);

    private static byte[] Concatenate(byte[][] changes)
    {
        using MemoryStream all = new();
        foreach (byte[] change in changes) all.Write(change);
        return all.ToArray();
    }

    private static string Refusal(byte[] snapshot, byte[][] changes) => Assert.Throws<AutomergeFormatException>(() => Compact(snapshot, changes)).Message;
}
