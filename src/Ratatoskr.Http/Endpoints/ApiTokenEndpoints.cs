using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Endpoints;

/// <summary><c>/api/v1/auth/api-tokens</c>: tokens for programs. A token can hand out another only of what it may do itself, and for no longer.</summary>
internal static class ApiTokenEndpoints
{
    private const string ManageScope = "tokens:manage";
    private const int BodyBytesMax = 64 * 1024;
    private const int NameLengthMax = 100;
    private const int ScopesMax = 50;
    private const int ScopeLengthMax = 100;
    private const int TokensPerUserMax = 500;

    private static readonly string[] s_read = [HttpMethods.Get, HttpMethods.Head];

    public static void MapApiTokens(this IEndpointRouteBuilder routes, AuthServices services)
    {
        routes.MapPost("/api/v1/auth/api-tokens", services.Bearer.Required((context, principal) => CreateAsync(context, principal, services)));
        routes.MapMethods("/api/v1/auth/api-tokens", s_read, services.Bearer.Required((context, principal) => ListAsync(context, principal, services)));
        routes.MapDelete("/api/v1/auth/api-tokens/{id}", services.Bearer.Required((context, principal) => DeleteAsync(context, principal, services)));
    }

    private static async Task CreateAsync(HttpContext context, Principal principal, AuthServices services)
    {
        if (!principal.Scopes.MayManageTokens)
        {
            await BearerAuthentication.InsufficientScopeAsync(context, ManageScope).ConfigureAwait(false);
            return;
        }

        if (await RequestBody.ReadAsync(context, AuthJson.Default.ApiTokenRequest, BodyBytesMax).ConfigureAwait(false) is not { } request) return;
        DateTimeOffset now = services.Options.Time.GetUtcNow();
        if (!TryCheck(request, principal, now, out IReadOnlyList<string>? scopes, out DateTimeOffset? expiresAt, out string wrong))
        {
            await RequestBody.InvalidAsync(context, wrong).ConfigureAwait(false);
            return;
        }

        if (!principal.Scopes.Covers(Scopes.Of(scopes)))
        {
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status403Forbidden, "insufficient_scope", "scopes goes further than those of the token that asks").ConfigureAwait(false);
            return;
        }

        int current = (await services.Options.Store.ListTokensAsync(principal.Id, context.RequestAborted).ConfigureAwait(false)).Count;
        if (current >= TokensPerUserMax)
        {
            await ApiAnswer.Quota("maxApiTokens", "Too many API tokens; delete some", current, TokensPerUserMax).WriteAsync(context).ConfigureAwait(false);
            return;
        }

        string secret = ApiTokens.MakeSecret();
        byte[] hash = new byte[ApiTokens.HashBytes];
        services.Options.Tokens.TryHash(secret, hash);
        TokenRecord token = new(RandomNumberGenerator.GetHexString(32, lowercase: true), principal.Id, request.Name!.Trim(), scopes, now, expiresAt, LastUsedAt: null);
        await services.Options.Store.AddTokenAsync(token, hash, context.RequestAborted).ConfigureAwait(false);
        context.Response.Headers.CacheControl = "no-store";
        await context.Response.WriteAsJsonAsync(
            new NewApiTokenBody(secret, token.Id, token.Name, token.Scopes, ApiTime.Write(token.ExpiresAt), ApiTime.Write(token.CreatedAt)), AuthJson.Default.NewApiTokenBody).ConfigureAwait(false);
    }

    private static bool TryCheck(
        ApiTokenRequest request, Principal principal, DateTimeOffset now, out IReadOnlyList<string>? scopes, out DateTimeOffset? expiresAt, out string wrong)
    {
        scopes = null;
        expiresAt = null;
        wrong = "";
        if (request.Name?.Trim() is not { Length: > 0 and <= NameLengthMax } name || name.Any(char.IsControl))
        {
            wrong = $"name must be 1 to {NameLengthMax} characters";
            return false;
        }

        if (request.Scopes is not null)
        {
            if (request.Scopes.Count > ScopesMax || !request.Scopes.All(IsScope))
            {
                wrong = $"scopes must be at most {ScopesMax} names of 1 to {ScopeLengthMax} characters out of A-Z a-z 0-9 : . _ -";
                return false;
            }

            scopes = [.. request.Scopes.Select(static scope => scope!.Trim()).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        }

        if (request.ExpiresAt is not null)
        {
            if (!ApiTime.TryRead(request.ExpiresAt, out DateTimeOffset time))
            {
                wrong = "expiresAt must be an ISO 8601 time";
                return false;
            }

            if (time <= now)
            {
                wrong = "expiresAt is past";
                return false;
            }

            expiresAt = time;
        }

        if (!principal.IsSession && principal.ExpiresAt is { } own && (expiresAt is null || expiresAt > own))
        {
            wrong = "expiresAt must not be later than that of the token that asks";
            return false;
        }

        return true;
    }

    private static bool IsScope(string? scope) =>
        scope?.Trim() is { Length: > 0 and <= ScopeLengthMax } text && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is ':' or '.' or '_' or '-');

    private static async Task ListAsync(HttpContext context, Principal principal, AuthServices services)
    {
        IReadOnlyList<TokenRecord> tokens = await services.Options.Store.ListTokensAsync(principal.Id, context.RequestAborted).ConfigureAwait(false);
        context.Response.Headers.CacheControl = "no-store";
        IReadOnlyList<ApiTokenBody> bodies = [.. tokens.Select(static token => new ApiTokenBody(
            token.Id, token.Name, token.Scopes, ApiTime.Write(token.LastUsedAt), ApiTime.Write(token.ExpiresAt), ApiTime.Write(token.CreatedAt)))];
        await context.Response.WriteAsJsonAsync(bodies, AuthJson.Default.IReadOnlyListApiTokenBody).ConfigureAwait(false);
    }

    private static async Task DeleteAsync(HttpContext context, Principal principal, AuthServices services)
    {
        if (!principal.Scopes.MayManageTokens)
        {
            await BearerAuthentication.InsufficientScopeAsync(context, ManageScope).ConfigureAwait(false);
            return;
        }

        string id = (string)context.Request.RouteValues["id"]!;
        if (!await services.Options.Store.RemoveTokenAsync(principal.Id, id, CancellationToken.None).ConfigureAwait(false))
        {
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status404NotFound, "not_found", "Token not found").ConfigureAwait(false);
            return;
        }

        await services.Revocation.BindAsync(id).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }
}
