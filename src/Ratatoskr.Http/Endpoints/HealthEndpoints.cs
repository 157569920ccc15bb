using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// <c>/health</c>: the process lives (restart it when this fails). <c>/ready</c>: it can serve (send it no peers while this fails).
/// </summary>
public static class HealthEndpoints
{
    private static readonly string[] s_methods = [HttpMethods.Get, HttpMethods.Head];

    public static void MapHealth(this IEndpointRouteBuilder routes, IReadiness readiness)
    {
        routes.MapMethods("/health", s_methods, Health);
        routes.MapMethods("/ready", s_methods, context => Ready(context, readiness));
    }

    /// <summary>The same two before anything else can be answered; all other paths are told to come back.</summary>
    public static Task AnswerWhileStarting(HttpContext context, IReadiness readiness)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(readiness);
        if (HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method))
        {
            if (context.Request.Path == "/health") return Health(context);
            if (context.Request.Path == "/ready") return Ready(context, readiness);
        }

        context.Response.Headers.RetryAfter = "5";
        return ErrorAnswers.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "not_ready", readiness.NotReadyBecause ?? "the server starts");
    }

    private static Task Health(HttpContext context) => Answer(context, new StatusBody("ok"));

    private static Task Ready(HttpContext context, IReadiness readiness) => readiness.NotReadyBecause is { } reason
        ? ErrorAnswers.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "not_ready", reason)
        : Answer(context, new StatusBody("ready"));

    private static Task Answer(HttpContext context, StatusBody body)
    {
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(body, ApiJson.Default.StatusBody);
    }
}
