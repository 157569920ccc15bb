using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Automerge.Values;

namespace Automerge.Documents;

public sealed partial class DocumentView
{
    /// <summary>The whole document as JSON.</summary>
    /// <exception cref="DocumentException">Objects are nested too deep.</exception>
    public string ToJson(JsonStyle? style = null) => ToJson(ObjectId.Root, style);

    /// <summary>An object and all in it as JSON. Keys are in the order of their UTF-8 bytes.</summary>
    /// <exception cref="DocumentException">There is no such object, or others are nested too deep in it.</exception>
    public string ToJson(ObjectId obj, JsonStyle? style = null)
    {
        style ??= JsonStyle.Default;
        ArrayBufferWriter<byte> output = new();
        JsonWriterOptions options = new()
        {
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            Indented = style.Indented,
            MaxDepth = (int)Math.Min(style.DepthMax + 2L, int.MaxValue),     // tagged values nest two deep
            SkipValidation = true,
        };
        using (Utf8JsonWriter writer = new(output, options)) WriteTo(writer, obj, style);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    /// <summary>Writes an object and all in it as JSON. Keys are in the order of their UTF-8 bytes.</summary>
    /// <remarks>Does not recurse, so that hostile nesting costs no stack.</remarks>
    /// <exception cref="DocumentException">There is no such object, or others are nested too deep in it; part of it is then written.</exception>
    public void WriteTo(Utf8JsonWriter writer, ObjectId obj, JsonStyle? style = null)
    {
        ArgumentNullException.ThrowIfNull(writer);
        new JsonDocumentWriter(_showing, writer, style ?? JsonStyle.Default).Write(Find(obj));
    }
}
