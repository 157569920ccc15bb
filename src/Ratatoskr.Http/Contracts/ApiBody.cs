using System.Buffers;
using System.IO.Pipelines;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Ratatoskr.Http.Contracts;

/// <summary>What a request brought: one JSON object, sound to its last character, so that nothing read out of it later can fail.</summary>
/// <remarks>Its bytes count until it is disposed of; all bodies together are bounded.</remarks>
internal sealed class ApiBody : IDisposable
{
    /// <summary>Bytes of a body: 11 MiB.</summary>
    public const long LengthMax = 11 << 20;

    private const string HalfCharacter = "the body has an escape for half a character";

    // Of all bodies that are being read or worked on: 256 MiB, 23 of the largest. What is read of them counts, not what is announced: who sends slowly holds little.
    private const long HeldMax = 256L << 20;
    private const int DepthMax = 64;
    private const string TooLarge = "the body is larger than 11 MiB";

    private static long s_held;

    private readonly ArrayBufferWriter<byte> _bytes = new();
    private JsonDocument? _json;

    private ApiBody()
    {
    }

    /// <summary>Bytes of all bodies.</summary>
    public static long Held => Volatile.Read(ref s_held);

    /// <summary>The object.</summary>
    public JsonElement Root => _json!.RootElement;

    /// <summary>Reads the body; the caller disposes of what he gets.</summary>
    /// <param name="depthMax">Objects within objects.</param>
    public static async Task<(ApiBody? Body, ApiAnswer? Refusal)> ReadObjectAsync(HttpContext context, int depthMax = DepthMax)
    {
        if (!IsJson(context.Request.ContentType))
            return (null, ApiAnswer.Error(StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", "the body must be application/json"));
        ApiBody body = new();
        try
        {
            ApiAnswer? refusal = await body.ReadAsync(context).ConfigureAwait(false) ?? body.Parse(depthMax);
            if (refusal is null) return (body, null);
            body.Dispose();
            return (null, refusal);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _json?.Dispose();
        Interlocked.Add(ref s_held, -_bytes.WrittenCount);
        _bytes.ResetWrittenCount();
    }

    // Parameters such as charset=utf-8 are fine; another charset shows in the bytes.
    private static bool IsJson(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out MediaTypeHeaderValue? type) && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase) || type.Suffix == "json");

    private async Task<ApiAnswer?> ReadAsync(HttpContext context)
    {
        if (context.Request.ContentLength > LengthMax) throw new BadHttpRequestException(TooLarge, StatusCodes.Status413PayloadTooLarge);
        PipeReader reader = context.Request.BodyReader;
        while (true)
        {
            ReadResult read = await reader.ReadAsync(context.RequestAborted).ConfigureAwait(false);
            long length = read.Buffer.Length;
            if (_bytes.WrittenCount + length > LengthMax) throw new BadHttpRequestException(TooLarge, StatusCodes.Status413PayloadTooLarge);
            if (Interlocked.Add(ref s_held, length) > HeldMax)
            {
                Interlocked.Add(ref s_held, -length);
                return ApiAnswer.Error(StatusCodes.Status503ServiceUnavailable, "service_busy", "Too much is being sent at the moment").With("Retry-After", "1");
            }

            foreach (ReadOnlyMemory<byte> segment in read.Buffer) _bytes.Write(segment.Span);
            reader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return null;
        }
    }

    private ApiAnswer? Parse(int depthMax)
    {
        if (_bytes.WrittenCount == 0) return ApiAnswer.Invalid("the body is empty");
        if (!Utf8.IsValid(_bytes.WrittenSpan)) return ApiAnswer.Invalid("the body is not UTF-8");
        try
        {
            _json = JsonDocument.Parse(_bytes.WrittenMemory, new JsonDocumentOptions { MaxDepth = depthMax, AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            return ApiAnswer.Invalid($"the body is not JSON: {e.Message}");
        }
        catch (InvalidOperationException)
        {
            return ApiAnswer.Invalid(HalfCharacter);                 // in a name: the parser reads names to find those that are there twice
        }

        if (Root.ValueKind != JsonValueKind.Object) return ApiAnswer.Invalid("the body must be a JSON object");
        return HasSoundStrings(_bytes.WrittenSpan, depthMax) ? null : ApiAnswer.Invalid(HalfCharacter);
    }

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
