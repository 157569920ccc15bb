using System.Text.Json;
using Automerge.Patches;
using Automerge.Values;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// Writes patches as Automerge's JavaScript has them: <c>put</c>, <c>insert</c>, <c>splice</c>, <c>del</c>, <c>inc</c>, <c>conflict</c>, <c>mark</c> and <c>unmark</c>, each with
/// the path to what it changes. What JSON lacks is written as in exports: bytes in base64, timestamps as ISO 8601, counters as numbers.
/// </summary>
/// <remarks>
/// JavaScript's patches have a conflict where one begins; that one has ended shows in them nowhere, and neither does it here. Its steps may be cut otherwise than these; applied in
/// order both lead to the same.
/// </remarks>
internal static class PatchWriter
{
    // Longer strings are written in pieces, so that the writer need not have room for the whole of one.
    private const int PieceLength = 4096;

    public static void Write(Utf8JsonWriter json, Patch patch)
    {
        switch (patch)
        {
            case PutPatch put:
                Begin(json, "put", put.Path, put.Prop);
                json.WritePropertyName("value"u8);
                WriteValue(json, put.Value);
                if (put.Conflict) json.WriteBoolean("conflict"u8, true);
                json.WriteEndObject();
                break;
            case InsertPatch insert:
                Begin(json, "insert", insert.Path, insert.Index);
                json.WriteStartArray("values"u8);
                foreach (Value value in insert.Values) WriteValue(json, value);
                json.WriteEndArray();
                json.WriteEndObject();
                break;
            case SplicePatch splice:
                Begin(json, "splice", splice.Path, splice.Index);
                json.WritePropertyName("value"u8);
                WriteString(json, splice.Text);
                WriteMarks(json, splice.Marks);
                json.WriteEndObject();
                break;
            case DeletePatch delete:
                Begin(json, "del", delete.Path, delete.Prop);
                if (delete.Length != 1) json.WriteNumber("length"u8, delete.Length);
                json.WriteEndObject();
                break;
            case IncrementPatch increment:
                Begin(json, "inc", increment.Path, increment.Prop);
                json.WriteNumber("value"u8, increment.By);
                json.WriteEndObject();
                break;
            case ConflictPatch { Conflict: true } conflict:
                Begin(json, "conflict", conflict.Path, conflict.Prop);
                json.WriteEndObject();
                break;
            case MarkPatch mark:
                WriteMarks(json, mark);
                break;
        }
    }

    private static void Begin(Utf8JsonWriter json, string action, DocumentPath path, Prop? last)
    {
        json.WriteStartObject();
        json.WriteString("action"u8, action);
        json.WriteStartArray("path"u8);
        foreach (Prop step in path.ToArray()) WriteProp(json, step);
        if (last is { } prop) WriteProp(json, prop);
        json.WriteEndArray();
    }

    private static void WriteProp(Utf8JsonWriter json, Prop prop)
    {
        if (prop.IsIndex) json.WriteNumberValue(prop.Index);
        else json.WriteStringValue(prop.Key);
    }

    private static void WriteMarks(Utf8JsonWriter json, MarkSet marks)
    {
        if (marks.Count == 0) return;
        json.WriteStartObject("marks"u8);
        foreach ((string name, Value value) in marks)
        {
            json.WritePropertyName(name);
            WriteValue(json, value);
        }

        json.WriteEndObject();
    }

    // Marks that come are told together, those that go one by one.
    private static void WriteMarks(Utf8JsonWriter json, MarkPatch patch)
    {
        if (patch.Marks.Any(mark => !mark.Value.IsNull))
        {
            Begin(json, "mark", patch.Path, null);
            json.WriteStartArray("marks"u8);
            foreach (Mark mark in patch.Marks.Where(mark => !mark.Value.IsNull))
            {
                json.WriteStartObject();
                json.WriteString("name"u8, mark.Name);
                json.WritePropertyName("value"u8);
                WriteValue(json, mark.Value);
                json.WriteNumber("start"u8, mark.Start);
                json.WriteNumber("end"u8, mark.End);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        foreach (Mark mark in patch.Marks.Where(mark => mark.Value.IsNull))
        {
            Begin(json, "unmark", patch.Path, null);
            json.WriteString("name"u8, mark.Name);
            json.WriteNumber("start"u8, mark.Start);
            json.WriteNumber("end"u8, mark.End);
            json.WriteEndObject();
        }
    }

    /// <summary>A scalar, or the beginning of an object, which comes empty.</summary>
    public static void WriteValue(Utf8JsonWriter json, Value value)
    {
        switch (value.Kind)
        {
            case ValueKind.Null:
                json.WriteNullValue();
                break;
            case ValueKind.Boolean:
                json.WriteBooleanValue(value.AsBoolean());
                break;
            case ValueKind.Unsigned:
                json.WriteNumberValue(value.AsUInt64());
                break;
            case ValueKind.Signed or ValueKind.Counter:
                json.WriteNumberValue(value.AsInt64());
                break;
            case ValueKind.Float when double.IsFinite(value.AsDouble()):
                json.WriteNumberValue(value.AsDouble());
                break;
            case ValueKind.Float:
                json.WriteNullValue();                       // as JSON.stringify has it
                break;
            case ValueKind.String:
                WriteString(json, value.AsString());
                break;
            case ValueKind.Bytes or ValueKind.Unknown:
                json.WriteBase64StringValue(value.AsBytes().Span);
                break;
            case ValueKind.Timestamp:
                WriteTimestamp(json, value.AsInt64());
                break;
            case ValueKind.Object:
                WriteEmpty(json, value.AsObjectKind());
                break;
        }
    }

    private static void WriteString(Utf8JsonWriter json, ReadOnlySpan<char> text)
    {
        if (text.Length <= PieceLength)
        {
            json.WriteStringValue(text);
            return;
        }

        for (; text.Length > PieceLength; text = text[PieceLength..]) json.WriteStringValueSegment(text[..PieceLength], isFinalSegment: false);
        json.WriteStringValueSegment(text, isFinalSegment: true);
    }

    // An object comes empty; the patches that fill it follow.
    private static void WriteEmpty(Utf8JsonWriter json, ObjectKind kind)
    {
        switch (kind)
        {
            case ObjectKind.Text:
                json.WriteStringValue(""u8);
                break;
            case ObjectKind.List:
                json.WriteStartArray();
                json.WriteEndArray();
                break;
            default:
                json.WriteStartObject();
                json.WriteEndObject();
                break;
        }
    }

    private static void WriteTimestamp(Utf8JsonWriter json, long unixMs)
    {
        const long Max = 253_402_300_799_999, Min = -62_135_596_800_000;          // years 1 to 9999
        if (unixMs is < Min or > Max) json.WriteNumberValue(unixMs);
        else json.WriteStringValue(Contracts.ApiTime.Write(DateTimeOffset.FromUnixTimeMilliseconds(unixMs)));
    }
}
