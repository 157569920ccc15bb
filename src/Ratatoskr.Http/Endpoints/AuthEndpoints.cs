using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Primitives;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Contracts;
using Ratatoskr.Http.Monitoring;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.Oidc.Development;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Http.Endpoints;

/// <summary><c>/api/v1/auth</c>: signing in by the provider, in a popup or for a program on the user's machine; renewing, ending, and who one is.</summary>
public static partial class AuthEndpoints
{
    public const string CallbackPath = "/api/v1/auth/callback";

    private const int BodyBytesMax = 16 * 1024;
    private const int StateLengthMax = 512;

    private static readonly string[] s_read = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>Maps the routes of sign-in, API tokens and, if it is the provider, the development provider.</summary>
    public static void MapAuth(this IEndpointRouteBuilder routes, AuthServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        routes.MapGet("/api/v1/auth/login", (RequestDelegate)(context => LoginAsync(context, services)));
        routes.MapGet(CallbackPath, (RequestDelegate)(context => CallbackAsync(context, services)));
        routes.MapPost("/api/v1/auth/token", (RequestDelegate)(context => TokenAsync(context, services)));
        routes.MapPost("/api/v1/auth/logout", services.Bearer.Required((context, principal) => LogoutAsync(context, principal, services)));
        routes.MapMethods("/api/v1/auth/userinfo", s_read, services.Bearer.Required((context, principal) => UserInfoAsync(context, principal, services)));
        routes.MapGet("/auth/login", (RequestDelegate)(context => Alias(context, "/api/v1/auth/login"))).ExcludeFromDescription();
        routes.MapGet("/auth/callback", (RequestDelegate)(context => Alias(context, CallbackPath))).ExcludeFromDescription();
        routes.MapApiTokens(services);
        if (services.DevelopmentProvider is { } development) routes.MapDevelopmentProvider(development);
    }

    private static async Task LoginAsync(HttpContext context, AuthServices services)
    {
        if (IsKeptOut(context, services)) return;
        string address = services.AddressKeyOf(context);
        int retryAfter = 0;
        bool mayBegin = services.DevelopmentProvider is not null || services.Options.Limiter.TryTake(RateLimitKind.PendingLogins, address, 1, services.Now, out retryAfter);
        if (!mayBegin)
        {
            await ApiAnswer.RateLimited(retryAfter).WriteAsync(context).ConfigureAwait(false);
            return;
        }

        string ownOrigin = services.Options.Address.OriginOf(context.Request);
        ProgramLogin? program = null;
        string? target = null;
        if (context.Request.Query.ContainsKey("redirect_uri"))
        {
            program = await ReadProgramAsync(context).ConfigureAwait(false);
            if (program is null) return;
        }
        else
        {
            // Without an origin, a page of our own asks; a token posted to our own origin reaches nobody else.
            target = context.Request.Query.TryGetValue("origin", out StringValues origin) ? WebOrigin.Normalise(origin.Count == 1 ? origin[0] : null) : ownOrigin;
            if (target is not null && target != ownOrigin && services.Options.AllowedOrigins is { Count: > 0 } allowed && !allowed.Contains(target))
            {
                await ErrorAnswers.WriteAsync(context, StatusCodes.Status403Forbidden, "forbidden", "pages of this origin may not sign people in here").ConfigureAwait(false);
                return;
            }
        }

        PendingLogin login = new()
        {
            RedirectUri = services.Client.Settings.RedirectUri?.OriginalString ?? services.Options.Address.BaseOf(context.Request) + CallbackPath,
            TargetOrigin = target,
            Program = program,
            Address = address,
            CreatedAt = services.Options.Time.GetUtcNow(),
        };
        Uri authorization;
        try
        {
            authorization = await services.Client.AuthorizationAsync(login, context.RequestAborted).ConfigureAwait(false);
        }
        catch (OidcException e)
        {
            services.Metrics?.Ended(SignInOutcome.Failed);
            LogFailed(services.Options.Log, e.Message);
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status502BadGateway, "provider_unavailable", "The sign-in provider cannot be used now").ConfigureAwait(false);
            return;
        }

