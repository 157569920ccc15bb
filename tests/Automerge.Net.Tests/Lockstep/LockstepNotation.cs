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

    // JavaScript's Number.MAX_SAFE_INTEGER
    private const long SafeMax = (1L << 53) - 1;

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
        json.WriteStartArray("marks");
        foreach (Mark mark in view.Marks(obj))
        {
            json.WriteStartArray();
            json.WriteStringValue(mark.Name);
            WritePlain(json, view, mark.Value);
            json.WriteNumberValue(mark.Start);
            json.WriteNumberValue(mark.End);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteStartArray("spans");
        foreach (Span span in view.Spans(obj))
        {
            json.WriteStartArray();
            json.WriteStringValue(span.IsBlock ? "block" : "text");
            if (span.IsBlock) WritePlainObject(json, view, span.Block, ObjectKind.Map);
            else json.WriteStringValue(span.Text);
            json.WriteStartArray();
            foreach ((string name, Value value) in span.Marks)
            {
                json.WriteStartArray();
                json.WriteStringValue(name);
                WritePlain(json, view, value);
                json.WriteEndArray();
            }

            json.WriteEndArray();
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

    // Values whose types 3.5.0 does not tell apart: those of marks and blocks.
    private static void WritePlain(Utf8JsonWriter json, DocumentView view, Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.Null: json.WriteNullValue(); break;
            case ValueKind.Boolean: json.WriteBooleanValue(value.AsBoolean()); break;
            case ValueKind.String: json.WriteStringValue(value.AsString()); break;
            case ValueKind.Object: WritePlainObject(json, view, value.AsObject(), value.AsObjectKind()); break;
            case ValueKind.Bytes: WriteTagged(json, "$bytes", Convert.ToHexStringLower(value.AsBytes().Span)); break;
            case ValueKind.Timestamp: WriteTagged(json, "$timestamp", value.AsInt64().ToString(CultureInfo.InvariantCulture)); break;
            case ValueKind.Float: WriteTagged(json, "$number", Number(value.AsDouble())); break;
            case ValueKind.Unsigned: WriteTagged(json, "$number", value.AsUInt64().ToString(CultureInfo.InvariantCulture)); break;
            default: WriteTagged(json, "$number", value.AsInt64().ToString(CultureInfo.InvariantCulture)); break;
        }
    }

    private static void WritePlainObject(Utf8JsonWriter json, DocumentView view, ObjectId obj, ObjectKind kind)
    {
        if (kind == ObjectKind.Text)
        {
            json.WriteStringValue(view.Text(obj));
            return;
        }

        if (kind is ObjectKind.Map or ObjectKind.Table)
        {
            json.WriteStartObject();
            json.WriteStartArray("$map");
            foreach (string key in kind == ObjectKind.Map ? view.Keys(obj) : [])
            {
                json.WriteStartArray();
                json.WriteStringValue(key);
                WritePlain(json, view, view.Get(obj, key)!.Value);
                json.WriteEndArray();
            }

            json.WriteEndArray();
            json.WriteEndObject();
            return;
        }

        json.WriteStartArray();
        for (int i = 0, length = view.Length(obj); i < length; i++) WritePlain(json, view, view.Get(obj, i)!.Value);
        json.WriteEndArray();
    }

    private static void WriteTagged(Utf8JsonWriter json, string tag, string text)
    {
        json.WriteStartObject();
        json.WriteString(tag, text);
        json.WriteEndObject();
    }

    private static string Number(double value) =>
        double.IsInteger(value) && Math.Abs(value) <= SafeMax ? ((long)value).ToString(CultureInfo.InvariantCulture) : Bits(value);

    private static string Bits(double value) => double.IsNaN(value) ? "NaN" : $"0x{BitConverter.DoubleToUInt64Bits(value):x16}";
}
