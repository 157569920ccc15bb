using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Patches;
using Automerge.Tests.Changes;
using Automerge.Values;

namespace Automerge.Tests.Patches;

/// <summary>What a document tells of its own commits, of others' changes, and of loads.</summary>
public class PatchTests
{
    private static readonly ActorId Alice = new([0xAA]);
    private static readonly ActorId Bob = new([0xBB]);

    [Fact]
    public void A_typed_word_is_one_splice()
    {
        (Document document, ObjectId text) = WithText("Hello world");
        string[] patches = Patches(document, edit =>
        {
            int at = 5;
            foreach (char c in ", dear") edit.SpliceText(text, at++, 0, c.ToString());
        });
        Assert.Equal(["/t 5 splice ', dear'"], patches);
    }

    [Fact]
    public void Deleting_backwards_is_one_delete()
    {
        (Document document, ObjectId text) = WithText("Hello world");
        Assert.Equal(["/t 5 delete 6"], Patches(document, edit =>
        {
            for (int i = 10; i >= 5; i--) edit.SpliceText(text, i, 1, "");
        }));
    }

    [Fact]
    public void What_is_put_and_taken_away_again_is_not_told()
    {
        (Document document, ObjectId text) = WithText("Hello");
        Assert.Empty(Patches(document, edit =>
        {
            edit.SpliceText(text, 2, 0, "xyz");
            edit.Put(ObjectId.Root, "k", 1);
        }, edit =>
        {
            edit.SpliceText(text, 2, 3, "");
            edit.Delete(ObjectId.Root, "k");
        }));
        document.CollectPatches();
        using (Transaction edit = document.Begin()) edit.SpliceText(text, 0, 1, "J");
        Assert.Empty(document.TakePatches());
    }

    [Fact]
    public void Surrogate_pairs_count_as_the_unit_says()
    {
        (Document document, ObjectId text) = WithText("a😀b😀c");
        document.CollectPatches();
        IReadOnlyList<ChangeHash> before = document.Heads;
        Commit(document, edit => edit.SpliceText(text, 4, 2, "😀😀"));
        Assert.Equal(["/t 3 splice '😀😀'", "/t 5 delete 1"], document.TakePatches(TextUnit.Scalar).Select(Describe));
        Assert.Equal(["/t 4 splice '😀😀'", "/t 8 delete 2"], document.Diff([.. before], [.. document.Heads]).Select(Describe));
    }

    [Fact]
    public void Marks_are_told_over_what_stays_and_with_what_comes()
    {
        (Document document, ObjectId text) = WithText("0123456789");
        Assert.Equal(["/t mark 2-8 bold=true"], Patches(document, edit => edit.Mark(text, new Mark(2, 8, "bold", true), MarkExpand.After)));
        Assert.Equal(["/t 8 splice 'x' bold=true", "/t 0 splice 'y'"], Patches(document, edit => edit.SpliceText(text, 8, 0, "x")).Concat(Patches(document, edit => edit.SpliceText(text, 0, 0, "y"))));
        Assert.Equal(["/t mark 4-6 bold=null"], Patches(document, edit => edit.Unmark(text, 4, 6, "bold", MarkExpand.None)));

        // Over what comes and nothing else: told once.
        Assert.Equal(["/t 12 splice 'new' link=\"u\""], Patches(document, edit =>
        {
            edit.SpliceText(text, 12, 0, "new");
            edit.Mark(text, new Mark(12, 15, "link", "u"), MarkExpand.None);
        }));
    }

    [Fact]
    public void New_objects_come_empty_and_are_filled()
    {
        Document document = new(Alice);
        Assert.Equal(["/ list put list 1@aa", "/list 0 insert signed 1, map 3@aa, null", "/list/1 k put counter 5"], Patches(document, edit =>
        {
            ObjectId list = edit.PutObject(ObjectId.Root, "list", ObjectKind.List);
            edit.Insert(list, 0, 1);
            ObjectId map = edit.InsertObject(list, 1, ObjectKind.Map);
            edit.Put(map, "k", Value.Counter(5));
            edit.Insert(list, 2, Value.Null);
        }));
    }

    [Fact]
    public void An_object_that_shows_again_is_told_whole()
    {
        Document alice = new(Alice);
        Commit(alice, edit => edit.Put(edit.PutObject(ObjectId.Root, "k", ObjectKind.Map), "in", 1));
        Document bob = alice.Fork(Bob);
        Commit(alice, edit => edit.Put(ObjectId.Root, "k", "alice"));
        Commit(bob, edit => edit.Put(edit.View.Get(ObjectId.Root, "k")!.Value.AsObject(), "in", 2));
        IReadOnlyList<ChangeHash> replaced = alice.Heads;
        alice.Merge(bob);
        Assert.Equal(["/ k put map 1@aa", "/k in put signed 2"], alice.Diff([.. replaced], [.. bob.Heads]).Select(Describe));
    }

    [Fact]
    public void What_happens_in_objects_that_do_not_show_is_not_told()
    {
        Document alice = new(Alice);
        ObjectId map = default;
        Commit(alice, edit => map = edit.PutObject(ObjectId.Root, "k", ObjectKind.Map));
        Document bob = alice.Fork(Bob);
        Commit(alice, edit => edit.Delete(ObjectId.Root, "k"));
        Commit(bob, edit => edit.Put(map, "in", 2));
        alice.CollectPatches();
        alice.Merge(bob);
        Assert.Empty(alice.TakePatches());
    }

