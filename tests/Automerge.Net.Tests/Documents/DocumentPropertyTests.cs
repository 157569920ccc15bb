using Automerge.Changes;
using Automerge.Documents;
using Automerge.Sync;
using Automerge.Tests.Operations;
using Automerge.Values;

namespace Automerge.Tests.Documents;

/// <summary>What must hold of any documents, tried on random ones; the seed is the test's argument.</summary>
public class DocumentPropertyTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 25)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Op_set_agrees_with_itself_after_every_step(int seed)
    {
        Random random = new(seed);
        RandomEditor editor = new(random);
        List<Document> documents = [RandomEditor.Begun()];
        for (int step = 0; step < 40; step++)
        {
            Document document = documents[random.Next(documents.Count)];
            if (documents.Count < 4 && random.Next(8) == 0) documents.Add(document.Fork(RandomEditor.ActorOf(documents.Count + 1)));
            else if (random.Next(4) == 0) document.Merge(documents[random.Next(documents.Count)]);
            using Transaction transaction = document.Begin();
            transaction.TextUnit = (TextUnit)random.Next(2);
            editor.Edit(transaction, random.Next(1, 6));
            OpSetElements.Check(document.Ops);
            if (random.Next(5) == 0) transaction.Rollback();
            else transaction.Commit();
            OpSetElements.Check(document.Ops);
        }

        foreach (Document document in documents)
        {
            byte[] save = document.Save();
            Document loaded = Document.Load(save, document.Actor);
            OpSetElements.Check(loaded.Ops);
            Assert.Equal(save, loaded.Save());
            Assert.Equal(document.View.ToJson(), loaded.View.ToJson());
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Rollback_leaves_the_save_as_it_was(int seed)
    {
        (Document document, Document other, _) = Three(seed);
        document.Merge(other);
        Random random = new(seed);
        RandomEditor editor = new(random);
        byte[] before = Whole(document);
        ChangeHash[] old = [.. document.History.Skip(3).Take(1).Select(info => info.Hash)];
        for (int i = 0; i < 6; i++)
        {
            using (Transaction transaction = i % 3 == 2 ? document.BeginAt(old) : document.Begin())
            {
                if (i % 3 != 2) editor.Edit(transaction, 30);
                else transaction.SpliceText(RandomEditor.TextOf(transaction.View), 1, 5, "elsewhere");
            }

            OpSetElements.Check(document.Ops);
            Assert.Equal(before, Whole(document));
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Merge_commutes_associates_and_is_idempotent(int seed)
    {
        (Document a, Document b, Document c) = Three(seed);
        Document ab = a.Fork(a.Actor), ba = b.Fork(b.Actor), abThenC = a.Fork(a.Actor), bcThenA = b.Fork(b.Actor);
        ab.Merge(b);
        ba.Merge(a);
        AssertSame(ab, ba);

        abThenC.Merge(b);
        abThenC.Merge(c);
        bcThenA.Merge(c);
        bcThenA.Merge(a);
        AssertSame(abThenC, bcThenA);

        byte[] before = Whole(abThenC);
        Assert.Equal(0, abThenC.Merge(bcThenA));
        Assert.Equal(0, abThenC.Merge(abThenC.Fork(c.Actor)));
        Assert.Equal(before, Whole(abThenC));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Changes_in_any_order_make_the_same_document(int seed)
    {
        (Document a, Document b, Document c) = Three(seed);
        a.Merge(b);
        a.Merge(c);
        ReadOnlyMemory<byte>[] changes = [.. a.Changes()];
        Random random = new(seed);
        random.Shuffle(changes);
        Document other = new(RandomEditor.ActorOf(9));
        foreach (ReadOnlyMemory<byte> change in changes) other.ApplyChanges(change.Span);
        AssertSame(a, other);
        Assert.Equal(0, other.QueuedCount);
        OpSetElements.Check(other.Ops);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void What_was_saved_piece_by_piece_loads_as_the_whole(int seed)
    {
        Random random = new(seed);
        RandomEditor editor = new(random);
        Document document = RandomEditor.Begun();
        List<byte> pieces = [.. document.Save()];
        for (int i = 0; i < 10; i++)
        {
            using Transaction transaction = document.Begin(new CommitOptions(i, $"edit {i}"));
            editor.Edit(transaction, 5);
            transaction.Commit();
            if (random.Next(3) > 0) pieces.AddRange(document.SaveIncremental());
            else pieces = [.. document.Save()];
        }

        pieces.AddRange(document.SaveIncremental());
        Document loaded = Document.Load(pieces.ToArray(), RandomEditor.ActorOf(2));
        AssertSame(document, loaded);
        Assert.Equal(document.History.Select(info => (info.Hash, info.Message, info.Time)), loaded.History.Select(info => (info.Hash, info.Message, info.Time)));

        Document incremental = new(RandomEditor.ActorOf(3));
        incremental.LoadIncremental(pieces.ToArray());
        incremental.LoadIncremental(pieces.ToArray());
        AssertSame(document, incremental);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Document_at_old_heads_is_its_fork_there(int seed)
    {
        (Document a, Document b, _) = Three(seed);
        a.Merge(b);
        Document reloaded = Document.Load(a.Save(), a.Actor);
        List<(ChangeHash[] Heads, DocumentView View)> views = [];
        Document grown = new(RandomEditor.ActorOf(9));
        foreach (ReadOnlyMemory<byte> change in reloaded.Changes())
        {
            grown.ApplyChanges(change.Span);
            if (grown.ChangeCount % 3 == 0) views.Add(([.. grown.Heads], grown.ViewAt([.. grown.Heads])));
        }

        foreach ((ChangeHash[] heads, DocumentView kept) in views)
        {
            string expected = a.ForkAt(RandomEditor.ActorOf(8), heads).View.ToJson();
            Assert.Equal(expected, a.ViewAt(heads).ToJson());
            Assert.Equal(expected, kept.ToJson());
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Edits_beside_later_ones_are_those_of_a_fork(int seed)
    {
        (Document a, Document b, _) = Three(seed);
        a.Merge(b);
        Random random = new(seed);
        ChangeInfo[] history = [.. a.History];
        ChangeHash[] heads = [history[random.Next(1, history.Length)].Hash];
        Document fork = a.ForkAt(RandomEditor.ActorOf(7), heads);
        a.Actor = RandomEditor.ActorOf(7);
        using Transaction beside = a.BeginAt(heads), inFork = fork.Begin();
        new RandomEditor(new Random(seed)).Edit(beside, 20);
        new RandomEditor(new Random(seed)).Edit(inFork, 20);
        Assert.Equal(inFork.View.ToJson(), beside.View.ToJson());
        Assert.Equal(inFork.View.Text(RandomEditor.TextOf(inFork.View)), beside.View.Text(RandomEditor.TextOf(beside.View)));
        beside.Commit();
        OpSetElements.Check(a.Ops);
        Document other = b.Fork(RandomEditor.ActorOf(6));
        other.Merge(a);
        AssertSame(a, other);
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Text_edits_are_those_of_a_string(int seed)
    {
        Random random = new(seed);
        TextUnit unit = (TextUnit)(seed % 2);
        string[] pieces = ["a", "bcd", "é", "😀", "𝄞𝄞", "long enough to be a run of its own, or nearly", "\n"];
        Document document = new(RandomEditor.ActorOf(1));
        List<string> model = [];      // one string for each scalar
        using Transaction transaction = document.Begin();
        transaction.TextUnit = unit;
        ObjectId text = transaction.PutObject(ObjectId.Root, "t", ObjectKind.Text);
        for (int step = 0; step < 400; step++)
        {
            int at = random.Next(model.Count + 1), count = random.Next(3) == 0 ? random.Next(Math.Min(30, model.Count - at + 1)) : 0;
            string piece = random.Next(4) == 0 ? "" : pieces[random.Next(pieces.Length)];
            transaction.SpliceText(text, Units(model, 0, at, unit), Units(model, at, count, unit), piece);
            model.RemoveRange(at, count);
            model.InsertRange(at, piece.EnumerateRunes().Select(rune => rune.ToString()));
            Assert.Equal(Units(model, 0, model.Count, unit), transaction.View.Length(text, unit));
        }

        Assert.Equal(string.Concat(model), transaction.View.Text(text));
        OpSetElements.Check(document.Ops);
        transaction.Commit();
        Assert.Equal(string.Concat(model), Document.Load(document.Save(), document.Actor).View.Text(text));
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Sync_brings_documents_together(int seed)
    {
        (Document a, Document b, _) = Three(seed);
        Document[] documents = [a, Document.Load(b.Save(), b.Actor)];
        foreach (SyncMode mode in (SyncMode[])[SyncMode.Compatible, SyncMode.Server])
        {
            SyncState[] states = [new SyncState(), new SyncState()];
            for (int turn = 0, silent = 0; silent < 2; turn++)
            {
                Assert.True(turn < 40, "the two do not come to an end");
                byte[]? message = documents[turn % 2].GenerateSyncMessage(states[turn % 2], mode);
                silent = message is null ? silent + 1 : 0;
                if (message is not null) Assert.Null(documents[1 - (turn % 2)].ReceiveSyncMessage(states[1 - (turn % 2)], message, mode).Refused);
            }

            AssertSame(documents[0], documents[1]);
            using Transaction transaction = documents[1].Begin();
            new RandomEditor(new Random(seed)).Edit(transaction, 3);
            transaction.Commit();
        }
    }

    private static int Units(List<string> model, int from, int count, TextUnit unit) => unit == TextUnit.Scalar ? count : model.Skip(from).Take(count).Sum(scalar => scalar.Length);

    // Three documents with a common beginning, which then go their own ways and meet now and then.
    private static (Document A, Document B, Document C) Three(int seed)
    {
        Random random = new(seed);
        RandomEditor editor = new(random);
        Document a = RandomEditor.Begun();
        Document[] documents = [a, a.Fork(RandomEditor.ActorOf(2)), a.Fork(RandomEditor.ActorOf(3))];
        for (int step = 0; step < 20; step++)
        {
            Document document = documents[random.Next(3)];
            if (random.Next(4) == 0) document.Merge(documents[random.Next(3)]);
            using Transaction transaction = document.Begin(new CommitOptions(step));
            editor.Edit(transaction, random.Next(1, 5));
            transaction.Commit();
        }

        return (documents[0], documents[1], documents[2]);
    }

    private static byte[] Whole(Document document) => document.Save();

    private static void AssertSame(Document left, Document right)
    {
        Assert.Equal(left.Heads, right.Heads);
        Assert.Equal(left.View.ToJson(), right.View.ToJson());
        Assert.Equal(left.View.Spans(RandomEditor.TextOf(left.View)), right.View.Spans(RandomEditor.TextOf(right.View)));

        // Rows of changes are in the order in which they came; the operations do not depend on it.
        InflatedDocument.AssertSame(left.Save(), right.Save(), except: [.. InflatedDocument.Parse(left.Save()).Parts.Select(part => part.Name).Where(name => name.StartsWith("change") || name == "head rows")]);
    }
}
