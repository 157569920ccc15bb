using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Ratatoskr.Http;

/// <summary>
/// Says to browsers which other sites' pages may use the API: all, unless <c>CORS_ALLOWED_ORIGINS</c> lists some. Credentials are tokens in a header, never cookies,
/// so a page can do nothing that its own script could not do with a token it holds.
/// </summary>
/// <remarks>Immutable; safe on any thread.</remarks>
/// <param name="allowed">Origins as browsers write them; empty for all.</param>
public sealed class Cors(IReadOnlyList<string> allowed)
{
    private const string Methods = "GET, HEAD, POST, PUT, DELETE, OPTIONS";
    private const string Exposed = "ETag, Retry-After, Content-Disposition, WWW-Authenticate, Content-Length, Content-Range, Accept-Ranges";

    // Asked again once in so many seconds: browsers keep less anyway.
    private const string MaxAgeSeconds = "7200";

    private readonly HashSet<string> _allowed = new(allowed.Select(origin => origin.TrimEnd('/')), StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a page of this origin may use the server. Whoever sends none is no page.</summary>
    public bool Allows(string? origin) => string.IsNullOrEmpty(origin) || _allowed.Count == 0 || _allowed.Contains(origin);

    /// <summary>Goes before everything that answers, so that errors can be read too.</summary>
    public RequestDelegate Use(RequestDelegate next) => context =>
    {
        StringValues origin = context.Request.Headers.Origin;
        bool isAllowed = origin.Count == 1 && Allows(origin[0]);

        // Last of all, since an endpoint that fails has its headers cleared.
        context.Response.OnStarting(static state => ((Answer)state).Write(), new Answer(context.Response.Headers, isAllowed ? _allowed.Count == 0 ? "*" : origin[0] : null, _allowed.Count > 0));
        if (origin.Count == 0) return next(context);
        bool isPreflight = HttpMethods.IsOptions(context.Request.Method) && context.Request.Headers.AccessControlRequestMethod.Count > 0;
        if (!isPreflight) return next(context);
        if (isAllowed)
        {
            IHeaderDictionary answer = context.Response.Headers;
            answer.AccessControlAllowMethods = Methods;
            answer.AccessControlAllowHeaders = context.Request.Headers.AccessControlRequestHeaders is { Count: > 0 } asked ? asked : "Authorization, Content-Type, If-Match";
            answer.AccessControlMaxAge = MaxAgeSeconds;
        }

        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    };

    private sealed class Answer(IHeaderDictionary headers, string? origin, bool varies)
    {
        public Task Write()
        {
            if (varies) headers.Append("Vary", "Origin");
            if (origin is not null)
            {
                headers.AccessControlAllowOrigin = origin;
                headers.AccessControlExposeHeaders = Exposed;
            }

            return Task.CompletedTask;
        }
    }
}

/// <summary>Puts it into the pipeline.</summary>
public static class CorsExtensions
{
    public static IApplicationBuilder UseCors(this IApplicationBuilder app, Cors cors)
    {
        ArgumentNullException.ThrowIfNull(cors);
        return app.Use(cors.Use);
    }
}
