using System.Buffers;
using System.Text.Json;
using Automerge.Changes;
using Automerge.Documents;
using Automerge.Values;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>A change that makes a document say what JSON says, by few edits, so that what others write beside it meanwhile stays.</summary>
/// <param name="Hash">Null: it says so already.</param>
/// <param name="Chunk">Its bytes.</param>
/// <param name="Before">The heads it was made for.</param>
/// <param name="Heads">The heads after it.</param>
/// <param name="Size">Bytes of the document as a file, after it.</param>
internal sealed record ContentReplacement(ChangeHash? Hash, ReadOnlyMemory<byte> Chunk, IReadOnlyList<ChangeHash> Before, IReadOnlyList<ChangeHash> Heads, long Size)
{
    /// <summary>Makes the change.</summary>
    /// <param name="content">An object: the root's keys become its keys.</param>
    /// <exception cref="DocumentException">The document cannot take it.</exception>
    public static ContentReplacement Make(Document document, JsonElement content, CommitOptions options)
    {
        IReadOnlyList<ChangeHash> before = document.Heads;
        ChangeHash? hash;
        using (Transaction edit = document.Begin(options))
        {
            Update(edit, ObjectId.Root, content);
            hash = edit.Commit();
        }

        ReadOnlyMemory<byte> chunk = hash is { } made ? document.ChangeByHash(made) : default;
        return new ContentReplacement(hash, chunk, before, document.Heads, document.ChangeCount == 0 ? 0 : document.Save().Length);
    }

    // Maps are gone into, texts are edited, and what is the same stays what it is: a counter that stands at 5 is the same as 5. Everything else is put anew.
    // As deep as the body, whose depth is bounded where it is read.
    private static void Update(Transaction edit, ObjectId map, JsonElement content)
    {
        Dictionary<string, JsonElement> wanted = new(StringComparer.Ordinal);
        foreach (JsonProperty property in content.EnumerateObject()) wanted[property.Name] = property.Value;
        foreach (string key in edit.View.Keys(map))
        {
            if (!wanted.ContainsKey(key)) edit.Delete(map, key);
        }

        foreach ((string key, JsonElement value) in wanted)
        {
            if (edit.View.GetAll(map, key) is not [{ Value: var there }]) edit.PutJson(map, key, value);
            else if (IsObject(there, ObjectKind.Map) && value.ValueKind == JsonValueKind.Object) Update(edit, there.AsObject(), value);
            else if (IsObject(there, ObjectKind.Text) && value.ValueKind == JsonValueKind.String) edit.UpdateText(there.AsObject(), value.GetString()!);
            else if (!IsSame(edit.View, there, value)) edit.PutJson(map, key, value);
        }
    }

    private static bool IsObject(Value value, ObjectKind kind) => value.IsObject && value.AsObjectKind() == kind;

    private static bool IsSame(DocumentView view, Value there, JsonElement wanted)
    {
        bool isList = IsObject(there, ObjectKind.List);
        if (there.IsObject ? !isList || wanted.ValueKind != JsonValueKind.Array || view.Length(there.AsObject()) != wanted.GetArrayLength() : wanted.ValueKind is JsonValueKind.Array or JsonValueKind.Object)
            return false;
        ArrayBufferWriter<byte> output = new();
        using (Utf8JsonWriter json = new(output, ApiJson.Plain))
        {
            if (isList) view.WriteTo(json, there.AsObject());
            else PatchWriter.WriteValue(json, there);
        }

        using JsonDocument said = JsonDocument.Parse(output.WrittenMemory, new JsonDocumentOptions { MaxDepth = JsonStyle.DefaultDepthMax });
        return JsonElement.DeepEquals(said.RootElement, wanted);
    }
}
