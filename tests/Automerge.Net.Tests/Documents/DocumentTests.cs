using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Values;

namespace Automerge.Tests.Documents;

public class DocumentTests
{
    private static readonly ActorId Alice = RandomEditor.ActorOf(1);
    private static readonly ActorId Bob = RandomEditor.ActorOf(2);

    [Fact]
    public void Empty_document_saves_and_loads()
    {
        Document document = new(Alice);
        Assert.Equal("856f4a83b81a95440004000000" + "00", Convert.ToHexStringLower(document.Save()));
        Assert.Empty(Document.Load(document.Save(), Alice).Heads);
        Assert.Empty(Document.Load([], Alice).Heads);
        Assert.Empty(document.SaveIncremental());
        Assert.Null(document.Begin().Commit());
    }

    [Fact]
    public void Changes_that_wait_are_bounded_not_those_that_come()
    {
        Document writer = new(Alice);
        for (int i = 0; i < 12; i++)
        {
            using Transaction t = writer.Begin();
            t.Put(ObjectId.Root, "k", i);
            t.Commit();
        }

        IReadOnlyList<ReadOnlyMemory<byte>> changes = writer.Changes();
        Document reader = new(Bob, new DocumentOptions { QueuedChangesMax = 3 });
        Assert.Equal(new AppliedChanges(12, 0, null), reader.ApplyChanges(changes));

        Document waiting = new(Bob, new DocumentOptions { QueuedChangesMax = 3 });
        Assert.Equal(new AppliedChanges(0, 3, null), waiting.ApplyChanges(changes.Skip(1).Take(3)));
        Assert.Contains("too many changes wait", Assert.Throws<AutomergeFormatException>(() => waiting.ApplyChanges(changes.Skip(5))).Message, StringComparison.Ordinal);
        Assert.Equal(new AppliedChanges(4, 0, null), waiting.ApplyChanges(changes.Take(1)));
    }

    [Fact]
    public void Errors_name_object_place_and_cause_and_change_nothing()
    {
        Document document = RandomEditor.Begun();
        byte[] before = document.Save();
        using Transaction t = document.Begin();
        ObjectId text = RandomEditor.TextOf(t.View), list = t.View.Get(ObjectId.Root, "l")!.Value.AsObject(), map = t.View.Get(ObjectId.Root, "m")!.Value.AsObject();
        ObjectId missing = new(new OpId(99, Alice));
        int length = t.View.Length(text);
        (DocumentError Error, Action Call, string Names)[] calls =
        [
            (DocumentError.NoSuchObject, () => t.Put(missing, "k", 1), missing.ToString()),
            (DocumentError.NoSuchObject, () => t.SpliceText(new ObjectId(new OpId(1, Bob)), 0, 0, "x"), $"1@{Bob}"),
            (DocumentError.WrongObjectKind, () => t.Put(list, "k", 1), list.ToString()),
            (DocumentError.WrongObjectKind, () => t.Put(map, 0, 1), map.ToString()),
            (DocumentError.WrongObjectKind, () => t.Insert(ObjectId.Root, 0, 1), "_root"),
            (DocumentError.WrongObjectKind, () => t.SpliceText(list, 0, 0, "x"), list.ToString()),
            (DocumentError.WrongObjectKind, () => t.Splice(text, 0, 0, 1), text.ToString()),
            (DocumentError.WrongObjectKind, () => t.PutObject(text, 0, ObjectKind.Map), text.ToString()),
            (DocumentError.WrongObjectKind, () => t.PutObject(ObjectId.Root, "t", ObjectKind.Table), "table"),
            (DocumentError.WrongObjectKind, () => t.Mark(list, new Mark(0, 0, "b", true)), list.ToString()),
            (DocumentError.IndexOutOfRange, () => t.Put(list, 0, 1), "index 0"),
            (DocumentError.IndexOutOfRange, () => t.Delete(list, 0), "length is 0"),
            (DocumentError.IndexOutOfRange, () => t.Insert(list, 1, 1), "index 1"),
            (DocumentError.IndexOutOfRange, () => t.Insert(list, -1, 1), "index -1"),
            (DocumentError.IndexOutOfRange, () => t.SpliceText(text, length + 1, 0, "x"), $"index {length + 1}"),
            (DocumentError.IndexOutOfRange, () => t.SpliceText(text, 1, length, "x"), $"length is {length}"),
            (DocumentError.IndexOutOfRange, () => t.DeleteRange(text, 0, -1), text.ToString()),
            (DocumentError.IndexOutOfRange, () => t.Delete(text, length), $"length is {length}"),
            (DocumentError.IndexOutOfRange, () => t.Mark(text, new Mark(0, length + 1, "b", true)), $"index {length + 1}"),
            (DocumentError.IndexOutOfRange, () => t.Mark(text, new Mark(2, 1, "b", true)), "index 1"),
            (DocumentError.WrongValue, () => t.Increment(ObjectId.Root, "t", 1), "'t'"),
            (DocumentError.WrongValue, () => t.Increment(map, "none", 1), "'none'"),
            (DocumentError.WrongValue, () => t.Put(map, "k", Value.Object(text, ObjectKind.Text)), text.ToString()),
            (DocumentError.WrongValue, () => t.Mark(text, new Mark(0, 1, "b", Value.Object(text, ObjectKind.Text))), text.ToString()),
            (DocumentError.WrongValue, () => t.JoinBlock(text, 0), "index 0"),
            (DocumentError.WrongState, () => document.Begin(), "transaction"),
            (DocumentError.WrongState, () => document.Save(), "transaction"),
            (DocumentError.WrongState, () => document.ApplyChanges(ReadOnlySpan<byte>.Empty), "transaction"),
            (DocumentError.NoSuchChange, () => document.ViewAt([default]), new string('0', 64)),
        ];
        foreach ((DocumentError error, Action call, string names) in calls)
        {
            DocumentException thrown = Assert.Throws<DocumentException>(call);
            Assert.Equal(error, thrown.Error);
            Assert.Contains(names, thrown.Message, StringComparison.Ordinal);
            Assert.Equal(0, t.OperationCount);
        }

        Assert.Null(t.Commit());
        Assert.Equal(before, document.Save());
        Assert.Equal(DocumentError.WrongState, Assert.Throws<DocumentException>(() => t.Put(map, "k", 1)).Error);
        Assert.Equal(DocumentError.WrongState, Assert.Throws<DocumentException>(() => t.Commit()).Error);
    }

