using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>How often the API may be used: by address without credentials or with bad ones, by user with good ones. Answers 429 with <c>Retry-After</c>.</summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class RestLimits(RateLimiter limiter, ClientAddress clients, TimeProvider time)
{
    private const string ApiPath = "/api";

    /// <summary>Goes before the endpoints: requests without credentials are counted before anything is done for them, and those with bad ones before the next.</summary>
    public RequestDelegate BeforeEndpoints(RequestDelegate next) => context =>
    {
        if (!context.Request.Path.StartsWithSegments(ApiPath, StringComparison.Ordinal)) return next(context);
        string address = AddressOf(context);
        if (!StringValues.IsNullOrEmpty(context.Request.Headers.Authorization)) return WithCredentialsAsync(context, address, next);
        return TryTake(RateLimitKind.RestAnonymous, address, out int retryAfter) ? next(context) : ApiAnswer.RateLimited(retryAfter).WriteAsync(context);
    };

    /// <summary>One request of a user.</summary>
    /// <returns>null when he may, else the answer.</returns>
    internal ApiAnswer? Request(Principal principal) => Take(RateLimitKind.RestUser, principal);

    /// <summary>One document created by a user.</summary>
    internal ApiAnswer? Creation(Principal principal) => Take(RateLimitKind.UserDocuments, principal);

    /// <summary>Whom a request without credentials is counted for.</summary>
    internal string AddressOf(HttpContext context) => clients.KeyOf(context.Connection.RemoteIpAddress, context.Request.Headers["X-Forwarded-For"]);

    private async Task WithCredentialsAsync(HttpContext context, string address, RequestDelegate next)
    {
        if (!limiter.HasRoom(RateLimitKind.FailedCredentials, address, Now, out int retryAfter))
        {
            await ApiAnswer.RateLimited(retryAfter).WriteAsync(context).ConfigureAwait(false);
            return;
        }

        await next(context).ConfigureAwait(false);
        if (context.Response.StatusCode == StatusCodes.Status401Unauthorized) TryTake(RateLimitKind.FailedCredentials, address, out _);
    }

    private ApiAnswer? Take(RateLimitKind kind, Principal principal) => TryTake(kind, principal.Id, out int retryAfter) ? null : ApiAnswer.RateLimited(retryAfter);

    private bool TryTake(RateLimitKind kind, string key, out int retryAfter) =>
        limiter.TryTake(kind, key, 1, Now, out retryAfter);

    private Timestamp Now => new(time.GetUtcNow().ToUnixTimeMilliseconds());
}