    [Fact]
    public void Counters_and_conflicts_of_others_are_told()
    {
        Document alice = new(Alice);
        Commit(alice, edit => edit.Put(ObjectId.Root, "n", Value.Counter(1)));
        Document bob = alice.Fork(Bob);
        Commit(bob, edit =>
        {
            edit.Increment(ObjectId.Root, "n", 5);
            edit.Put(ObjectId.Root, "c", 1);
        });
        Commit(alice, edit =>
        {
            edit.Put(ObjectId.Root, "y", 2);
            edit.Put(ObjectId.Root, "z", 2);
            edit.Put(ObjectId.Root, "c", 2);
        });
        alice.CollectPatches();
        alice.Merge(bob);
        Assert.Equal(["/ c conflict True", "/ n increment 5"], alice.TakePatches().Select(Describe));
        Commit(alice, edit => edit.Put(ObjectId.Root, "c", 3));
        Assert.Equal(["/ c put signed 3"], alice.TakePatches().Select(Describe));
        Assert.Empty(alice.TakePatches());
    }

    // No client writes them, but a change may: such an element is as wide as nothing, so there is no index to tell a conflict at.
    [Fact]
    public void Conflicts_of_empty_strings_in_a_text_are_not_told()
    {
        (Document honest, _) = WithText("x");
        ChangeOp empty = new() { Object = new OpId(1, Alice), Key = OpKey.ListElement(new OpId(2, Alice)), Action = OpAction.Set, Value = TestChanges.Text(""), Predecessors = [new OpId(2, Alice)] };
        byte[] Emptied(ActorId actor, uint seq) => new Change { Actor = actor, Seq = seq, StartOp = 3, Deps = [.. honest.Heads], Operations = [empty] }.Encode(out _);
        byte[] alices = Emptied(Alice, 2), bobs = Emptied(Bob, 1);

        Document both = Document.Load(honest.Save(), new ActorId([0xCC]));
        both.CollectPatches();
        both.ApplyChanges([.. alices, .. bobs]);
        Assert.Equal(["/t 0 delete 1"], both.TakePatches().Select(Describe));

        Document winnerFirst = Document.Load(honest.Save(), new ActorId([0xCC]));
        winnerFirst.ApplyChanges(bobs);
        winnerFirst.CollectPatches();
        winnerFirst.ApplyChanges(alices);
        Assert.Empty(winnerFirst.TakePatches());
    }

    [Fact]
    public void A_load_into_an_empty_document_is_told()
    {
        (Document saved, _) = WithText("Hello");
        Document document = new(Bob);
        document.CollectPatches();
        document.LoadIncremental(saved.Save());
        Assert.Equal(["/ t put text 1@aa", "/t 0 splice 'Hello'"], document.TakePatches().Select(Describe));
        Assert.Equal(DocumentError.WrongState, Assert.Throws<DocumentException>(() => saved.TakePatches()).Error);
    }

    [Fact]
    public void When_too_much_was_touched_the_document_is_compared()
    {
        (Document document, ObjectId text) = WithText(new string('a', 100));
        CausalPast before = CausalPast.Fixed(document.Graph, document.Graph.Heads, document.Ops.Actors);
        Commit(document, edit => edit.SpliceText(text, 50, 1, "b"));
        PatchLog log = new(before);
        for (uint i = 0; !log.IsOverrun; i++) log.Note(document.Ops.Root, (int)i);
        Assert.Empty(log.Touched);
        Assert.Equal(["/t 50 splice 'b'", "/t 51 delete 1"], log.Patches(document.Ops, TextUnit.Utf16).Select(Describe));
    }

    [Fact]
    public void Deep_documents_cost_no_stack()
    {
        Document document = new(Alice);
        document.CollectPatches();
        ObjectId innermost = ObjectId.Root;
        Commit(document, edit =>
        {
            for (int i = 0; i < 50_000; i++) innermost = edit.PutObject(innermost, "k", ObjectKind.Map);
        });
        Assert.Equal(50_000, document.TakePatches().Count);
        Commit(document, edit => edit.Put(innermost, "k", 1));
        Patch patch = Assert.Single(document.TakePatches());
        Assert.Equal(50_000, patch.Path.Count);
        Assert.Equal("k", patch.Path[49_999].Key);
    }

    private static (Document Document, ObjectId Text) WithText(string content)
    {
        Document document = new(Alice);
        ObjectId text = default;
        Commit(document, edit =>
        {
            text = edit.PutObject(ObjectId.Root, "t", ObjectKind.Text);
            edit.SpliceText(text, 0, 0, content);
        });
        return (document, text);
    }

    private static string[] Patches(Document document, params Action<Transaction>[] commits)
    {
        document.CollectPatches();
        foreach (Action<Transaction> commit in commits) Commit(document, commit);
        return [.. document.TakePatches().Select(Describe)];
    }

    private static void Commit(Document document, Action<Transaction> edits)
    {
        using Transaction transaction = document.Begin();
        edits(transaction);
        transaction.Commit();
    }

    private static string Describe(Patch patch) => $"{patch.Path} " + patch switch
    {
        PutPatch put => $"{put.Prop} put {put.Value}{(put.Conflict ? " in conflict" : "")}",
        InsertPatch insert => $"{insert.Index} insert {string.Join(", ", insert.Values)}",
        SplicePatch splice => $"{splice.Index} splice '{splice.Text}'{string.Concat(splice.Marks.Select(mark => $" {mark.Key}={mark.Value}"))}",
        DeletePatch delete => $"{delete.Prop} delete {delete.Length}",
        IncrementPatch increment => $"{increment.Prop} increment {increment.By}",
        ConflictPatch conflict => $"{conflict.Prop} conflict {conflict.Conflict}",
        MarkPatch marks => $"mark {string.Join(", ", marks.Marks.Select(mark => $"{mark.Start}-{mark.End} {mark.Name}={mark.Value}"))}",
        _ => throw new InvalidOperationException(patch.ToString()),
    };
}
