using System.Text.Json;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Endpoints;

namespace Ratatoskr.Http.Contracts;

/// <summary>Writes the answer of a list while the store reads it: <c>{owned, accessible, nextOwned?, nextAccessible?}</c>, of documents as <see cref="DocumentBody"/> has them.</summary>
/// <remarks>One caller at a time: first the store, then the endpoint.</remarks>
internal sealed class DocumentListWriter : IDocumentRows, IDisposable
{
    private static readonly JsonEncodedText s_id = JsonEncodedText.Encode("id");
    private static readonly JsonEncodedText s_automergeId = JsonEncodedText.Encode("automergeId");
    private static readonly JsonEncodedText s_owner = JsonEncodedText.Encode("owner");
    private static readonly JsonEncodedText s_type = JsonEncodedText.Encode("type");
    private static readonly JsonEncodedText s_size = JsonEncodedText.Encode("size");
    private static readonly JsonEncodedText s_expiresAt = JsonEncodedText.Encode("expiresAt");
    private static readonly JsonEncodedText s_createdAt = JsonEncodedText.Encode("createdAt");
    private static readonly JsonEncodedText s_updatedAt = JsonEncodedText.Encode("updatedAt");

    private readonly AnswerBody _body;
    private readonly Utf8JsonWriter _json;
    private bool _isAccessible;

    /// <param name="place">Whose memory the list takes.</param>
    public DocumentListWriter(ResponsePlace place)
    {
        _body = new AnswerBody(place);
        _json = new Utf8JsonWriter(_body, new JsonWriterOptions { SkipValidation = true });
        _json.WriteStartObject();
        _json.WriteStartArray("owned"u8);
    }

    public void AddOwned(in ListedDocument document) => Add(document);

    public void AddAccessible(in ListedDocument document)
    {
        BeginAccessible();
        Add(document);
    }

    /// <summary>Ends the lists. The body is the caller's to dispose.</summary>
    /// <param name="nextOwned">Where the next page begins; null at the end.</param>
    public AnswerBody Finish(string? nextOwned, string? nextAccessible)
    {
        BeginAccessible();
        _json.WriteEndArray();
        if (nextOwned is not null) _json.WriteString("nextOwned"u8, nextOwned);
        if (nextAccessible is not null) _json.WriteString("nextAccessible"u8, nextAccessible);
        _json.WriteEndObject();
        _json.Dispose();
        return _body;
    }

    /// <summary>Instead of <see cref="Finish"/>.</summary>
    public void Dispose()
    {
        _json.Dispose();
        _body.Dispose();
    }

    private void BeginAccessible()
    {
        if (_isAccessible) return;
        _isAccessible = true;
        _json.WriteEndArray();
        _json.WriteStartArray("accessible"u8);
    }

    private void Add(in ListedDocument document)
    {
        _json.WriteStartObject();
        _json.WriteString(s_id, document.Id);
        _json.WriteString(s_automergeId, document.AutomergeId);
        _json.WriteString(s_owner, document.OwnerId);
        if (document.HasType) _json.WriteString(s_type, document.Type);
        else _json.WriteNull(s_type);
        _json.WriteNumber(s_size, document.Size);
        WriteTime(s_expiresAt, document.ExpiresAtMs);
        WriteTime(s_createdAt, document.CreatedAtMs);
        WriteTime(s_updatedAt, document.UpdatedAtMs);
        _json.WriteEndObject();
    }

    private void WriteTime(JsonEncodedText name, long? unixMs)
    {
        if (unixMs is not { } ms)
        {
            _json.WriteNull(name);
            return;
        }

        Span<byte> text = stackalloc byte[ApiTime.LengthMax];
        _json.WriteString(name, text[..ApiTime.Write(ms, text)]);
    }
}
