using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// The page a sign-in ends on. It shows who signed in and who wants to act for him, and hands the token to the page that opened it only when the person
/// approves, and only if that page is of the origin the sign-in was begun for. What it knows stands in <c>#auth-data</c>, as the original's clients read it.
/// </summary>
internal static class AuthPage
{
    private const string Style = """
        :root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;margin:0;display:grid;place-items:center;min-height:100vh}
        main{max-width:26rem;padding:1.5rem;text-align:center}h1{font-size:1.3rem}b{overflow-wrap:anywhere}.warning{color:#b3261e}
        button{font:inherit;padding:.5rem 1.5rem;margin:.5rem;border:1px solid #8888;border-radius:.4rem;cursor:pointer}button:disabled{opacity:.5;cursor:default}
        #approve{background:#1a5fb4;color:#fff}[hidden]{display:none}
        """;

    // All text goes in as text. The buttons wake a moment after the page can be seen, so that a click meant for what was there before does not approve.
    private const string Script = """
        (() => {
          const data = JSON.parse(document.getElementById("auth-data").textContent)
          const by = id => document.getElementById(id)
          const show = (title, text, warning) => {
            by("title").textContent = title
            by("text").textContent = text
            by("text").className = warning ? "warning" : ""
          }
          history.replaceState(null, "", location.pathname)
          const opener = window.opener
          const tell = message => opener.postMessage({ type: "ratatoskr:auth", ...message }, data.targetOrigin)
          const person = data.user && (data.user.name || data.user.email || data.user.id)
          if (data.error) {
            show("Sign-in failed", data.error + ". You can close this window.", true)
            if (opener && data.targetOrigin) tell({ error: data.error })
            return
          }
          const isProgram = Boolean(data.approveUrl)
          if (!isProgram && !opener) return show("Authentication Successful", "You are signed in as " + person + ". You can close this window.")
          show("Sign in as " + person + "?", "")
          by("who").textContent = isProgram ? "A program on this computer (" + data.program + ")" : data.targetOrigin || "A page of unknown origin"
          by("asks").hidden = by("buttons").hidden = false
          const approve = by("approve"), deny = by("deny")
          const wake = () => setTimeout(() => { deny.disabled = false; approve.disabled = !isProgram && !data.targetOrigin }, 500)
          if (document.visibilityState === "visible") wake()
          else document.addEventListener("visibilitychange", wake, { once: true })
          if (!isProgram && !data.targetOrigin) show("This page cannot be signed in", "The page that opened this window did not say who it is, so nothing can be given to it.", true)
          const end = (url, message) => {
            approve.disabled = deny.disabled = true
            if (isProgram) return location.replace(url)
            if (data.targetOrigin) tell(message)
            window.close()
          }
          approve.addEventListener("click", event => event.isTrusted && end(data.approveUrl, { token: data.token, user: data.user }))
          deny.addEventListener("click", event => event.isTrusted && end(data.denyUrl, { error: "User denied the login request" }))
        })()
        """;

    private static readonly string s_policy =
        $"default-src 'none'; style-src '{HashOf(Style)}'; script-src '{HashOf(Script)}'; img-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    public static Task WriteAsync(HttpContext context, int status, AuthPageData data)
    {
        // The serialiser's own escaping writes < > & ' and what is not ASCII as \u escapes, so the data cannot end its element.
        string json = JsonSerializer.Serialize(data, AuthJson.Default.AuthPageData);
        HttpResponse response = context.Response;
        response.StatusCode = status;
        response.ContentType = "text/html; charset=utf-8";
        response.Headers.ContentSecurityPolicy = s_policy;
        response.Headers.CacheControl = "no-store";
        response.Headers.XContentTypeOptions = "nosniff";
        response.Headers.XFrameOptions = "DENY";
        response.Headers["Referrer-Policy"] = "no-referrer";
        return response.WriteAsync(
            $"""
            <!DOCTYPE html>
            <html lang="en">
            <head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Ratatoskr: sign in</title><style>{Style}</style></head>
            <body><main>
            <h1 id="title">Sign in</h1>
            <p id="text"><noscript>This page needs JavaScript.</noscript></p>
            <p id="asks" hidden><b id="who"></b> asks to act for you here: to read and change your documents.</p>
            <p id="buttons" hidden><button id="deny" disabled>Deny</button><button id="approve" disabled>Approve</button></p>
            </main>
            <script id="auth-data" type="application/json">{json}</script>
            <script>{Script}</script>
            </body></html>
            """);
    }

    private static string HashOf(string text) => "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
