using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine.Access;

namespace Ratatoskr.Http.Tokens;

/// <summary>Gives API endpoints the principal of <c>Authorization: Bearer …</c>, and answers those that have none.</summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class BearerAuthentication(AccountAuthenticator authenticator)
{
    private const string Scheme = "Bearer ";

    /// <summary>An endpoint for users only: 401 <c>unauthorized</c> without a valid token.</summary>
    public RequestDelegate Required(Func<HttpContext, Principal, Task> endpoint) => async context =>
    {
        Principal? principal = await FindAsync(context).ConfigureAwait(false);
        if (principal is { IsAnonymous: false }) await endpoint(context, principal).ConfigureAwait(false);
        else if (!context.Response.HasStarted) await UnauthorizedAsync(context).ConfigureAwait(false);
    };

    /// <summary>An endpoint for everybody: anonymous without a token; a token that is not valid is refused, not ignored.</summary>
    public RequestDelegate Optional(Func<HttpContext, Principal, Task> endpoint) => async context =>
    {
        Principal? principal = await FindAsync(context).ConfigureAwait(false);
        if (principal is not null) await endpoint(context, principal).ConfigureAwait(false);
        else if (!context.Response.HasStarted) await UnauthorizedAsync(context).ConfigureAwait(false);
    };

    public static Task UnauthorizedAsync(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = "Bearer";
        return ErrorAnswers.WriteAsync(context, StatusCodes.Status401Unauthorized, "unauthorized", "Authentication required");
    }

    public static Task InsufficientScopeAsync(HttpContext context, string scope) =>
        ErrorAnswers.WriteAsync(context, StatusCodes.Status403Forbidden, "insufficient_scope", $"This action requires the \"{scope}\" scope");

    // null: not valid, or answered already.
    private async ValueTask<Principal?> FindAsync(HttpContext context)
    {
        if (context.Request.QueryString.HasValue && (context.Request.Query.ContainsKey("token") || context.Request.Query.ContainsKey("access_token")))
        {
            // URLs end up in logs, histories and Referer headers; whoever sends one there must notice.
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status400BadRequest, "invalid_request", "a token goes into the Authorization header, not into the URL").ConfigureAwait(false);
            return null;
        }

        StringValues header = context.Request.Headers.Authorization;
        if (header.Count == 0) return Principal.Anonymous;
        if (header is not [{ } value] || !value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)) return null;
        return await authenticator.FindAsync(value[Scheme.Length..].Trim(), context.RequestAborted).ConfigureAwait(false);
    }
}