        if (!services.PendingLogins.TryAdd(login))
        {
            services.Metrics?.Ended(SignInOutcome.Busy);
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status503ServiceUnavailable, "service_busy", "Too many sign-ins are under way").ConfigureAwait(false);
            return;
        }

        services.Metrics?.Begun();
        context.Response.Headers.CacheControl = "no-store";
        if (context.Request.Headers.Accept.ToString().Contains("application/json", StringComparison.OrdinalIgnoreCase))
            await context.Response.WriteAsJsonAsync(new LoginBody(authorization.AbsoluteUri, login.State), AuthJson.Default.LoginBody).ConfigureAwait(false);
        else
            context.Response.Redirect(authorization.AbsoluteUri);
    }

    // null: answered.
    private static async Task<ProgramLogin?> ReadProgramAsync(HttpContext context)
    {
        IQueryCollection query = context.Request.Query;
        string? wrong =
            query["redirect_uri"] is not [{ } text] || !Uri.TryCreate(text, UriKind.Absolute, out Uri? redirect) || redirect.Scheme != Uri.UriSchemeHttp || redirect.UserInfo.Length > 0
                || redirect.Fragment.Length > 0 || text.Length > 512 || !IPAddress.TryParse(redirect.Host.Trim('[', ']'), out IPAddress? host) || !IPAddress.IsLoopback(host)
                ? "redirect_uri must be http://127.0.0.1:<port>/… or http://[::1]:<port>/…"
            : query["code_challenge_method"] is not ["S256"] || query["code_challenge"] is not [{ } challenge] || !Pkce.IsChallenge(challenge)
                ? "code_challenge must be the base64url of a SHA-256, and code_challenge_method S256"
            : query["state"] is not [{ Length: > 0 and <= StateLengthMax } state] || state.Any(char.IsControl)
                ? "state must be 1 to 512 characters"
            : query.ContainsKey("origin")
                ? "redirect_uri and origin cannot both be given"
            : null;
        if (wrong is null) return new ProgramLogin(new Uri(query["redirect_uri"]!), query["code_challenge"]!, query["state"]!);
        await RequestBody.InvalidAsync(context, wrong).ConfigureAwait(false);
        return null;
    }

    private static async Task CallbackAsync(HttpContext context, AuthServices services)
    {
        if (IsKeptOut(context, services)) return;
        IQueryCollection query = context.Request.Query;
        string? code = One(query["code"]), state = One(query["state"]), error = One(query["error"]), issuer = One(query["iss"]);
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers["Referrer-Policy"] = "no-referrer"; // the address holds a code and a state
        if (state is null || (code is null && error is null))
        {
            await RequestBody.InvalidAsync(context, "Missing code or state").ConfigureAwait(false);
            return;
        }

        if (services.PendingLogins.Take(state) is not { } login)
        {
            services.Metrics?.Ended(SignInOutcome.Unknown);
            await RequestBody.InvalidAsync(context, "Invalid or expired state").ConfigureAwait(false);
            return;
        }

        try
        {
            if (!await services.Client.IsAnswerOfProviderAsync(query.ContainsKey("iss") ? issuer ?? "" : null, context.RequestAborted).ConfigureAwait(false))
                throw new OidcException($"the answer names another issuer, {OidcJson.Quote(issuer)}");
            if (error is not null)
            {
                string said = OidcJson.Quote(error), description = OidcJson.Quote(One(query["error_description"]));
                LogRefused(services.Options.Log, said, description);
                bool denied = error is "access_denied" or "login_required" or "consent_required" or "interaction_required";
                services.Metrics?.Ended(denied ? SignInOutcome.Denied : SignInOutcome.Failed);
                await FailAsync(context, login, denied ? StatusCodes.Status403Forbidden : StatusCodes.Status502BadGateway, denied ? "access_denied" : "auth_failed",
                    denied ? "The sign-in was cancelled at the provider" : "The provider could not sign you in").ConfigureAwait(false);
                return;
            }

            SignedInUser user = await services.Client.ExchangeAsync(code!, login, context.RequestAborted).ConfigureAwait(false);
            UserRecord record = await services.Options.Store.SignInAsync(services.Client.Settings.UserIdPrefix + user.Subject, user.Email, user.Name, context.RequestAborted).ConfigureAwait(false);
            services.Metrics?.Ended(login.Program is null ? SignInOutcome.Session : SignInOutcome.Program);
            await WelcomeAsync(context, services, login, record).ConfigureAwait(false);
        }
        catch (OidcException e)
        {
            services.Metrics?.Ended(SignInOutcome.Failed);
            LogFailed(services.Options.Log, e.Message);
            await FailAsync(context, login, StatusCodes.Status500InternalServerError, "auth_failed", "Authentication failed").ConfigureAwait(false);
        }
    }

    private static async Task WelcomeAsync(HttpContext context, AuthServices services, PendingLogin login, UserRecord user)
    {
        UserBody body = Body(user);
        if (login.Program is { } program)
        {
            string code = services.LoginCodes.Add(user.Id, program);
            await AuthPage.WriteAsync(context, StatusCodes.Status200OK, new AuthPageData
            {
                User = body,
                Program = program.RedirectUri.Authority,
                ApproveUrl = Answer(program, "code", code),
                DenyUrl = Answer(program, "error", "access_denied"),
            }).ConfigureAwait(false);
            return;
        }

        IssuedToken issued = await services.UserSessions.BeginAsync(user.Id, context.RequestAborted).ConfigureAwait(false);
        await AuthPage.WriteAsync(context, StatusCodes.Status200OK, new AuthPageData { Token = issued.Token, User = body, TargetOrigin = login.TargetOrigin }).ConfigureAwait(false);
    }

    // People get a page, which also tells the app that waits for the popup; programs get what they asked in.
    private static async Task FailAsync(HttpContext context, PendingLogin login, int status, string error, string message)
    {
        if (login.Program is { } program)
            context.Response.Redirect(Answer(program, "error", error == "access_denied" ? error : "server_error"));
        else if (context.Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase))
            await AuthPage.WriteAsync(context, status, new AuthPageData { Error = message, TargetOrigin = login.TargetOrigin }).ConfigureAwait(false);
        else
            await ErrorAnswers.WriteAsync(context, status, error, message).ConfigureAwait(false);
    }

    private static async Task TokenAsync(HttpContext context, AuthServices services)
    {
        if (context.Request.ContentType is null && context.Request.ContentLength is null or 0)
        {
            await services.Bearer.Required((_, principal) => RenewAsync(context, principal, services))(context).ConfigureAwait(false);
            return;
        }

        if (await RequestBody.ReadAsync(context, AuthJson.Default.TokenRequest, BodyBytesMax).ConfigureAwait(false) is not { } request) return;
        if (request.Code is null)
        {
            await services.Bearer.Required((_, principal) => RenewAsync(context, principal, services))(context).ConfigureAwait(false);
            return;
        }

        // One answer for whatever is wrong with it.
        if (services.LoginCodes.Take(request.Code, request.State, request.CodeVerifier) is not { } login
            || await services.Options.Store.FindUserAsync(login.UserId, context.RequestAborted).ConfigureAwait(false) is not { } user)
        {
            await RequestBody.InvalidAsync(context, "Invalid or expired code, or state or code_verifier are not those it was asked with").ConfigureAwait(false);
            return;
        }

        await WriteTokenAsync(context, await services.UserSessions.BeginAsync(user.Id, context.RequestAborted).ConfigureAwait(false), user).ConfigureAwait(false);
    }

    private static async Task RenewAsync(HttpContext context, Principal principal, AuthServices services)
    {
        if (!principal.IsSession)
        {
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status403Forbidden, "forbidden", "Only sessions are renewed; an API token is good until it ends").ConfigureAwait(false);
            return;
        }

        IssuedToken? issued = await services.UserSessions.RenewAsync(principal, context.RequestAborted).ConfigureAwait(false);
        UserRecord? user = await services.Options.Store.FindUserAsync(principal.Id, context.RequestAborted).ConfigureAwait(false);
        if (issued is { } token && user is not null) await WriteTokenAsync(context, token, user).ConfigureAwait(false);
        else await BearerAuthentication.UnauthorizedAsync(context).ConfigureAwait(false);
    }

    private static async Task LogoutAsync(HttpContext context, Principal principal, AuthServices services)
    {
        if (!principal.IsSession)
        {
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status403Forbidden, "forbidden", "Only sessions sign out; an API token is ended by deleting it").ConfigureAwait(false);
            return;
        }

        await services.UserSessions.EndAsync(principal, CancellationToken.None).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status204NoContent;
    }

    private static async Task UserInfoAsync(HttpContext context, Principal principal, AuthServices services)
    {
        if (await services.Options.Store.FindUserAsync(principal.Id, context.RequestAborted).ConfigureAwait(false) is not { } user)
        {
            await ErrorAnswers.WriteAsync(context, StatusCodes.Status404NotFound, "not_found", "User not found").ConfigureAwait(false);
            return;
        }

        UserUsage usage = await services.Options.Store.UsageAsync(principal.Id, context.RequestAborted).ConfigureAwait(false);
        UserQuotas quotas = user.Quotas;
        context.Response.Headers.CacheControl = "no-store";
        UserBody body = Body(user);
        await context.Response.WriteAsJsonAsync(new UserInfoBody(
            body.Id, body.Email, body.Name, body.UserDocumentId,
            new QuotasBody(quotas.MaxDocuments, quotas.MaxDocumentSize, quotas.MaxTotalStorage, quotas.MaxBlobStorage, quotas.MaxBlobSize),
            new UsageBody(usage.Documents, usage.StorageBytes, usage.BlobBytes)), AuthJson.Default.UserInfoBody).ConfigureAwait(false);
    }

    private static Task WriteTokenAsync(HttpContext context, IssuedToken issued, UserRecord user)
    {
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsJsonAsync(new TokenBody(issued.Token, ApiTime.Write(issued.ExpiresAt), Body(user)), AuthJson.Default.TokenBody);
    }

    // The user document's id is fixed already, but nothing can be opened under it yet; a client that is given one waits for it.
    private static UserBody Body(UserRecord user) => new(user.Id, user.Email, user.Name, UserDocumentId: null);

    private static string Answer(ProgramLogin program, string name, string value) =>
        QueryHelpers.AddQueryString(program.RedirectUri.AbsoluteUri, new Dictionary<string, string?> { [name] = value, ["state"] = program.State });

    private static Task Alias(HttpContext context, string path)
    {
        context.Response.Redirect(path + context.Request.QueryString);
        return Task.CompletedTask;
    }

    // The development provider signs in anybody, so nothing from another machine may come near it.
    private static bool IsKeptOut(HttpContext context, AuthServices services)
    {
        if (services.DevelopmentProvider is null || services.DevelopmentProvider.IsForUs(context)) return false;
        context.Response.StatusCode = StatusCodes.Status403Forbidden;
        return true;
    }

    private static string? One(StringValues values) => values is [{ Length: > 0 and <= 4096 } value] ? value : null;

    [LoggerMessage(Level = LogLevel.Warning, Message = "a sign-in failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "the provider ended a sign-in with {Error}: {Description}")]
    private static partial void LogRefused(ILogger logger, string error, string description);
}
