using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Patches;
using Automerge.Sync;
using Automerge.Tests.Vectors;
using Automerge.Values;

namespace Automerge.Tests.Package;

/// <summary>The examples of <c>src/Automerge.Net/README.md</c>: compiled, run, and word for word what stands there.</summary>
public class ReadmeExamples
{
    [Fact]
    public void Examples_are_those_of_the_readme()
    {
        string readme = File.ReadAllText(Path.Combine(VectorFiles.Root, "src", "Automerge.Net", "README.md"));
        string here = File.ReadAllText(Path.Combine(VectorFiles.Root, "tests", "Automerge.Net.Tests", "Package", "ReadmeExamples.cs"));
        List<string> shown = Blocks(readme, "```csharp\n", "```\n", indent: 0);
        List<string> run = Blocks(here, "// README\n", "        // END\n", indent: 8);
        Assert.NotEmpty(shown);
        Assert.Equal(shown, run);
    }

    [Fact]
    public void Edit_and_read()
    {
        // README
        Document list = new(ActorId.Parse("a1a1a1a1"));
        using (Transaction edit = list.Begin(new CommitOptions(Time: 1_700_000_000, Message: "first")))
        {
            edit.Put(ObjectId.Root, "title", "Groceries");
            ObjectId items = edit.PutObject(ObjectId.Root, "items", ObjectKind.List);
            edit.Insert(items, 0, "milk");
            edit.Insert(items, 1, "bread");
            edit.Put(ObjectId.Root, "opened", Value.Counter(0));
            edit.Commit();                       // disposed without it, nothing has happened
        }

        Assert.Equal("Groceries", list.View.Get(ObjectId.Root, "title")?.AsString());
        Assert.Equal("""{"items":["milk","bread"],"opened":0,"title":"Groceries"}""", list.View.ToJson());
        // END
    }

    [Fact]
    public void Merge_and_conflict()
    {
        Document list = new(ActorId.Parse("a1a1a1a1"));
        using (Transaction first = list.Begin())
        {
            first.Put(ObjectId.Root, "title", "Groceries");
            first.Put(ObjectId.Root, "opened", Value.Counter(0));
            first.Commit();
        }

        // README
        Document phone = list.Fork(ActorId.Parse("b2b2b2b2"));
        using (Transaction edit = list.Begin())
        {
            edit.Put(ObjectId.Root, "title", "Weekend");
            edit.Increment(ObjectId.Root, "opened", 1);
            edit.Commit();
        }

        using (Transaction edit = phone.Begin())
        {
            edit.Put(ObjectId.Root, "title", "Party");
            edit.Increment(ObjectId.Root, "opened", 2);
            edit.Commit();
        }

        list.Merge(phone);
        phone.Merge(list);
        Assert.Equal(list.View.ToJson(), phone.View.ToJson());
        Assert.Equal(3, list.View.Get(ObjectId.Root, "opened")?.AsInt64());           // counters add up
        Assert.Equal(2, list.View.GetAll(ObjectId.Root, "title").Count);               // both titles are there; one shows
        // END
    }

    [Fact]
    public void Text_marks_and_cursors()
    {
        // README
        Document note = new(ActorId.Parse("a1a1a1a1"));
        using Transaction edit = note.Begin();
        ObjectId text = edit.PutObject(ObjectId.Root, "text", ObjectKind.Text);
        edit.SpliceText(text, 0, 0, "Hello 🌍!");                                       // indexes are UTF-16 units, as in C# strings
        edit.Mark(text, new Mark(0, 5, "bold", true), MarkExpand.After);
        Cursor end = edit.View.CursorAt(text, 8);                                       // before the exclamation mark
        edit.SpliceText(text, 5, 0, ",");                                               // the mark grows with what is typed at its end
        edit.Commit();

        Assert.Equal("Hello, 🌍!", note.View.Text(text));
        Assert.Equal(new Mark(0, 6, "bold", true), Assert.Single(note.View.Marks(text)));
        Assert.Equal(9, note.View.IndexOf(text, end));
        Assert.Equal(9, note.View.Length(text, TextUnit.Scalar));                      // the globe is one scalar, two units
        // END
    }

