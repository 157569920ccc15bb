using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Tests.Documents;
using Automerge.Values;

namespace Automerge.Tests.Lockstep;

/// <summary>
/// The same history done here, step by step: every edit makes as many operations and every commit the change with the same hash; forks, merges and loads end with the
/// same heads, and at every look replicas say and save the same.
/// </summary>
internal sealed class EditsAgree
{
    private readonly Dictionary<int, LockstepReplica> _replicas = [];
    private readonly LockstepNames _names = new();
    private readonly string[] _except;

    // Of a fork at old heads that had been merged from several, 3.5.0 takes the changes in in an order of its own: seldom, but then saves differ in it.
    private bool _hasFork;

    private EditsAgree(LockstepHistory history) => _except = DocumentsAgree.NotPromised(history);

    public static void Check(LockstepHistory history)
    {
        if (history.Disorder is not null) return;
        EditsAgree here = new(history);
        for (int i = 0; i < history.Steps.Length; i++)
        {
            JsonElement step = history.Steps[i], result = history.Results[i];
            try
            {
                here.Take(step[0].GetString()!, step, result);
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
            {
                throw new InvalidOperationException($"{step.GetRawText()}, to which 3.5.0 says {result.GetRawText()}: {exception.Message}", exception);
            }
        }
    }

    private void Take(string name, JsonElement step, JsonElement result)
    {
        // What 3.5.0 refuses must be refused here, but not for want of something that a reduced history no longer has.
        if (LockstepHistory.IsRefused(result))
        {
            if (!LockstepReplica.Edits.Contains(name) || result.GetProperty("error").GetString()!.Contains("no such", StringComparison.Ordinal)) return;
            Assert.ThrowsAny<DocumentException>(() => ReplicaOf(step).Edit(name, step, _names));
            return;
        }

        if (LockstepReplica.Edits.Contains(name))
        {
            (int operations, ObjectId? made) = ReplicaOf(step).Edit(name, step, _names);
            AssertSame(step, result.ValueKind == JsonValueKind.Array ? result[0].GetInt32() : result.GetInt32(), operations);
            if (made is { } id) AssertSame(step, result[1].GetString(), id.ToString());
            return;
        }

        switch (name)
        {
            case "new":
                _replicas[step[1].GetInt32()] = new LockstepReplica(new Document(ActorOf(step[2])));
                break;
            case "fork":
                Document from = _replicas[step[2].GetInt32()].Document;
                _replicas[step[1].GetInt32()] = new LockstepReplica(_names.Heads(step[4]) is { } at ? from.ForkAt(ActorOf(step[3]), at) : from.Fork(ActorOf(step[3])));
                _hasFork |= step[4].ValueKind != JsonValueKind.Null;
                break;
            case "load":
                _replicas[step[1].GetInt32()] = new LockstepReplica(Document.Load(_replicas[step[2].GetInt32()].Document.Save(), ActorOf(step[3])));
                break;
            case "note":
                _names.SetHeads(step[2].GetString()!, [.. ReplicaOf(step).Document.Heads]);
                AssertSame<string[]>(step, Texts(result), [.. ReplicaOf(step).Document.Heads.Select(head => head.ToString())]);
                ReplicaOf(step).CheckPatches();
                break;
            case "diff":
                ReplicaOf(step).CheckDifference(_names.Heads(step[2])!, _names.Heads(step[3])!);
                break;
            case "commit":
                AssertSame(step, result.GetString(), ReplicaOf(step).Commit(step[2].GetString(), step[3].GetInt64())?.ToString());
                break;
            case "empty":
                AssertSame(step, result.GetString(), ReplicaOf(step).Document.CommitEmpty(new CommitOptions(step[3].GetInt64(), step[2].GetString())).ToString());
                break;
            case "merge":
                ReplicaOf(step).Document.Merge(_replicas[step[2].GetInt32()].Document);
                break;
            case "apply":
                Apply(ReplicaOf(step).Document, _replicas[step[2].GetInt32()].Document, [.. step[3].EnumerateArray().Select(place => place.GetInt32())]);
                break;
            case "craft" or "updateBlock":
                if (result.ValueKind == JsonValueKind.String) ReplicaOf(step).Document.ApplyChanges(result.GetBytesFromBase64());
                break;
            case "isolate":
                ReplicaOf(step).Isolate(_names.Heads(step[2])!);
                break;
            case "integrate":
                ReplicaOf(step).Integrate();
                break;
            case "rollback":
                ReplicaOf(step).Rollback();
                break;
            case "check":
                CheckView(step, result);
                break;
            case "save" when !_hasFork:
                InflatedDocument.AssertSame(result.GetBytesFromBase64(), ReplicaOf(step).Document.Save(), $"{step.GetRawText()}: the save of edits made here", _except);
                break;
            case "changes":
                AssertSame<byte[][]>(step, [.. result.EnumerateArray().Select(change => change.GetBytesFromBase64())], [.. ReplicaOf(step).Document.Changes().Select(change => change.ToArray())]);
                break;
            case "cursor":
                Cursor cursor = ReplicaOf(step).CursorAt(_names.Object(step[2]), step[3], step[4].GetString() == "before" ? CursorMove.Before : CursorMove.After);
                _names.SetCursor(step[6].GetString()!, cursor);
                if (!NamesWinnerOf(step, cursor, result.GetString()!)) AssertSame(step, result.GetString(), cursor.ToString());
                break;
            case "position":
                if (ViewOf(step, step[4]) is { } view && view.Exists(_names.Object(step[2]))) AssertSame(step, result.GetInt32(), view.IndexOf(_names.Object(step[2]), _names.Cursor(step[3])));
                break;
        }
    }

    private void CheckView(JsonElement step, JsonElement result)
    {
        AssertSame<string[]>(step, Texts(result.GetProperty("heads")), [.. ReplicaOf(step).Document.Heads.Select(head => head.ToString())]);
        JsonDifference.AssertNone(result.GetProperty("root"), LockstepNotation.Describe(ViewOf(step, step[2])), $"{step.GetRawText()}: the view after edits made here");
    }

    // An element that was replaced is named by its insert here, in 3.5.0 by the operation that shows: both engines find it by either.
    private bool NamesWinnerOf(JsonElement step, Cursor ours, string theirs)
    {
        if (step[3].ValueKind != JsonValueKind.Number || ours.Element.Counter == 0) return false;
        DocumentView view = ReplicaOf(step).Document.View;
        OpId winner = view.GetAll(_names.Object(step[2]), step[3].GetInt32())[^1].Id;
        Assert.True(Cursor.TryParse(theirs, out Cursor cursor));
        AssertSame(step, view.IndexOf(_names.Object(step[2]), cursor), view.IndexOf(_names.Object(step[2]), ours));
        return Cursor.At(winner, ours.Move).ToString() == theirs;
    }

    // The changes that one has and the other lacks, in an order that was given; numbers too great, or given twice, are none.
    private static void Apply(Document document, Document from, int[] order)
    {
        IReadOnlyList<ReadOnlyMemory<byte>> missing = from.Changes([.. document.Heads]);
        document.ApplyChanges(order.Distinct().Where(place => place < missing.Count).Select(place => missing[place]));
    }

    private LockstepReplica ReplicaOf(JsonElement step) => _replicas[step[1].GetInt32()];

    private DocumentView ViewOf(JsonElement step, JsonElement heads) => _names.Heads(heads) is { } then ? ReplicaOf(step).Document.ViewAt(then) : ReplicaOf(step).Document.View;

    private static ActorId ActorOf(JsonElement hex) => new(Convert.FromHexString(hex.GetString()!));

    private static string[] Texts(JsonElement list) => [.. list.EnumerateArray().Select(text => text.GetString()!)];

    private static void AssertSame<T>(JsonElement step, T expected, T actual)
    {
        if (expected is System.Collections.IEnumerable and not string) Assert.True(JsonSerializer.Serialize(expected) == JsonSerializer.Serialize(actual), $"{step.GetRawText()}: 3.5.0 says {JsonSerializer.Serialize(expected)}, this engine {JsonSerializer.Serialize(actual)}");
        else Assert.True(Equals(expected, actual), $"{step.GetRawText()}: 3.5.0 says {expected}, this engine {actual}");
    }
}
