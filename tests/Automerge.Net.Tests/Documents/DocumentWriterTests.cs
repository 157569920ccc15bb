using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Tests.Changes;
using FsCheck;
using FsCheck.Fluent;

namespace Automerge.Tests.Documents;

public class DocumentWriterTests
{
    private static readonly Arbitrary<int> Seed = Gen.Choose(0, int.MaxValue).ToArbitrary();

    [Fact]
    public void Write_of_an_empty_document_is_that_of_automerge() =>
        Assert.Equal("856f4a83b81a95440004" + "00000000", Convert.ToHexStringLower(new BuiltDocument().Save()));

    [Fact]
    public void Write_of_a_loaded_save_gives_it_back()
    {
        Prop.ForAll(Seed, seed =>
        {
            byte[] saved = BuiltDocument.Of(RandomDocument.Make(seed, 30)).Save();
            BuiltDocument loaded = BuiltDocument.Load(saved);
            Assert.Equal(saved, loaded.Save());
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Write_keeps_every_change_in_its_place()
    {
        Prop.ForAll(Seed, seed =>
        {
            List<byte[]> changes = RandomDocument.Make(seed, 30);
            RecordingSink sink = new(_ => true, verify: true);
            DocumentReader.Read(BuiltDocument.Of(changes).Save(), DocumentLimits.Default, sink);
            Assert.Equal(changes, sink.Bytes);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Write_leaves_out_actors_of_whom_nothing_was_accepted()
    {
        BuiltDocument document = new();
        document.Apply(new Change { Actor = TestChanges.Bob, Seq = 1, StartOp = 1, Operations = [new ChangeOp { Key = OpKey.Map("a"), Action = OpAction.MakeMap }] }.Encode(out ChangeHash hash));
        byte[] expected = document.Save();

        // Alice sorts before Bob; the operation set has heard of her, the graph has not.
        ChangeOp misplaced = new() { Object = new OpId(1, TestChanges.Bob), Key = OpKey.Head, Insert = true, Action = OpAction.Set };
        byte[] refused = new Change { Deps = [hash], Actor = TestChanges.Alice, Seq = 1, StartOp = 2, Operations = [misplaced] }.Encode(out ChangeHash refusedHash);
        Assert.Equal(ChangeFault.Reference, document.Ops.TryApply(refused, refusedHash, document.Graph).Fault);
        Assert.True(document.Ops.Actors.Find(TestChanges.Alice.Bytes) >= 0);
        Assert.Equal(expected, document.Save());
    }

    [Fact]
    public void Write_of_a_log_of_another_document_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            ChangeLog log = new();
            log.Add(0, default, default);
            DocumentWriter.Write(new ChangeGraph(1), log, new OpSet());
        });
}
