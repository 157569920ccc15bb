using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Ratatoskr.Http.Contracts;

/// <summary>Reads what requests bring: one JSON object, sound to its last character, so that nothing read out of it later can fail.</summary>
internal static class ApiBody
{
    /// <summary>Bytes of a body: 11 MiB.</summary>
    public const long LengthMax = 11 << 20;

    private const int DepthMax = 64;

    /// <summary>Reads the body; the caller disposes of what he gets.</summary>
    /// <param name="depthMax">Objects within objects.</param>
    public static async Task<(JsonDocument? Body, ApiAnswer? Refusal)> ReadObjectAsync(HttpContext context, int depthMax = DepthMax)
    {
        if (!IsJson(context.Request.ContentType))
            return (null, ApiAnswer.Error(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", "the body must be application/json"));
        ReadOnlyMemory<byte> bytes = await ReadAsync(context).ConfigureAwait(false);
        if (bytes.IsEmpty) return (null, ApiAnswer.Invalid("the body is empty"));
        if (!Utf8.IsValid(bytes.Span)) return (null, ApiAnswer.Invalid("the body is not UTF-8"));
        JsonDocument body;
        try
        {
            body = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = depthMax, AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            return (null, ApiAnswer.Invalid($"the body is not JSON: {e.Message}"));
        }

        if (body.RootElement.ValueKind == JsonValueKind.Object && HasSoundStrings(bytes.Span, depthMax)) return (body, null);
        bool isObject = body.RootElement.ValueKind == JsonValueKind.Object;
        body.Dispose();
        return (null, ApiAnswer.Invalid(isObject ? "the body has an escape for half a character" : "the body must be a JSON object"));
    }

    // Parameters such as charset=utf-8 are fine; another charset shows in the bytes.
    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type) && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || type.Suffix == "json");

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength > LengthMax) throw new BadHttpRequestException(TooLarge, StatusCodes.Status413PayloadTooLarge);
        ArrayBufferWriter<byte> bytes = new((int)Math.Max(256, context.Request.ContentLength ?? 0));
        PipeReader reader = context.Request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(context.RequestAborted).ConfigureAwait(false);
            foreach (ReadOnlyMemory<byte> segment in read.Buffer) bytes.Write(segment.Span);
            reader.AdvanceTo(read.Buffer.End);
            if (bytes.WrittenCount > LengthMax) throw new BadHttpRequestException(TooLarge, StatusCodes.Status413PayloadTooLarge);
            if (read.IsCompleted) return bytes.WrittenMemory;
        }
    }

    private const string TooLarge = "the body is larger than 11 MiB";

    // Lone surrogates can be written as escapes; there is no such character, and reading them throws.
    private static bool HasSoundStrings(ReadOnlySpan<byte> json, int depthMax)
    {
        Utf8JsonReader reader = new(json, new JsonReaderOptions { MaxDepth = depthMax });
        while (reader.Read())
        {
            if (reader.TokenType is not (JsonTokenType.String or JsonTokenType.PropertyName) || !reader.ValueIsEscaped) continue;
            try
            {
                reader.GetString();
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }

        return true;
    }
}
