using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Tests.Documents;
using Automerge.Values;

namespace Automerge.Tests.Lockstep;

/// <summary>The document that 3.5.0's changes make here is the one they make there: its save, what it says now, and what it said at every moment the history looked at.</summary>
internal static class DocumentsAgree
{
    // Messages: an empty one is written by the session that made it, but not after a reload (format §5).
    private static readonly string[] Messages = ["change column 35"];

    /// <summary>Parts of saves in which a history says nothing of the engine.</summary>
    public static string[] NotPromised(LockstepHistory history) =>
        history.Steps.Any(step => step[0].GetString() is "commit" or "empty" && step[2] is { ValueKind: JsonValueKind.String } message && message.ValueEquals("")) ? Messages : [];

    /// <returns>What this engine saved; null: there was nothing to compare.</returns>
    public static byte[]? Check(LockstepHistory history)
    {
        if (history.Disorder is not null) return null;
        string[] except = NotPromised(history);
        foreach ((_, JsonElement result) in history.Of("save"))
        {
            byte[] saved = result.GetBytesFromBase64();
            InflatedDocument.AssertSame(saved, BuiltDocument.Load(saved).Save(), "a save, loaded and saved", except);
        }

        if (history.Of("changes").LastOrDefault() is not { Result.ValueKind: JsonValueKind.Array } all) return null;
        BuiltDocument document = BuiltDocument.Of(all.Result.EnumerateArray().Select(change => change.GetBytesFromBase64()));
        byte[] written = document.Save();
        foreach ((JsonElement step, JsonElement save) in history.Of("save"))
        {
            if (step[1].GetInt32() == all.Step[1].GetInt32()) InflatedDocument.AssertSame(save.GetBytesFromBase64(), written, "the save of all changes", except);
        }

        foreach ((JsonElement step, JsonElement check) in history.Of("check"))
        {
            ChangeHash[] heads = history.HeadsOf(step[2]) ?? LockstepHistory.Hashes(check.GetProperty("heads"));
            if (!document.Graph.ContainsAll(heads)) continue;
            DocumentView then = new(document.Ops, CausalPast.Fixed(document.Graph, heads, document.Ops.Actors));
            JsonDifference.AssertNone(check.GetProperty("root"), LockstepNotation.Describe(then), $"the view at {step.GetRawText()}");
            if (!document.Graph.Heads.SequenceEqual(heads)) continue;
            JsonDifference.AssertNone(check.GetProperty("root"), LockstepNotation.Describe(new DocumentView(document.Ops)), "the view of now");
            JsonDifference.AssertNone(check.GetProperty("root"), LockstepNotation.Describe(new DocumentView(BuiltDocument.Load(written).Ops)), "the view of the save");
        }

        CheckCursors(history, document);
        return written;
    }

    // Where cursors are, in what the replica said at the time.
    private static void CheckCursors(LockstepHistory history, BuiltDocument document)
    {
        Dictionary<string, string> named = history.Of("cursor").ToDictionary(made => made.Step[6].GetString()!, made => made.Result.GetString()!);
        foreach ((JsonElement step, JsonElement position) in history.Of("position"))
        {
            if (history.HeadsOf(step[4]) is not { } heads || !document.Graph.ContainsAll(heads)) continue;
            DocumentView then = new(document.Ops, CausalPast.Fixed(document.Graph, heads, document.Ops.Actors));
            if (!then.Exists(history.ObjectOf(step[2]))) continue;      // the text was made later: an exception here, an empty text there
            Assert.True(Cursor.TryParse(named[step[3].GetString()!], out Cursor cursor));
            Assert.Equal((step.GetRawText(), position.GetInt32()), (step.GetRawText(), then.IndexOf(history.ObjectOf(step[2]), cursor)));
        }
    }

    /// <summary>Compares what 3.5.0 reads in our save with what it said itself.</summary>
    public static void CheckReadBack(LockstepHistory history, JsonElement read)
    {
        if (LockstepHistory.IsRefused(read)) Assert.Fail($"3.5.0 does not load our save: {read.GetRawText()}");
        JsonElement last = history.Of("check").Last(check => check.Step[2].ValueKind == JsonValueKind.Null).Result;
        JsonDifference.AssertNone(last, read, "our save, read by 3.5.0,");
    }
}
