using System.Buffers;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Patches;
using Automerge.Values;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Endpoints;

namespace Ratatoskr.Http.Tests.Documents;

/// <summary>Every kind of patch, as @automerge/automerge 3.5.0 has it.</summary>
public sealed class PatchWriterTests
{
    [Fact]
    public void Values_are_written_as_exports_write_them()
    {
        string patches = Patches(edit =>
        {
            edit.Put(ObjectId.Root, "a", Value.Null);
            edit.Put(ObjectId.Root, "b", true);
            edit.Put(ObjectId.Root, "c", Value.Unsigned(ulong.MaxValue));
            edit.Put(ObjectId.Root, "d", -1);
            edit.Put(ObjectId.Root, "e", 1.5);
            edit.Put(ObjectId.Root, "f", double.NaN);
            edit.Put(ObjectId.Root, "g", "string");
            edit.Put(ObjectId.Root, "h", Value.Bytes([1, 2, 3]));
            edit.Put(ObjectId.Root, "i", Value.Timestamp(0));
            edit.Put(ObjectId.Root, "j", Value.Counter(7));
            edit.PutObject(ObjectId.Root, "k", ObjectKind.Map);
            edit.PutObject(ObjectId.Root, "l", ObjectKind.List);
            edit.PutObject(ObjectId.Root, "m", ObjectKind.Text);
        });
        string[] values = ["null", "true", "18446744073709551615", "-1", "1.5", "null", "\"string\"", "\"AQID\"", "\"1970-01-01T00:00:00.000Z\"", "7", "{}", "[]", "\"\""];
        Assert.Equal($"[{string.Join(',', values.Select((value, i) => $$"""{"action":"put","path":["{{(char)('a' + i)}}"],"value":{{value}}}"""))}]", patches);
    }

    [Fact]
    public void Steps_of_all_kinds_have_javascripts_names()
    {
        Document document = new(ActorId.Parse("aa"));
        ObjectId list, text;
        using (Transaction edit = document.Begin())
        {
            list = edit.PutObject(ObjectId.Root, "list", ObjectKind.List);
            for (int i = 0; i < 4; i++) edit.Insert(list, i, i);
            text = edit.PutObject(ObjectId.Root, "text", ObjectKind.Text);
            edit.SpliceText(text, 0, 0, "Hello world");
            edit.Mark(text, new Mark(0, 5, "bold", true), MarkExpand.None);
            edit.Put(ObjectId.Root, "counter", Value.Counter(1));
            edit.Commit();
        }

        document.CollectPatches();
        using (Transaction edit = document.Begin())
        {
            edit.Increment(ObjectId.Root, "counter", 2);
            edit.DeleteRange(list, 1, 2);
            edit.Delete(list, 0);
            edit.Insert(list, 1, "new");
            edit.Mark(text, new Mark(6, 11, "link", "x"), MarkExpand.None);
            edit.Unmark(text, 0, 5, "bold", MarkExpand.None);
            edit.Commit();
        }

        string[] patches = Write(document.TakePatches());
        Assert.Contains("""{"action":"inc","path":["counter"],"value":2}""", patches);
        Assert.Contains("""{"action":"del","path":["list",0],"length":3}""", patches);
        Assert.Contains("""{"action":"insert","path":["list",1],"values":["new"]}""", patches);
        Assert.Contains("""{"action":"mark","path":["text"],"marks":[{"name":"link","value":"x","start":6,"end":11}]}""", patches);
        Assert.Contains("""{"action":"unmark","path":["text"],"name":"bold","start":0,"end":5}""", patches);
    }

    [Fact]
    public void Marked_text_and_conflicts_are_told()
    {
        Document one = new(ActorId.Parse("aa"));
        using (Transaction edit = one.Begin())
        {
            ObjectId text = edit.PutObject(ObjectId.Root, "text", ObjectKind.Text);
            edit.SpliceText(text, 0, 0, "bold");
            edit.Mark(text, new Mark(0, 4, "bold", true), MarkExpand.After);
            edit.Commit();
        }

        Document other = one.Fork(ActorId.Parse("bb"));
        using (Transaction edit = one.Begin())
        {
            edit.Put(ObjectId.Root, "key", 1);
            edit.Commit();
        }

        using (Transaction edit = other.Begin())
        {
            edit.Put(ObjectId.Root, "key", 2);
            edit.SpliceText(edit.View.Get(ObjectId.Root, "text")!.Value.AsObject(), 4, 0, "er");
            edit.Commit();
        }

        one.CollectPatches();
        one.Merge(other);
        string[] patches = Write(one.TakePatches());
        Assert.Contains("""{"action":"put","path":["key"],"value":2,"conflict":true}""", patches);
        Assert.Contains("""{"action":"splice","path":["text",4],"value":"er","marks":{"bold":true}}""", patches);
        other.CollectPatches();
        other.Merge(one);
        Assert.Equal(["""{"action":"conflict","path":["key"]}"""], Write(other.TakePatches()));
    }

    private static string Patches(Action<Transaction> change)
    {
        Document document = new(ActorId.Parse("aa"));
        document.CollectPatches();
        using (Transaction edit = document.Begin())
        {
            change(edit);
            edit.Commit();
        }

        return $"[{string.Join(',', Write(document.TakePatches()))}]";
    }

    // One patch may be several in JavaScript.
    private static string[] Write(IReadOnlyList<Patch> patches)
    {
        ArrayBufferWriter<byte> output = new();
        using (Utf8JsonWriter json = new(output, ApiJson.Plain))
        {
            json.WriteStartArray();
            foreach (Patch patch in patches) PatchWriter.Write(json, patch);
            json.WriteEndArray();
        }

        return [.. JsonDocument.Parse(output.WrittenMemory).RootElement.EnumerateArray().Select(patch => patch.GetRawText())];
    }
}
