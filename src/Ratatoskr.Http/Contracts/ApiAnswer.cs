using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Http.Endpoints;

namespace Ratatoskr.Http.Contracts;

/// <summary>What an endpoint of the API has to say; sent when the endpoint is done.</summary>
/// <remarks>Who has one sends it or disposes of it.</remarks>
internal sealed class ApiAnswer : IDisposable
{
    private const string JsonType = "application/json; charset=utf-8";

    private readonly int _status;
    private readonly string? _contentType;
    private readonly ReadOnlyMemory<byte> _body;
    private readonly AnswerBody? _pieces;
    private List<(string Name, string Value)>? _headers;

    private ApiAnswer(int status, string? contentType, ReadOnlyMemory<byte> body, AnswerBody? pieces = null) =>
        (_status, _contentType, _body, _pieces) = (status, contentType, body, pieces);

    public static ApiAnswer NoContent { get; } = new(StatusCodes.Status204NoContent, null, default);

    public static ApiAnswer Json<T>(T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK) => Json(JsonSerializer.SerializeToUtf8Bytes(value, type), status);

    public static ApiAnswer Json(ReadOnlyMemory<byte> utf8, int status = StatusCodes.Status200OK) => new(status, JsonType, utf8);

    /// <param name="utf8">The answer's from now on, which disposes it when it is sent.</param>
    public static ApiAnswer Json(AnswerBody utf8) => new(StatusCodes.Status200OK, JsonType, default, utf8);

    /// <summary>A large object, written into pieces of accounted memory.</summary>
    /// <param name="place">Whose memory it is.</param>
    /// <param name="options">How it is written.</param>
    /// <param name="write">Writes all of it.</param>
    /// <exception cref="NoResponseRoomException">It is larger than there is room for.</exception>
    public static ApiAnswer Json(ResponsePlace place, in JsonWriterOptions options, Action<Utf8JsonWriter> write)
    {
        AnswerBody body = new(place);
        try
        {
            using (Utf8JsonWriter json = new(body, options)) write(json);
            return Json(body);
        }
        catch
        {
            body.Dispose();
            throw;
        }
    }

    public static ApiAnswer Bytes(ReadOnlyMemory<byte> bytes) => new(StatusCodes.Status200OK, "application/octet-stream", bytes);

    public static ApiAnswer Error(int status, string error, string message) => Json(new ErrorBody(error, message), ApiJson.Default.ErrorBody, status);

    public static ApiAnswer Invalid(string message) => Error(StatusCodes.Status400BadRequest, "invalid_request", message);

    public static ApiAnswer NotFound(string message = "Document not found") => Error(StatusCodes.Status404NotFound, "not_found", message);

    public static ApiAnswer NoRoom { get; } =
        Error(StatusCodes.Status503ServiceUnavailable, "unavailable", "Too many large answers are being sent").With("Retry-After", "5");

    public static ApiAnswer Moved(string message) => Error(StatusCodes.Status412PreconditionFailed, "precondition_failed", message);

    public static ApiAnswer InsufficientScope(string scope) =>
        Error(StatusCodes.Status403Forbidden, "insufficient_scope", $"This action requires the \"{scope}\" scope");

    public static ApiAnswer Quota(string quota, string message, long current, long limit) =>
        Json(new QuotaErrorBody("quota_exceeded", message, quota, current, limit), ApiJson.Default.QuotaErrorBody, StatusCodes.Status403Forbidden);

    public static ApiAnswer RateLimited(long retryAfterSeconds) =>
        Json(new RateErrorBody("rate_limited", "Too many requests", retryAfterSeconds), ApiJson.Default.RateErrorBody, StatusCodes.Status429TooManyRequests)
            .With("Retry-After", retryAfterSeconds.ToString(CultureInfo.InvariantCulture));

    public ApiAnswer With(string header, string value)
    {
        (_headers ??= []).Add((header, value));
        return this;
    }

    /// <summary>Bytes of a body that is not accounted for yet.</summary>
    public int UnaccountedLength => _body.Length;

    /// <param name="place">Where a large answer is accounted for; null for one that is small.</param>
    public async Task WriteAsync(HttpContext context, ResponsePlace? place = null)
    {
        HttpResponse response = context.Response;
        response.StatusCode = _status;
        response.Headers.CacheControl = "no-store";
        foreach ((string name, string value) in _headers ?? []) response.Headers[name] = value;
        if (_contentType is null) return;
        response.Headers.XContentTypeOptions = "nosniff";
        response.ContentType = _contentType;
        response.ContentLength = _pieces?.Length ?? _body.Length;
        if (HttpMethods.IsHead(context.Request.Method)) return;
        if (_pieces is not null) await _pieces.SendAsync(context).ConfigureAwait(false);
        else if (place is not null) await place.SendAsync(context, _body).ConfigureAwait(false);
        else await response.Body.WriteAsync(_body, context.RequestAborted).ConfigureAwait(false);
    }

    public void Dispose() => _pieces?.Dispose();
}
