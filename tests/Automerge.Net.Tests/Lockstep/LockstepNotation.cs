using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;

namespace Automerge.Tests.Lockstep;

/// <summary>Writes what a document says as node/notation.mjs does: every type visible, conflicts and ids included.</summary>
internal static class LockstepNotation
{
    private const char Placeholder = '\uFFFC';

    public static JsonElement Describe(DocumentView view)
    {
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { MaxDepth = 1000 })) WriteObject(json, view, ObjectId.Root, ObjectKind.Map);
        using JsonDocument parsed = JsonDocument.Parse(buffer.WrittenMemory, new JsonDocumentOptions { MaxDepth = 1000 });
        return parsed.RootElement.Clone();
    }

    private static void WriteObject(Utf8JsonWriter json, DocumentView view, ObjectId obj, ObjectKind kind)
    {
        json.WriteStartObject();
        json.WriteString("id", obj.ToString());
        if (kind == ObjectKind.Map) WriteKeys(json, view, obj);
        else if (kind == ObjectKind.List) WriteItems(json, view, obj);
        else if (kind == ObjectKind.Text) WriteText(json, view, obj);
        json.WriteEndObject();
    }

    private static void WriteKeys(Utf8JsonWriter json, DocumentView view, ObjectId obj)
    {
        json.WriteStartArray("keys");
        foreach (string key in view.Keys(obj))
        {
            json.WriteStartArray();
            json.WriteStringValue(key);
            WriteAll(json, view, view.GetAll(obj, key));
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static void WriteItems(Utf8JsonWriter json, DocumentView view, ObjectId obj)
    {
        json.WriteStartArray("items");
        for (int i = 0, length = view.Length(obj); i < length; i++) WriteAll(json, view, view.GetAll(obj, i));
        json.WriteEndArray();
    }

    private static void WriteText(Utf8JsonWriter json, DocumentView view, ObjectId obj)
    {
        string text = view.Text(obj);
        json.WriteString("text", text);
        json.WriteNumber("length", view.Length(obj));
        json.WriteStartArray("objects");
        for (int at = text.IndexOf(Placeholder, StringComparison.Ordinal); at >= 0; at = text.IndexOf(Placeholder, at + 1))
        {
            json.WriteStartArray();
            json.WriteNumberValue(at);
            WriteAll(json, view, view.GetAll(obj, at));
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static void WriteAll(Utf8JsonWriter json, DocumentView view, IReadOnlyList<Conflict> all)
    {
        json.WriteStartArray();
        foreach ((Value value, OpId id) in all)
        {
            json.WriteStartArray();
            if (value.IsObject)
            {
                json.WriteStringValue(value.AsObjectKind().ToString().ToLowerInvariant());
                WriteObject(json, view, value.AsObject(), value.AsObjectKind());
            }
            else
            {
                (string type, string text) = Scalar(value);
                json.WriteStringValue(type);
                json.WriteStringValue(text);
                json.WriteStringValue(id.ToString());
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static (string Type, string Text) Scalar(Value value) => value.Kind switch
    {
        ValueKind.Null => ("null", "null"),
        ValueKind.Boolean => ("boolean", value.AsBoolean() ? "true" : "false"),
        ValueKind.Unsigned => ("uint", value.AsUInt64().ToString(CultureInfo.InvariantCulture)),
        ValueKind.Signed => ("int", value.AsInt64().ToString(CultureInfo.InvariantCulture)),
        ValueKind.Float => ("f64", Bits(value.AsDouble())),
        ValueKind.String => ("str", value.AsString()),
        ValueKind.Bytes => ("bytes", Convert.ToHexStringLower(value.AsBytes().Span)),
        ValueKind.Counter => ("counter", value.AsInt64().ToString(CultureInfo.InvariantCulture)),
        ValueKind.Timestamp => ("timestamp", value.AsInt64().ToString(CultureInfo.InvariantCulture)),
        _ => throw new InvalidOperationException($"automerge writes no {value.Kind}"),
    };

    private static string Bits(double value) => double.IsNaN(value) ? "NaN" : $"0x{BitConverter.DoubleToUInt64Bits(value):x16}";
}
