using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Tests.Changes;
using Automerge.Tests.Fuzzing;
using Automerge.Tests.Vectors;
using Automerge.Values;

namespace Automerge.Tests.Documents;

/// <summary>
/// A document whose operations name what their authors did not have (format §10, rule 4). Automerge 3.5.0 loads it and gives out its changes; a replica that has no more
/// than such a change depends on takes it in and cannot load its own save ("mismatching heads").
/// </summary>
public class DocumentPastTests
{
    private static readonly ActorId Carol = ActorId.Parse("cc".PadRight(32, '0'));

    [Fact]
    public void Load_document_found_by_fuzzing_is_refused() =>
        AssertRefused(File.ReadAllBytes(Path.Combine(VectorFiles.Generated, "fuzz", "documents", "predecessor-outside-its-authors-past.bin")));

    [Fact]
    public void Load_document_whose_author_replaces_what_he_did_not_have_is_refused()
    {
        byte[] alice = Encode(TestChanges.Alice, 1, 1, [], out _, Put("k"));
        byte[] bob = Encode(TestChanges.Bob, 1, 1, [], out _, Put("a"), Put("k"));
        byte[] honest = BuiltDocument.Of([alice, bob]).Save();
        Document.Load(honest, Carol);
        AssertRefused(Altered(honest, rows => rows[1].Successors.Add(rows[2].Id)));
    }

    [Fact]
    public void Load_document_whose_author_edits_an_object_that_he_did_not_have_is_refused()
    {
        byte[] alice = Encode(TestChanges.Alice, 1, 1, [], out _, Make("m", OpAction.MakeMap));
        byte[] bob = Encode(TestChanges.Bob, 1, 1, [], out _, Put("a"), Put("z"));
        AssertRefused(Altered(BuiltDocument.Of([alice, bob]).Save(), rows => rows[2].Object = rows[1].Id));
    }

    [Fact]
    public void Load_document_whose_author_types_behind_what_he_did_not_have_is_refused()
    {
        byte[] make = Encode(TestChanges.Alice, 1, 1, [], out ChangeHash made, Make("t", OpAction.MakeText));
        byte[] alice = Encode(TestChanges.Alice, 2, 2, [made], out _, Insert(OpKey.Head), Insert(OpKey.ListElement(new OpId(2, TestChanges.Alice))));
        byte[] bob = Encode(TestChanges.Bob, 1, 2, [made], out _, Insert(OpKey.Head), Insert(OpKey.ListElement(new OpId(2, TestChanges.Bob))), Insert(OpKey.ListElement(new OpId(3, TestChanges.Bob))));
        byte[] honest = BuiltDocument.Of([make, alice, bob]).Save();
        AssertRefused(Altered(honest, MoveBobsLastBehindAlices));

        // Rows: the text, Bob's three, Alice's two, of which the last is what Bob's last now follows.
        static void MoveBobsLastBehindAlices(List<DocumentRow> rows)
        {
            DocumentRow moved = rows[3];
            rows.RemoveAt(3);
            moved.Element = rows[^1].Id;
            rows.Add(moved);
        }
    }

    // Beside Alice's branch, Carol's keeps the document at two heads: each change of Bob's is then looked up.
    [Fact]
    public void Load_document_with_branches_takes_what_their_authors_had_and_nothing_more()
    {
        byte[] make = Encode(TestChanges.Alice, 1, 1, [], out ChangeHash first, Put("a"), Put("b"));
        byte[] later = Encode(TestChanges.Alice, 2, 3, [first], out _, Put("c"));
        byte[] carol = Encode(Carol, 1, 3, [first], out _, Put("d"));
        byte[] bob1 = Encode(TestChanges.Bob, 1, 3, [first], out ChangeHash second, Put("a", new OpId(1, TestChanges.Alice)));
        byte[] bob2 = Encode(TestChanges.Bob, 2, 4, [second], out ChangeHash third, Put("b", new OpId(2, TestChanges.Alice)));
        byte[] bob3 = Encode(TestChanges.Bob, 3, 5, [third], out _, Put("c"));
        byte[] honest = BuiltDocument.Of([make, later, carol, bob1, bob2, bob3]).Save();
        Assert.Equal(3, Document.Load(honest, Carol).Heads.Count);

        ChangeGraph graph = new(key: 7);
        DocumentReader.ReadGraph(honest, DocumentLimits.Default, graph);
        Assert.Equal(6, graph.Count);
        AssertRefused(Altered(honest, rows => rows.Find(row => row.Key is [(byte)'c'])!.Successors.Add((1, 5))));
    }

