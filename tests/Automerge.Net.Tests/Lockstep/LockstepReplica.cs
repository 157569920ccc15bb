using System.Globalization;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Patches;
using Automerge.Tests.Patches;
using Automerge.Values;

namespace Automerge.Tests.Lockstep;

/// <summary>A replica of a history as this engine has it: a document and the transaction that edits go to.</summary>
internal sealed class LockstepReplica
{
    private readonly Document _document;
    private readonly PlainDocument _plain;
    private ChangeHash[]? _isolated;
    private PatchLog _log;

    /// <summary>Steps that edit.</summary>
    public static HashSet<string> Edits { get; } =
        ["put", "insert", "putObject", "insertObject", "delete", "increment", "splice", "updateText", "mark", "unmark", "splitBlock", "joinBlock"];

    public LockstepReplica(Document document)
    {
        _document = document;
        _plain = PlainDocument.Of(document.View, TextUnit.Utf16);
        _log = Listen();
    }

    public Document Document => _document;

    // As in 3.5.0, an edit begins a transaction when there is none.
    private Transaction Transaction => _document.OpenTransaction ?? (_isolated is { } heads ? _document.BeginAt(heads) : _document.Begin());

    /// <summary>Does what a step says.</summary>
    /// <returns>Operations of the transaction so far; the object made, if the step made one.</returns>
    public (int Operations, ObjectId? Made) Edit(string name, JsonElement step, LockstepNames names)
    {
        Transaction transaction = Transaction;
        ObjectId obj = names.Object(step[2]);
        ObjectId? made = null;
        switch (name)
        {
            case "put": transaction.Put(obj, PropOf(step[3]), ValueOf(step[4], step[5])); break;
            case "insert": transaction.Insert(obj, step[3].GetInt32(), ValueOf(step[4], step[5])); break;
            case "putObject": made = transaction.PutObject(obj, PropOf(step[3]), KindOf(step[4])); break;
            case "insertObject": made = transaction.InsertObject(obj, step[3].GetInt32(), KindOf(step[4])); break;
            case "delete": transaction.Delete(obj, PropOf(step[3])); break;
            case "increment": transaction.Increment(obj, PropOf(step[3]), step[4].GetInt64()); break;
            case "splice": Splice(transaction, obj, step[3].GetInt32(), step[4].GetInt32(), step[5].GetString()!); break;
            case "updateText": transaction.UpdateText(obj, step[3].GetString()); break;
            case "mark": transaction.Mark(obj, new Mark(step[3].GetInt32(), step[4].GetInt32(), step[6].GetString()!, ValueOf(step[7], step[8])), ExpandOf(step[5])); break;
            case "unmark": transaction.Unmark(obj, step[3].GetInt32(), step[4].GetInt32(), step[6].GetString()!, ExpandOf(step[5])); break;
            case "splitBlock": transaction.SplitBlock(obj, step[3].GetInt32(), step[4]); break;
            case "joinBlock": transaction.JoinBlock(obj, step[3].GetInt32()); break;
            default: throw new ArgumentException($"'{name}' is no edit", nameof(name));
        }

        if (made is { } id) names.SetObject(step[5].GetString()!, id);
        return (transaction.OperationCount, made);
    }

    public ChangeHash? Commit(string? message, long time)
    {
        if (_document.OpenTransaction is not { } transaction) return null;
        (transaction.Message, transaction.Time) = (message, time);
        _log.Note(_document.Pending);
        return transaction.Commit();
    }

    public void Rollback() => _document.OpenTransaction?.Rollback();

    public void Isolate(ChangeHash[] heads) => _isolated = heads;

    public void Integrate() => _isolated = null;

    public Cursor CursorAt(ObjectId obj, JsonElement position, CursorMove move)
    {
        if (position.ValueKind == JsonValueKind.Number) return _document.View.CursorAt(obj, position.GetInt32(), move);
        return position.GetString() == "start" ? Cursor.Start : Cursor.End;
    }

    /// <summary>The patches since the last time lead a plain copy to what the document says.</summary>
    public void CheckPatches()
    {
        string before = _plain.ToString();
        IReadOnlyList<Patch> patches = _log.Patches(_document.Ops, TextUnit.Utf16);
        _plain.Apply(patches);
        AssertLeadTo(_document.View, _plain, patches, before);
        _log = Listen();
    }

    /// <summary>The patches between two states, in whatever order they came, lead from one to the other.</summary>
    public void CheckDifference(ChangeHash[] from, ChangeHash[] to)
    {
        CausalPast before = CausalPast.Fixed(_document.Graph, from, _document.Ops.Actors), after = CausalPast.Fixed(_document.Graph, to, _document.Ops.Actors);
        PlainDocument plain = PlainDocument.Of(new DocumentView(_document.Ops, before), TextUnit.Utf16);
        string had = plain.ToString();
        IReadOnlyList<Patch> patches = new PatchMaker(_document.Ops, before, after, TextUnit.Utf16).CompareAll();
        plain.Apply(patches);
        AssertLeadTo(new DocumentView(_document.Ops, after), plain, patches, had);
    }

    private static void AssertLeadTo(DocumentView view, PlainDocument plain, IReadOnlyList<Patch> patches, string before)
    {
        string expected = PlainDocument.Of(view, TextUnit.Utf16).ToString();
        if (expected != plain.ToString()) Assert.Fail($"patches do not lead to what is\nbefore   {before}\nexpected {expected}\nactual   {plain}\n{string.Join('\n', patches)}");
    }

    private PatchLog Listen() => _document.Ops.Patches = new PatchLog(CausalPast.Fixed(_document.Graph, _document.Graph.Heads, _document.Ops.Actors));

    // 3.5.0 deletes what there is when it is told to delete more.
    private static void Splice(Transaction transaction, ObjectId obj, int index, int deleteCount, string text) =>
        transaction.SpliceText(obj, index, Math.Max(0, Math.Min(deleteCount, transaction.View.Length(obj) - index)), text);

    private static Prop PropOf(JsonElement prop) => prop.ValueKind == JsonValueKind.Number ? prop.GetInt32() : prop.GetString()!;

    private static ObjectKind KindOf(JsonElement kind) => Enum.Parse<ObjectKind>(kind.GetString()!, ignoreCase: true);

    private static MarkExpand ExpandOf(JsonElement expand) => Enum.Parse<MarkExpand>(expand.GetString()!, ignoreCase: true);

    private static Value ValueOf(JsonElement type, JsonElement text)
    {
        string value = text.GetString()!;
        return type.GetString() switch
        {
            "null" => Value.Null,
            "boolean" => value == "true",
            "int" => long.Parse(value, CultureInfo.InvariantCulture),
            "uint" => ulong.Parse(value, CultureInfo.InvariantCulture),
            "f64" => value switch
            {
                "NaN" => BitConverter.UInt64BitsToDouble(0x7FF8_0000_0000_0000),      // JavaScript's; .NET's own has the sign set
                "Infinity" => double.PositiveInfinity,
                "-Infinity" => double.NegativeInfinity,
                _ => double.Parse(value, CultureInfo.InvariantCulture),
            },
            "counter" => Value.Counter(long.Parse(value, CultureInfo.InvariantCulture)),
            "timestamp" => Value.Timestamp(long.Parse(value, CultureInfo.InvariantCulture)),
            "bytes" => Value.Bytes(text.GetBytesFromBase64()),
            _ => value,
        };
    }
}
