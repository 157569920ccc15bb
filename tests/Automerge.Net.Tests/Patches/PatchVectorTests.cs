using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Patches;
using Automerge.Tests.Documents;
using Automerge.Tests.Vectors;
using Automerge.Values;

namespace Automerge.Tests.Patches;

/// <summary>
/// The patches of automerge 3.5.0 and ours do the same to a plain copy, where 3.5.0's do what they should: it gives no content with an object that shows again after
/// what replaced it has gone, and misplaces marks that change in a text which other edits move.
/// </summary>
public class PatchVectorTests
{
    public static TheoryData<string> Views => VectorFiles.Views;

    [Theory]
    [MemberData(nameof(Views))]
    public void Patches_do_what_those_of_automerge_do(string file)
    {
        JsonElement vector = VectorFiles.ReadGenerated(file);
        ViewOf document = ViewOf.Changes(ViewOf.ChangesOf(vector));
        CausalPast before = CausalPast.Nothing;
        int right = 0, fewer = 0, stages = 0;
        foreach (JsonElement stage in vector.GetProperty("stages").EnumerateArray())
        {
            ChangeHash[] heads = [.. stage.GetProperty("heads").EnumerateArray().Select(head => ChangeHash.Parse(head.GetString()))];
            CausalPast after = CausalPast.Fixed(document.Graph, heads, document.Ops.Actors);
            IReadOnlyList<Patch> ours = new PatchMaker(document.Ops, before, after, TextUnit.Utf16).CompareAll();
            Patch[] theirs = [.. stage.GetProperty("patches").EnumerateArray().Select(Read)];
            string expected = PlainDocument.Of(new DocumentView(document.Ops, after), TextUnit.Utf16).ToString(asJson: true);
            Assert.Equal(expected, Apply(ours, document.Ops, before));
            if (TryApply(theirs, document.Ops, before) == expected) right++;
            if (ours.Count <= theirs.Length + 1) fewer++;
            stages++;
            before = after;
        }

        Assert.True(right * 10 >= stages * 6, $"only {right} of {stages} stages come out right with automerge's patches");
        Assert.True(fewer * 10 >= stages * 6, $"in {stages - fewer} of {stages} stages we make more patches");
    }

    private static string Apply(IEnumerable<Patch> patches, OpSet ops, CausalPast before)
    {
        PlainDocument plain = PlainDocument.Of(new DocumentView(ops, before), TextUnit.Utf16);
        plain.Apply(patches);
        return plain.ToString(asJson: true);
    }

    private static string? TryApply(IEnumerable<Patch> patches, OpSet ops, CausalPast before)
    {
        try
        {
            return Apply(patches, ops, before);
        }
        catch (Exception wrong) when (wrong is ArgumentException or InvalidOperationException or Xunit.Sdk.XunitException)
        {
            return null;
        }
    }

    private static Patch Read(JsonElement patch)
    {
        DocumentPath path = DocumentPath.Root;
        Prop[] steps = [.. patch.GetProperty("path").EnumerateArray().Select(step => step.ValueKind == JsonValueKind.Number ? step.GetInt32() : (Prop)step.GetString()!)];
        string action = patch.GetProperty("action").GetString()!;
        Prop last = default;
        if (action != "mark")
        {
            last = steps[^1];
            steps = steps[..^1];
        }

        foreach (Prop step in steps) path = path.Add(step);
        return action switch
        {
            "put" => new PutPatch(default, path, last, ReadValue(patch.GetProperty("value")), patch.TryGetProperty("conflict", out _)),
            "insert" => new InsertPatch(default, path, last.Index, [.. patch.GetProperty("values").EnumerateArray().Select(ReadValue)]),
            "splice" => new SplicePatch(default, path, last.Index, patch.GetProperty("value").GetString()!, MarksOf(patch)),
            "del" => new DeletePatch(default, path, last, patch.TryGetProperty("length", out JsonElement length) ? length.GetInt32() : 1),
            "inc" => new IncrementPatch(default, path, last, patch.GetProperty("value").GetInt64()),
            "conflict" => new ConflictPatch(default, path, last, true),
            "mark" => new MarkPatch(default, path, [.. patch.GetProperty("marks").EnumerateArray().Select(mark => new Mark(
                mark.GetProperty("start").GetInt32(), mark.GetProperty("end").GetInt32(), mark.GetProperty("name").GetString()!, ReadMark(mark.GetProperty("value"))))]),
            _ => throw new InvalidOperationException(action),
        };
    }

    private static MarkSet MarksOf(JsonElement patch) => !patch.TryGetProperty("marks", out JsonElement marks)
        ? MarkSet.Empty
        : new MarkSet([.. marks.EnumerateObject().Where(mark => mark.Value.ValueKind != JsonValueKind.Null).Select(mark => new KeyValuePair<string, Value>(mark.Name, ReadMark(mark.Value)))]);

    // Marks hold strings; a string elsewhere is a text.
    private static Value ReadMark(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString()! : ReadValue(value);

    private static Value ReadValue(JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Null:
                return Value.Null;
            case JsonValueKind.True or JsonValueKind.False:
                return value.GetBoolean();
            case JsonValueKind.Number:
                return value.GetInt64();
            case JsonValueKind.String:
                return value.GetString() is "" ? Value.Object(default, ObjectKind.Text) : value.GetString()!;
            case JsonValueKind.Array:
                return Value.Object(default, ObjectKind.List);
            default:
                foreach (JsonProperty tagged in value.EnumerateObject())
                {
                    return tagged.Name switch
                    {
                        "$counter" => Value.Counter(tagged.Value.GetInt64()),
                        "$timestamp" => Value.Timestamp(tagged.Value.GetInt64()),
                        "$str" => tagged.Value.GetString()!,
                        _ => throw new InvalidOperationException(tagged.Name),
                    };
                }

                return Value.Object(default, ObjectKind.Map);
        }
    }
}