    [Fact]
    public void Load_document_whose_author_replaces_what_comes_after_his_change_is_refused()
    {
        byte[] begun = Encode(TestChanges.Alice, 1, 1, [], out ChangeHash first, Put("a"));
        byte[] bob = Encode(TestChanges.Bob, 1, 3, [first], out ChangeHash second, Put("k"));
        byte[] after = Encode(TestChanges.Alice, 2, 4, [second], out _, Put("k"));

        // Counters of Alice's second change begin below Bob's only in what was altered: it is in nobody's past, and last.
        byte[] beside = Encode(TestChanges.Alice, 2, 2, [first], out _, Put("k"));
        Document.Load(BuiltDocument.Of([begun, bob, after]).Save(), Carol);
        AssertRefused(Altered(BuiltDocument.Of([begun, bob, beside]).Save(), rows => rows[1].Successors.Add(rows[2].Id)));
    }

    // Long branches, whose authors name old elements of the other over and over: what was proven once is not searched for again, and holds.
    [Fact]
    public void Long_branches_are_read()
    {
        const int Length = 3000;
        Document alice = new(TestChanges.Alice);
        using (Transaction t = alice.Begin())
        {
            t.SpliceText(t.PutObject(ObjectId.Root, "t", ObjectKind.Text), 0, 0, "0123456789");
            t.Commit();
        }

        Document bob = alice.Fork(TestChanges.Bob);
        for (int i = 0; i < Length; i++)
        {
            Type(alice, 1 + (i % 10));
            Type(bob, 1 + (i * 7 % 10));
        }

        alice.Merge(bob);
        Document loaded = Document.Load(alice.Save(), Carol);
        Assert.Equal((2 * Length) + 1, loaded.ChangeCount);
        Assert.Equal(2, loaded.Heads.Count);
    }

    private static void Type(Document document, int at)
    {
        ObjectId text = document.View.Get(ObjectId.Root, "t")!.Value.AsObject();
        using Transaction transaction = document.Begin();
        transaction.SpliceText(text, at, 0, "x");
        transaction.Commit();
    }

    private static ChangeOp Put(string key, params OpId[] predecessors) => new() { Key = OpKey.Map(key), Action = OpAction.Set, Value = TestChanges.Text("x"), Predecessors = predecessors };

    private static ChangeOp Make(string key, OpAction kind) => new() { Key = OpKey.Map(key), Action = kind };

    private static ChangeOp Insert(OpKey after) => new() { Object = new OpId(1, TestChanges.Alice), Key = after, Insert = true, Action = OpAction.Set, Value = TestChanges.Text("x") };

    private static byte[] Encode(ActorId actor, uint seq, uint startOp, ChangeHash[] deps, out ChangeHash hash, params ChangeOp[] operations) =>
        new Change { Actor = actor, Seq = seq, StartOp = startOp, Deps = deps, Operations = operations }.Encode(out hash);

    private static byte[] Altered(byte[] honest, Action<List<DocumentRow>> alter)
    {
        DocumentParts parts = DocumentParts.Parse(honest);
        List<DocumentRow> rows = DocumentRows.Read(parts.OpColumns);
        alter(rows);
        parts.OpColumns = DocumentRows.Write(rows);
        parts.RepairHeads(DocumentLimits.Default);
        return parts.Write();
    }

    // By whoever loads it, and by a server, which makes no operations of it; with the heads it should have it is sound but for this.
    private static void AssertRefused(byte[] document)
    {
        DocumentReader.Read(document, DocumentLimits.Default, new RecordingSink());
        AutomergeFormatException refused = Assert.Throws<AutomergeFormatException>(() => Document.Load(document, Carol));
        Assert.Contains("not in its author's past", refused.Message, StringComparison.Ordinal);
        refused = Assert.Throws<AutomergeFormatException>(() => DocumentReader.ReadGraph(document, DocumentLimits.Default, new ChangeGraph(key: 7)));
        Assert.Contains("not in its author's past", refused.Message, StringComparison.Ordinal);
        Assert.Contains("not in its author's past", new Document(Carol).LoadIncremental(document).Refused, StringComparison.Ordinal);
    }
}
