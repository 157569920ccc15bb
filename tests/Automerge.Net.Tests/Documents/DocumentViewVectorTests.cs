using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Format;
using Automerge.Operations;
using Automerge.Tests.Vectors;
using Automerge.Values;

namespace Automerge.Tests.Documents;

/// <summary>Documents of automerge 3.5.0 say what it says they say.</summary>
public class DocumentViewVectorTests
{
    public static TheoryData<string> Views => VectorFiles.Views;

    private static readonly JsonStyle Tagged = new() { Types = JsonTypes.Tagged };

    public static TheoryData<string> Documents => VectorFiles.Documents;

    public static TheoryData<string> ManifestPaths => VectorFiles.ManifestPaths;

    [Theory]
    [MemberData(nameof(Documents))]
    public void ToJson_is_that_of_automerge(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        AssertJson(vector.GetProperty("json"), ViewOf.Changes(ViewOf.ChangesOf(vector)).Now);
        AssertJson(vector.GetProperty("json"), new DocumentView(OpSet.Load(vector.GetProperty("saved").GetBytesFromBase64(), DocumentLimits.Default)));
    }

    [Theory]
    [MemberData(nameof(ManifestPaths))]
    public void ToJson_of_a_real_document_is_that_of_automerge(string path)
    {
        VectorFiles.RequireThirdParty();
        JsonElement manifest = VectorFiles.Manifest(path);
        if (!manifest.TryGetProperty("canonJsonSha256", out JsonElement expected)) return;
        byte[] file = VectorFiles.ReadThirdParty(path);
        if (!ChunkReader.TryRead(file, out Chunk chunk, out _) || chunk.Type != ChunkType.Document || chunk.Length != file.Length) return;
        string json = new DocumentView(OpSet.Load(file, DocumentLimits.Default)).ToJson(Tagged);
        using JsonDocument parsed = JsonDocument.Parse(json);
        byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes(JavaScriptJson.Stringify(parsed.RootElement)));
        Assert.Equal(expected.GetString(), Convert.ToHexStringLower(hash));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void ToJson_at_old_heads_is_that_of_automerge(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file), half = vector.GetProperty("half");
        ViewOf document = ViewOf.Changes(ViewOf.ChangesOf(vector));
        ChangeHash[] heads = [.. half.GetProperty("heads").EnumerateArray().Select(head => ChangeHash.Parse(head.GetString()))];
        AssertJson(half.GetProperty("json"), document.At(heads));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void At_old_heads_everything_reads_as_it_did_then(string file)
    {
        byte[][] changes = ViewOf.ChangesOf(VectorFiles.ReadGenerated(file));
        ViewOf whole = ViewOf.Changes(changes), growing = new();
        List<(DocumentView Kept, string Json)> views = [];
        for (int i = 0; i < changes.Length; i++)
        {
            growing.Apply(changes[i]);
            if (i % Math.Max(1, changes.Length / 8) != 0) continue;
            string expected = growing.Now.ToJson(Tagged);
            Assert.Equal(expected, whole.At(growing.Graph.Heads).ToJson(Tagged));
            views.Add((growing.At(growing.Graph.Heads), expected));
            AssertSame(growing.Now, whole.At(growing.Graph.Heads), growing.Ops);
        }

        foreach ((DocumentView kept, string json) in views) Assert.Equal(json, kept.ToJson(Tagged));
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Index_and_key_lookups_agree_with_json(string file)
    {
        ViewOf document = ViewOf.Changes(ViewOf.ChangesOf(VectorFiles.ReadGenerated(file)));
        AssertSame(document.Now, document.At(document.Graph.Heads), document.Ops);
    }

    [Theory]
    [MemberData(nameof(Documents))]
    public void Spans_and_marks_are_those_of_automerge(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        DocumentView view = ViewOf.Changes(ViewOf.ChangesOf(vector)).Now;
        foreach (JsonElement text in vector.GetProperty("texts").EnumerateArray()) AssertText(text, view);
    }

    [Theory]
    [MemberData(nameof(Views))]
    public void Stages_of_a_history_show_what_automerge_shows(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        ViewOf document = ViewOf.Changes(ViewOf.ChangesOf(vector));
        foreach (JsonElement stage in vector.GetProperty("stages").EnumerateArray())
        {
            DocumentView view = document.At(HeadsOf(stage));
            AssertJson(stage.GetProperty("json"), view);
            foreach (JsonElement text in stage.GetProperty("texts").EnumerateArray()) AssertText(text, view);
        }

        JsonElement last = vector.GetProperty("stages").EnumerateArray().Last();
        foreach (JsonElement text in last.GetProperty("texts").EnumerateArray()) AssertText(text, document.Now);
    }

    [Theory]
    [MemberData(nameof(Views))]
    public void Cursors_are_those_of_automerge_and_stand_where_it_has_them(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        JsonElement[] stages = [.. vector.GetProperty("stages").EnumerateArray()];
        ViewOf document = ViewOf.Changes(ViewOf.ChangesOf(vector));
        foreach (JsonElement made in vector.GetProperty("cursors").EnumerateArray())
        {
            int stage = made.GetProperty("stage").GetInt32();
            DocumentView view = document.At(HeadsOf(stages[stage]));
            CursorMove move = made.GetProperty("move").GetString() == "before" ? CursorMove.Before : CursorMove.After;
            Cursor cursor = view.CursorAt(TextAt(view, made)!.Value, made.GetProperty("index").GetInt32(), move);
            Assert.Equal(made.GetProperty("cursor").GetString(), cursor.ToString());
            foreach (JsonElement position in made.GetProperty("positions").EnumerateArray())
            {
                int? expected = position.ValueKind == JsonValueKind.Null ? null : position.GetInt32();
                view = document.At(HeadsOf(stages[stage++]));
                Assert.Equal(expected, PositionOf(view, TextAt(view, made), cursor));
            }

            // The whole history is the last stage, where finding goes another way.
            Assert.Equal(PositionOf(view, TextAt(view, made), cursor), PositionOf(document.Now, TextAt(document.Now, made), cursor));
        }
    }

    private static void AssertText(JsonElement expected, DocumentView view)
    {
        ObjectId text = TextAt(view, expected)!.Value;
        string context = expected.GetRawText();
        int i = 0, index = 0;
        IReadOnlyList<Span> spans = view.Spans(text);
        foreach (JsonElement span in expected.GetProperty("spans").EnumerateArray())
        {
            Assert.True(i < spans.Count, context);
            Span actual = spans[i++];
            Assert.Equal(index, actual.Start);
            if (span.GetProperty("type").GetString() == "block")
            {
                Assert.True(actual.IsBlock, context);
                using JsonDocument block = JsonDocument.Parse(view.ToJson(actual.Block, Tagged));
                Assert.True(JsonElement.DeepEquals(span.GetProperty("value"), block.RootElement), context);
                index++;
                continue;
            }

            Assert.Equal(span.GetProperty("value").GetString(), actual.Text);
            string?[] marks = span.TryGetProperty("marks", out JsonElement over) ? [.. over.EnumerateObject().Select(mark => $"{mark.Name}={mark.Value}")] : [];
            Assert.Equal(marks, actual.Marks.Select(mark => $"{mark.Key}={Plain(mark.Value)}"));
            for (int at = index; at < index + actual.Text!.Length; at += 5) Assert.Equal(actual.Marks, view.MarksAt(text, at));
            index += actual.Text.Length;
        }

        Assert.Equal(spans.Count, i);
        Assert.Equal(index, view.Length(text));
        Assert.Equal(
            expected.GetProperty("marks").EnumerateArray().Select(mark => $"{mark.GetProperty("start")}-{mark.GetProperty("end")} {mark.GetProperty("name")}={mark.GetProperty("value")}"),
            view.Marks(text).Select(mark => $"{mark.Start}-{mark.End} {mark.Name}={Plain(mark.Value)}"));
    }

    private static ChangeHash[] HeadsOf(JsonElement stage) => [.. stage.GetProperty("heads").EnumerateArray().Select(head => ChangeHash.Parse(head.GetString()))];

    private static ObjectId? TextAt(DocumentView view, JsonElement at)
    {
        ObjectId obj = default;
        foreach (JsonElement step in at.GetProperty("path").EnumerateArray())
        {
            Prop prop = step.ValueKind == JsonValueKind.Number ? step.GetInt32() : step.GetString()!;
            if (view.Get(obj, prop) is not { IsObject: true } value) return null;
            obj = value.AsObject();
        }

        return view.KindOf(obj) == ObjectKind.Text ? obj : null;
    }

    private static int? PositionOf(DocumentView view, ObjectId? text, Cursor cursor)
    {
        if (text is not { } obj) return null;
        try
        {
            return view.IndexOf(obj, cursor);
        }
        catch (DocumentException error) when (error.Error == DocumentError.NoSuchElement)
        {
            return null;
        }
    }

    private static string Plain(Value value) => value.Kind switch
    {
        ValueKind.Boolean => value.AsBoolean().ToString(),
        ValueKind.String => value.AsString(),
        _ => value.AsInt64().ToString(CultureInfo.InvariantCulture),
    };

    // Two views that must say the same of every object, by all ways of asking.
    private static void AssertSame(DocumentView left, DocumentView right, OpSet ops)
    {
        foreach (OpObject of in ops.Objects.Append(ops.Root))
        {
            ObjectId obj = ops.ObjectIdOf(of.Id);
            Assert.Equal(left.KindOf(obj), right.KindOf(obj));
            int length = left.Length(obj);
            Assert.Equal(length, right.Length(obj));
            Assert.Equal(left.Length(obj, TextUnit.Scalar), right.Length(obj, TextUnit.Scalar));
            if (of is MapObject)
            {
                Assert.Equal(length, left.Keys(obj).Count);
                Assert.Equal(left.Keys(obj), right.Keys(obj));
                foreach (string key in left.Keys(obj)) AssertSame(left, right, obj, key);
                continue;
            }

            if (of.IsText) AssertSameText(left, right, obj);
            for (int i = 0; i < length; i += of.IsText ? 7 : 1) AssertSame(left, right, obj, i);
            Assert.Null(left.Get(obj, length));
            Assert.Null(right.Get(obj, length));
        }
    }

    private static void AssertSame(DocumentView left, DocumentView right, ObjectId obj, Prop prop)
    {
        Value? value = left.Get(obj, prop);
        Assert.NotNull(value);
        Assert.Equal(value, right.Get(obj, prop));
        IReadOnlyList<Conflict> all = left.GetAll(obj, prop);
        Assert.Equal(value, all[^1].Value);
        Assert.Equal(all, right.GetAll(obj, prop));
        Assert.Equal(all.OrderBy(conflict => conflict.Id), all);
    }

    private static void AssertSameText(DocumentView left, DocumentView right, ObjectId obj)
    {
        string text = left.Text(obj);
        Assert.Equal(text, right.Text(obj));
        Assert.Equal(text.Length, left.Length(obj));
        if (text.Length == 0) return;
        Value middle = left.Get(obj, text.Length / 2)!.Value;
        if (middle.Kind == ValueKind.String) Assert.Contains(text[text.Length / 2], middle.AsString());
    }

    private static void AssertJson(JsonElement expected, DocumentView view)
    {
        string json = view.ToJson(Tagged);
        using JsonDocument actual = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 1000 });
        Assert.True(JsonElement.DeepEquals(expected, actual.RootElement), $"expected {expected.GetRawText()}\nactual   {json}");
    }
}
