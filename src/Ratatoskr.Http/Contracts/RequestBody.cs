using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Ratatoskr.Http.Contracts;

/// <summary>Reads JSON bodies; answers itself what is none.</summary>
internal static class RequestBody
{
    /// <returns>null: answered with 400, 413 or 415.</returns>
    public static async Task<T?> ReadAsync<T>(HttpContext context, JsonTypeInfo<T> type, long bytesMax)
        where T : class
    {
        if (!context.Request.HasJsonContentType())
        {
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status415UnsupportedMediaType, "unsupported_media_type", "the body must be JSON, with Content-Type: application/json").ConfigureAwait(false);
            return null;
        }

        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit) limit.MaxRequestBodySize = bytesMax;
        try
        {
            T? body = await context.Request.ReadFromJsonAsync(type, context.RequestAborted).ConfigureAwait(false);
            if (body is not null) return body;
            await InvalidAsync(context, "the body must be a JSON object").ConfigureAwait(false);
        }
        catch (JsonException e)
        {
            string where = e.Path is { Length: > 2 } path ? $"the field {path[2..]} is not what it must be" : "the body is not valid JSON";
            await InvalidAsync(context, where).ConfigureAwait(false);
        }

        return null;
    }

    public static Task InvalidAsync(HttpContext context, string message) =>
        ErrorAnswers.WriteAsync(context, StatusCodes.Status400BadRequest, "invalid_request", message);
}
