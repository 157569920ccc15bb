using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http;

/// <summary>Gives every error a body of <c>{error, message}</c>: those of endpoints, of routing (404, 405) and of our own faults (500).</summary>
public static partial class ErrorAnswers
{
    /// <summary>Goes before everything that may answer with an error.</summary>
    public static IApplicationBuilder UseErrorAnswers(this IApplicationBuilder app, ILogger logger) =>
        app.Use(next => context => InvokeAsync(context, next, logger));

    /// <summary>Writes one error answer.</summary>
    public static Task WriteAsync(HttpContext context, int status, string error, string message)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(new ErrorBody(error, message), ApiJson.Default.ErrorBody);
    }

    private static async Task InvokeAsync(HttpContext context, RequestDelegate next, ILogger logger)
    {
        try
        {
            await next(context).ConfigureAwait(false);
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await WriteAsync(context, e.StatusCode, Code(e.StatusCode), e.Message).ConfigureAwait(false);
            return;
        }
        catch (StorageException e) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            LogUnavailable(logger, e, context.Request.Method, context.Request.Path);
            context.Response.Clear();
            context.Response.Headers.RetryAfter = "5";
            await WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "storage_unavailable", "The server cannot store or read anything at the moment").ConfigureAwait(false);
            return;
        }
        catch (Exception e) when (!context.RequestAborted.IsCancellationRequested)
        {
            LogFailed(logger, e, context.Request.Method, context.Request.Path);
            if (context.Response.HasStarted) throw;
            context.Response.Clear();
            await WriteAsync(context, 500, Code(500), "the server failed; its log says why").ConfigureAwait(false);
            return;
        }

        HttpResponse response = context.Response;
        if (response.StatusCode < 400 || response.HasStarted || response.ContentLength is > 0 || response.ContentType is not null) return;
        await WriteAsync(context, response.StatusCode, Code(response.StatusCode), Sentence(context)).ConfigureAwait(false);
    }

    // The codes of the API (docs: error table) and, for what only the framework says, its phrase in the same form.
    private static string Code(int status) => status switch
    {
        400 => "invalid_request",
        401 => "unauthorized",
        403 => "forbidden",
        404 => "not_found",
        409 => "conflict",
        429 => "rate_limited",
        500 => "internal_error",
        _ => ReasonPhrases.GetReasonPhrase(status) is { Length: > 0 } phrase ? phrase.ToLowerInvariant().Replace(' ', '_') : "error",
    };

    private static string Sentence(HttpContext context) => context.Response.StatusCode switch
    {
        404 => "there is nothing at this path",
        405 => $"{context.Request.Method} is not allowed here",
        int status => ReasonPhrases.GetReasonPhrase(status),
    };

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} failed")]
    private static partial void LogFailed(ILogger logger, Exception exception, string method, string path);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Method} {Path} was answered with 503: the storage is not available")]
    private static partial void LogUnavailable(ILogger logger, Exception exception, string method, string path);
}