    [Fact]
    public void Objects_that_came_later_are_not_there_in_an_edit_beside()
    {
        Document document = RandomEditor.Begun();
        ChangeHash[] old = [.. document.Heads];
        ObjectId later;
        using (Transaction t = document.Begin())
        {
            later = t.PutObject(ObjectId.Root, "later", ObjectKind.Map);
            t.Commit();
        }

        using Transaction beside = document.BeginAt(old);
        Assert.Equal(DocumentError.NoSuchObject, Assert.Throws<DocumentException>(() => beside.Put(later, "k", 1)).Error);
        Assert.Null(beside.View.Get(ObjectId.Root, "later"));
    }

    // 3.5.0 names the mark here, which the change does not depend on: a replica that has what it depends on could not take it in, and rule 4 refuses it.
    [Fact]
    public void Marks_that_came_later_are_not_named_by_an_edit_beside()
    {
        Document document = RandomEditor.Begun();
        ChangeHash[] old = [.. document.Heads];
        Document other = document.Fork(Bob);
        ObjectId text = RandomEditor.TextOf(document.View);
        using (Transaction t = document.Begin())
        {
            t.Mark(text, new Mark(0, 3, "b", true), MarkExpand.None);
            t.Commit();
        }

        using (Transaction beside = document.BeginAt(old))
        {
            beside.SpliceText(text, 3, 0, "!");
            Assert.NotNull(beside.Commit());
        }

        AppliedChanges applied = other.ApplyChanges(document.Changes()[^1].Span);
        Assert.Equal(new AppliedChanges(1, 0, null), applied);
        Assert.StartsWith("The!", other.View.Text(text), StringComparison.Ordinal);
        other.Merge(document);
        Assert.Equal(document.View.Text(text), other.View.Text(text));
    }