    [Fact]
    public void Save_load_and_history()
    {
        Document list = new(ActorId.Parse("a1a1a1a1"));
        using (Transaction first = list.Begin(new CommitOptions(Message: "first")))
        {
            first.Put(ObjectId.Root, "title", "Groceries");
            first.Commit();
        }

        // README
        byte[] saved = list.Save();                                                    // what automerge 3 would write
        IReadOnlyList<ChangeHash> before = list.Heads;
        using (Transaction edit = list.Begin(new CommitOptions(Message: "renamed")))
        {
            edit.Put(ObjectId.Root, "title", "Shopping");
            edit.Commit();
        }

        byte[] since = list.SaveIncremental();                                         // append it to the file
        Document loaded = Document.Load([.. saved, .. since], ActorId.Parse("c3c3c3c3"));
        Assert.Equal("Shopping", loaded.View.Get(ObjectId.Root, "title")?.AsString());
        Assert.Equal("Groceries", loaded.ViewAt([.. before]).Get(ObjectId.Root, "title")?.AsString());
        // END
    }

    [Fact]
    public void What_changed()
    {
        // README
        Document list = new(ActorId.Parse("a1a1a1a1"));
        list.CollectPatches();
        using (Transaction edit = list.Begin())
        {
            ObjectId note = edit.PutObject(ObjectId.Root, "note", ObjectKind.Text);
            edit.SpliceText(note, 0, 0, "Buy milk");
            edit.Commit();
        }

        list.TakePatches();                                                            // what to show so far
        using (Transaction edit = list.Begin())
        {
            edit.SpliceText(edit.View.Get(ObjectId.Root, "note")!.Value.AsObject(), 4, 0, "more ");
            edit.Commit();
        }

        SplicePatch typed = Assert.IsType<SplicePatch>(Assert.Single(list.TakePatches()));
        Assert.Equal(("/note", 4, "more "), (typed.Path.ToString(), typed.Index, typed.Text));
        // END
    }

    [Fact]
    public void Sync()
    {
        // README
        Document here = new(ActorId.Parse("a1a1a1a1")), there = new(ActorId.Parse("b2b2b2b2"));
        using (Transaction edit = here.Begin())
        {
            edit.Put(ObjectId.Root, "title", "Groceries");
            edit.Commit();
        }

        SyncState ofThere = new(), ofHere = new();                                     // one for each document and peer
        while (true)
        {
            byte[]? message = here.GenerateSyncMessage(ofThere);                           // send it over whatever keeps order
            if (message is not null) there.ReceiveSyncMessage(ofHere, message);
            byte[]? answer = there.GenerateSyncMessage(ofHere);
            if (answer is not null) here.ReceiveSyncMessage(ofThere, answer);
            if (message is null && answer is null) break;                                  // both have everything
        }

        Assert.Equal(here.Heads, there.Heads);
        // END
    }

    [Fact]
    public void Json_in()
    {
        // README
        Document list = new(ActorId.Parse("a1a1a1a1"));
        using JsonDocument json = JsonDocument.Parse("""{"people":[{"name":"Ada","born":1815}]}""");
        using (Transaction edit = list.Begin())
        {
            edit.PutJson(ObjectId.Root, "data", json.RootElement);
            edit.Commit();
        }

        Assert.Equal("""{"data":{"people":[{"born":1815,"name":"Ada"}]}}""", list.View.ToJson());
        // END
    }

    private static List<string> Blocks(string text, string begin, string end, int indent)
    {
        List<string> blocks = [];
        for (int at = text.IndexOf(begin, StringComparison.Ordinal); at >= 0; at = text.IndexOf(begin, at, StringComparison.Ordinal))
        {
            at += begin.Length;
            int until = text.IndexOf(end, at, StringComparison.Ordinal);
            if (until < 0) break;
            IEnumerable<string> lines = text[at..until].TrimEnd().Split('\n');
            blocks.Add(string.Join('\n', lines.Select(line => line.Length >= indent ? line[indent..] : line)));
            at = until;
        }

        return blocks;
    }
}
