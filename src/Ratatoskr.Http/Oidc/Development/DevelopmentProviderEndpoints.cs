using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.WebUtilities;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Oidc.Development;

/// <summary>The development provider's routes: configuration, keys, the form that asks for a name, and the exchange of codes.</summary>
internal static class DevelopmentProviderEndpoints
{
    private const int NameLengthMax = 64;

    public static void MapDevelopmentProvider(this IEndpointRouteBuilder routes, DevelopmentProvider provider)
    {
        Map(HttpMethods.Get, "/.well-known/openid-configuration", context => context.Response.WriteAsJsonAsync(provider.Configuration, AuthJson.Default.ProviderConfigurationBody));
        Map(HttpMethods.Get, "/keys", context => context.Response.WriteAsJsonAsync(provider.Keys, AuthJson.Default.ProviderKeysBody));
        Map(HttpMethods.Get, "/authorize", context => AskAsync(context, provider));
        Map(HttpMethods.Post, "/authorize", context => AnswerAsync(context, provider));
        Map(HttpMethods.Post, "/token", context => TokenAsync(context, provider));

        void Map(string method, string path, RequestDelegate endpoint) => routes.MapMethods(DevelopmentProvider.Path + path, [method], context =>
        {
            context.Response.Headers.CacheControl = "no-store";
            return provider.IsForUs(context)
                ? endpoint(context)
                : ErrorAnswers.WriteAsync(context, StatusCodes.Status403Forbidden, "forbidden", "the development provider serves this machine only");
        }).ExcludeFromDescription();
    }

    private static Task AskAsync(HttpContext context, DevelopmentProvider provider)
    {
        if (provider.Begin(context.Request.Query) is not { } secret) return RequestBody.InvalidAsync(context, "this is not a sign-in of this server");
        HttpResponse response = context.Response;
        response.ContentType = "text/html; charset=utf-8";

        // The form's answer is a redirect to the callback, which may be under this machine's other name.
        string callback = WebOrigin.Of(new Uri(context.Request.Query["redirect_uri"]!));
        response.Headers.ContentSecurityPolicy = $"default-src 'none'; base-uri 'none'; form-action 'self' {callback}; frame-ancestors 'none'";
        response.Headers.XFrameOptions = "DENY";
        response.Headers["Referrer-Policy"] = "same-origin";
        return response.WriteAsync(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Ratatoskr: development sign-in</title></head>
            <body><main>
            <h1>Who are you?</h1>
            <p>No sign-in provider is set (OIDC_ISSUER), and this server can be reached from this machine only: say any name.</p>
            <form method="post" action="{DevelopmentProvider.Path}/authorize">
            <input type="hidden" name="request" value="{WebUtility.HtmlEncode(secret)}">
            <label>Name <input name="name" autocomplete="username" maxlength="{NameLengthMax}" pattern="[A-Za-z0-9._\-]+" autofocus></label>
            <button name="do" value="sign-in">Sign in</button> <button name="do" value="cancel">Cancel</button>
            </form>
            </main></body></html>
            """);
    }

    private static async Task AnswerAsync(HttpContext context, DevelopmentProvider provider)
    {
        // Browsers say where a form comes from; another site's has no business here, and does not know the secret either.
        string own = $"{context.Request.Scheme}://{context.Request.Host.Value}";
        IFormCollection? form = context.Request.Headers.Origin is [] || context.Request.Headers.Origin == own ? await FormAsync(context).ConfigureAwait(false) : null;
        if (form is null || provider.Take(form["request"]) is not { } request)
        {
            await RequestBody.InvalidAsync(context, "this form is not of this server, was sent before, or is too old").ConfigureAwait(false);
            return;
        }

        Dictionary<string, string?> answer = new() { ["state"] = request.State, ["iss"] = provider.Issuer };
        string name = form["name"].ToString().Trim();
        if (form["do"] == "cancel") answer["error"] = "access_denied";
        else if (IsName(name)) answer["code"] = provider.MakeCode(request, name);
        else
        {
            await RequestBody.InvalidAsync(context, $"name must be 1 to {NameLengthMax} characters out of A-Z a-z 0-9 . _ -").ConfigureAwait(false);
            return;
        }

        context.Response.StatusCode = StatusCodes.Status303SeeOther;
        context.Response.Headers.Location = QueryHelpers.AddQueryString(request.RedirectUri, answer);
    }

    private static async Task TokenAsync(HttpContext context, DevelopmentProvider provider)
    {
        IFormCollection? form = await FormAsync(context).ConfigureAwait(false);
        ProviderTokensBody? tokens = form is not null && form["grant_type"] == "authorization_code" ? provider.Exchange(form["code"], form["redirect_uri"], form["code_verifier"], form["client_id"]) : null;
        if (tokens is null) await ErrorAnswers.WriteAsync(context, StatusCodes.Status400BadRequest, "invalid_grant", "the code is not good").ConfigureAwait(false);
        else await context.Response.WriteAsJsonAsync(tokens, AuthJson.Default.ProviderTokensBody).ConfigureAwait(false);
    }

    private static bool IsName(string name) => name.Length is > 0 and <= NameLengthMax && name.All(static c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    private static async Task<IFormCollection?> FormAsync(HttpContext context)
    {
        const int formBytesMax = 16 * 1024;
        if (!context.Request.HasFormContentType || context.Request.ContentLength is null or > formBytesMax) return null;
        try
        {
            return await context.Request.ReadFormAsync(context.RequestAborted).ConfigureAwait(false);
        }
        catch (InvalidDataException)
        {
            return null;
        }
    }
}