    [Fact]
    public void Changes_wait_for_what_they_depend_on_and_are_saved_so()
    {
        Document source = RandomEditor.Begun();
        for (int i = 0; i < 3; i++) Put(source, i);
        ReadOnlyMemory<byte>[] changes = [.. source.Changes()];
        Document late = new(Bob);
        Assert.Equal(new AppliedChanges(1, 0, null), late.ApplyChanges(changes[0].Span));
        Assert.Equal(new AppliedChanges(0, 1, null), late.ApplyChanges(changes[3].Span));
        Assert.Equal(new AppliedChanges(0, 2, null), late.ApplyChanges(changes[2].Span));
        Assert.Equal([source.History.ElementAt(1).Hash], late.MissingDeps());
        Assert.Equal([source.History.ElementAt(1).Hash], late.MissingDeps([.. source.Heads]));

        Document reloaded = Document.Load(late.Save(), Bob);
        Assert.Equal(2, reloaded.QueuedCount);
        Assert.Equal(new AppliedChanges(3, 0, null), reloaded.ApplyChanges(changes[1].Span));
        Assert.Equal(source.Heads, reloaded.Heads);
        Assert.Empty(reloaded.MissingDeps());
        Assert.Throws<AutomergeFormatException>(() => Document.Load(changes[2].Span, Bob));
    }

    [Fact]
    public void Damage_ends_what_is_loaded_incrementally_and_refuses_what_is_loaded()
    {
        Document source = RandomEditor.Begun();
        byte[] save = source.Save();
        Put(source, 1);
        Put(source, 2);
        byte[] whole = [.. save, .. source.SaveIncremental()];
        for (int cut = 1; cut < whole.Length; cut++)
        {
            byte[] damaged = whole[..cut];
            Document document = new(Bob);
            AppliedChanges applied = document.LoadIncremental(damaged);
            int expected = cut < save.Length ? 0 : cut < save.Length + source.Changes()[1].Length ? 1 : 2;
            Assert.Equal(expected, applied.Added);
            bool between = cut == save.Length || cut == save.Length + source.Changes()[1].Length;
            Assert.Equal(between, applied.Refused is null);
            if (!between) Assert.Throws<AutomergeFormatException>(() => Document.Load(damaged, Bob));
        }
    }

    [Fact]
    public void Refused_change_is_named_and_those_that_depend_on_it_go_too()
    {
        Document source = RandomEditor.Begun(), other = source.Fork(Alice);
        Put(source, 1);
        Put(source, 2);
        Put(other, 3);     // the same actor and number, another change
        Document document = Document.Load(source.Save(), Bob);
        AutomergeFormatException refused = Assert.Throws<AutomergeFormatException>(() => document.ApplyChanges([other.Changes()[^1]]));
        Assert.Contains(other.Heads[0].ToString(), refused.Message, StringComparison.Ordinal);
        Put(other, 4);
        Assert.Throws<AutomergeFormatException>(() => document.Merge(other));
        Assert.Equal(source.Heads, document.Heads);
        Assert.Equal(0, document.QueuedCount);
    }

    [Fact]
    public void Changes_are_made_again_when_their_bytes_are_gone()
    {
        Document document = RandomEditor.Begun();
        for (int i = 0; i < 20; i++) Put(document, i);
        byte[][] changes = [.. document.Changes().Select(change => change.ToArray())];
        Document loaded = Document.Load(document.Save(), Bob, new DocumentOptions { KeptChangeBytes = 0 });
        Put(loaded, 99);
        Assert.Equal(changes, loaded.Changes().SkipLast(1).Select(change => change.ToArray()));
        loaded.Save();
        Assert.Equal(changes[7], loaded.ChangeByHash(document.History.ElementAt(7).Hash).ToArray());
        Assert.Equal(changes[18..].SelectMany(change => change), loaded.SaveSince([document.History.ElementAt(17).Hash]).SkipLast(loaded.Changes()[^1].Length));
        Assert.True(loaded.ChangeByHash(default).IsEmpty);
    }

    [Fact]
    public void Thousands_of_increments_stay_cheap_and_add_up()
    {
        Document document = new(Alice);
        using Transaction t = document.Begin();
        t.Put(ObjectId.Root, "c", Value.Counter(0));
        for (int i = 0; i < 20_000; i++) t.Increment(ObjectId.Root, "c", 1);
        Assert.Equal(Value.Counter(20_000), t.View.Get(ObjectId.Root, "c"));
        t.Commit();
        Assert.Equal(Value.Counter(20_000), Document.Load(document.Save(), Bob).View.Get(ObjectId.Root, "c"));
    }

