using System.Globalization;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Tests.Vectors;
using Automerge.Values;

namespace Automerge.Tests.Documents;

/// <summary>The edits of <c>local-edits.json.gz</c>, done here: every change must have the hash that 3.5.0 gave it, every document end as there.</summary>
public class LocalEditVectorTests
{
    private static readonly JsonElement Cases = VectorFiles.ReadGenerated("local-edits.json.gz");

    public static TheoryData<string> Names => [.. Cases.EnumerateArray().Select(test => test.GetProperty("name").GetString()!)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Edits_make_the_changes_that_automerge_makes(string name)
    {
        JsonElement test = Cases.EnumerateArray().First(test => test.GetProperty("name").GetString() == name);
        World world = new();
        int step = 0;
        foreach (JsonElement next in test.GetProperty("steps").EnumerateArray())
        {
            try
            {
                world.Do(next);
            }
            catch (DocumentException exception)
            {
                Assert.Fail($"step {step}: {next}: {exception.Message}");
            }

            step++;
        }

        foreach (JsonProperty end in test.GetProperty("ends").EnumerateObject())
        {
            Document document = world.Documents[end.Name];
            Assert.Equal(end.Value.GetProperty("heads").EnumerateArray().Select(head => head.GetString()), document.Heads.Select(head => head.ToString()));
            byte[] save = document.Save();
            InflatedDocument.AssertSame(Convert.FromBase64String(end.Value.GetProperty("save").GetString()!), save, end.Name);
            Assert.Equal(save, Document.Load(save, document.Actor).Save());
        }
    }

    private sealed class World
    {
        private readonly Dictionary<string, ObjectId> _objects = new() { ["_root"] = ObjectId.Root };
        private readonly Dictionary<string, ChangeHash[]> _heads = [];
        private readonly Dictionary<string, ChangeHash[]> _isolated = [];

        public Dictionary<string, Document> Documents { get; } = [];

        public void Do(JsonElement step)
        {
            string on = Text(step, "doc");
            string operation = Text(step, "op");
            if (operation == "create")
            {
                Documents.Add(on, new Document(ActorId.Parse(Text(step, "actor"))));
                return;
            }

            Document document = Documents[on];
            switch (operation)
            {
                case "fork":
                    ActorId actor = ActorId.Parse(Text(step, "actor"));
                    Documents.Add(Text(step, "as"), step.TryGetProperty("at", out JsonElement at) ? document.ForkAt(actor, _heads[at.GetString()!]) : document.Fork(actor));
                    break;
                case "merge":
                    document.Merge(Documents[Text(step, "other")]);
                    break;
                case "heads":
                    _heads[Text(step, "as")] = [.. document.Heads];
                    break;
                case "isolate":
                    _isolated[on] = _heads[Text(step, "at")];
                    break;
                case "integrate":
                    document.OpenTransaction?.Commit();
                    _isolated.Remove(on);
                    break;
                case "commit":
                    Commit(step, on, document);
                    break;
                case "empty":
                    Check(step, document, document.CommitEmpty(new CommitOptions(step.GetProperty("time").GetInt64(), Message(step))));
                    break;
                case "rollback":
                    document.OpenTransaction?.Rollback();
                    break;
                default:
                    Edit(step, operation, Open(on, document));
                    break;
            }
        }

        private Transaction Open(string on, Document document)
        {
            if (document.OpenTransaction is { } open) return open;
            return _isolated.TryGetValue(on, out ChangeHash[]? heads) ? document.BeginAt(heads) : document.Begin();
        }

        private void Commit(JsonElement step, string on, Document document)
        {
            Transaction transaction = Open(on, document);
            transaction.Time = step.GetProperty("time").GetInt64();
            transaction.Message = Message(step);
            ChangeHash? hash = transaction.Commit();
            if (hash is { } made && _isolated.ContainsKey(on)) _isolated[on] = [made];
            Check(step, document, hash);
        }

        private static void Check(JsonElement step, Document document, ChangeHash? hash)
        {
            string? expected = step.GetProperty("hash").GetString();
            string? actual = hash?.ToString();
            if (expected == actual) return;
            string change = hash is { } made ? Describe(Change.Decode(document.ChangeByHash(made).Span)) : "none";
            string wanted = step.TryGetProperty("change", out JsonElement bytes) ? Describe(Change.Decode(Convert.FromBase64String(bytes.GetString()!))) : "?";
            Assert.Fail($"{step}: another change\n{change}\ninstead of\n{wanted}");
        }

        private static string Describe(Change change) =>
            $"{change.Actor} seq {change.Seq} start {change.StartOp} time {change.Time} '{change.Message}' deps {string.Join(' ', change.Deps)}\n"
            + string.Join('\n', change.Operations.Select(op => $"{op.Action} {op.Object} {op.Key.MapKey ?? op.Key.Element.ToString()} {op.Insert} {op.Value.Type} {Convert.ToHexString(op.Value.Bytes.Span)} {op.MarkName} {op.Expand} [{string.Join(' ', op.Predecessors)}]"));

        private void Edit(JsonElement step, string operation, Transaction transaction)
        {
            ObjectId obj = _objects[Text(step, "obj")];
            Prop prop = step.TryGetProperty("key", out JsonElement key) ? key.GetString()! : step.TryGetProperty("index", out JsonElement index) ? index.GetInt32() : 0;
            switch (operation)
            {
                case "put":
                    transaction.Put(obj, prop, ValueOf(step));
                    break;
                case "putObject":
                    _objects[Text(step, "as")] = transaction.PutObject(obj, prop, KindOf(step));
                    break;
                case "insert":
                    transaction.Insert(obj, prop.Index, ValueOf(step));
                    break;
                case "insertObject":
                    _objects[Text(step, "as")] = transaction.InsertObject(obj, prop.Index, KindOf(step));
                    break;
                case "delete":
                    transaction.Delete(obj, prop);
                    break;
                case "splice":
                    transaction.SpliceText(obj, prop.Index, step.GetProperty("del").GetInt32(), Text(step, "text"));
                    break;
                case "increment":
                    transaction.Increment(obj, prop, step.GetProperty("by").GetInt64());
                    break;
                case "mark":
                    transaction.Mark(obj, new Mark(step.GetProperty("start").GetInt32(), step.GetProperty("end").GetInt32(), Text(step, "name"), ValueOf(step)), ExpandOf(step));
                    break;
                case "unmark":
                    transaction.Unmark(obj, step.GetProperty("start").GetInt32(), step.GetProperty("end").GetInt32(), Text(step, "name"), ExpandOf(step));
                    break;
                case "json":
                    transaction.PutJson(obj, prop, step.GetProperty("value"));
                    break;
                case "insertJson":
                    transaction.InsertJson(obj, prop.Index, step.GetProperty("value"));
                    break;
                case "block":
                    transaction.SplitBlock(obj, prop.Index, step.GetProperty("value"));
                    break;
                case "join":
                    transaction.JoinBlock(obj, prop.Index);
                    break;
                case "updateText":
                    transaction.UpdateText(obj, Text(step, "text"));
                    break;
                default:
                    throw new InvalidOperationException(operation);
            }
        }

        private static ObjectKind KindOf(JsonElement step) => Enum.Parse<ObjectKind>(Text(step, "type"), ignoreCase: true);

        private static MarkExpand ExpandOf(JsonElement step) => Enum.Parse<MarkExpand>(Text(step, "expand"), ignoreCase: true);

        private static Value ValueOf(JsonElement step)
        {
            JsonElement value = step.GetProperty("value");
            return Text(step, "kind") switch
            {
                "null" => Value.Null,
                "boolean" => value.GetBoolean(),
                "int" => value.GetInt64(),
                "uint" => value.GetUInt64(),
                "f64" => value.GetDouble(),
                "str" => value.GetString()!,
                "bytes" => Value.Bytes(value.GetBytesFromBase64()),
                "counter" => Value.Counter(value.GetInt64()),
                "timestamp" => Value.Timestamp(value.GetInt64()),
                string other => throw new InvalidOperationException(other),
            };
        }

        private static string? Message(JsonElement step) => step.TryGetProperty("message", out JsonElement message) ? message.GetString() : null;

        // Lone surrogates are escaped in JSON, which GetString does not take.
        private static string Text(JsonElement step, string name)
        {
            JsonElement text = step.GetProperty(name);
            if (!text.GetRawText().Contains("\\ud", StringComparison.Ordinal)) return text.GetString()!;
            string raw = text.GetRawText()[1..^1];
            return System.Text.RegularExpressions.Regex.Replace(raw, @"\\u([0-9a-f]{4})", match => ((char)int.Parse(match.Groups[1].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture)).ToString());
        }
    }
}