    // A lesser id arrives behind the winner's back, others replace it, and edits are taken back: the winner is looked for again.
    [Fact]
    public void Winner_is_the_greatest_whatever_came_when()
    {
        Document a = RandomEditor.Begun(), b = a.Fork(Bob), c = a.Fork(RandomEditor.ActorOf(3));
        Put(a, 1);
        Put(b, 2);
        Put(c, 3);
        c.Merge(a);
        c.Merge(b);
        Assert.Equal(3, c.View.Get(ObjectId.Root, "k")!.Value.AsInt64());
        using (Transaction t = c.Begin())
        {
            t.Put(ObjectId.Root, "k", 4);
            t.Rollback();
        }

        Assert.Equal(3, c.View.Get(ObjectId.Root, "k")!.Value.AsInt64());
        Assert.Equal(3, c.View.GetAll(ObjectId.Root, "k").Count);
        Put(b, 9);
        c.Merge(b);
        Assert.Equal(9, c.View.Get(ObjectId.Root, "k")!.Value.AsInt64());
    }

    [Fact]
    public void History_tells_who_when_and_why()
    {
        Document document = new(Alice);
        document.CommitEmpty(new CommitOptions(1, "nothing"));
        using (Transaction t = document.Begin(new CommitOptions(2)))
        {
            t.Splice(t.PutObject(ObjectId.Root, "l", ObjectKind.List), 0, 0, 1, 2, 3);
            t.Message = "three";
            t.Commit();
        }

        ChangeInfo[] history = [.. document.History];
        Assert.Equal([(1u, 1u, 0u, 1L, "nothing"), (2u, 1u, 4u, 2L, "three")], history.Select(info => (info.Seq, info.StartOp, info.OperationCount, info.Time, info.Message!)));
        Assert.Equal([history[0].Hash], history[1].Deps);
        Assert.Equal(history[1], document.Info(history[1].Hash)! with { Deps = history[1].Deps });
    }

    [Fact]
    public void Json_numbers_and_strings_become_what_they_are()
    {
        Document document = new(Alice);
        using Transaction t = document.Begin();
        using JsonDocument json = JsonDocument.Parse("""{"i": -1, "whole": 3.0, "u": 18446744073709551615, "f": 1.5, "big": 1e300, "s": "x", "twice": 1, "twice": 2, "n": null}""");
        ObjectId made = t.PutJson(ObjectId.Root, "j", json.RootElement, JsonStrings.Scalar)!.Value;
        Value? Get(string key) => t.View.Get(made, key);
        Assert.Equal([-1.0, 3, ulong.MaxValue, 1.5, 1e300, "x", 2, Value.Null], ((string[])["i", "whole", "u", "f", "big", "s", "twice", "n"]).Select(key => Get(key)!.Value));
        Assert.Null(t.PutJson(ObjectId.Root, "n", json.RootElement.GetProperty("i")));
        ObjectId text = t.PutJson(ObjectId.Root, "t", json.RootElement.GetProperty("s"))!.Value;
        Assert.Equal("x", t.View.Text(text));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Updated_texts_say_what_they_should(int seed)
    {
        Random random = new(seed);
        Document document = new(Alice);
        using Transaction t = document.Begin();
        ObjectId text = t.PutObject(ObjectId.Root, "t", ObjectKind.Text);
        string[] words = ["one ", "two ", "😀", "e\u0301", "x", "\r\n", "longer words ", "👨‍👩‍👧"];
        for (int i = 0; i < 60; i++)
        {
            string wanted = string.Concat(Enumerable.Range(0, random.Next(i % 20 == 0 ? 2500 : 40)).Select(_ => words[random.Next(words.Length)]));
            t.UpdateText(text, wanted);
            Assert.Equal(wanted, t.View.Text(text));
        }
    }

    private static void Put(Document document, int value)
    {
        using Transaction t = document.Begin();
        t.Put(ObjectId.Root, "k", value);
        Assert.NotNull(t.Commit());
    }
}
