using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace Ratatoskr.Http.Oidc;

/// <summary>
/// Signs people in at one OpenID Connect provider: authorization code flow (Core 1.0 §3.1) with PKCE, state, nonce and the issuer's name in the answer
/// (RFC 9207). Written on the base library: docs/adr says why.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class OidcClient(OidcSettings settings, HttpClient http, TimeProvider time) : IDisposable
{
    private readonly ProviderConnection _provider = new(settings.Issuer, http, time);

    public OidcSettings Settings => settings;

    /// <summary>For a provider's answers: short waits, small bodies, no redirects (a redirect could lead to plain http).</summary>
    public static HttpClient MakeHttpClient(SocketsHttpHandler handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        handler.AllowAutoRedirect = false;
        handler.UseCookies = false;
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5); // names may move
        return new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(10), MaxResponseContentBufferSize = ProviderConnection.AnswerBytesMax };
    }

    /// <summary>Where the browser goes to sign in.</summary>
    /// <exception cref="OidcException">The provider is down.</exception>
    public async Task<Uri> AuthorizationAsync(PendingLogin login, CancellationToken stop)
    {
        ProviderMetadata metadata = await _provider.MetadataAsync(stop).ConfigureAwait(false);
        return new Uri(QueryHelpers.AddQueryString(metadata.AuthorizationEndpoint.AbsoluteUri, new Dictionary<string, string?>
        {
            ["client_id"] = settings.ClientId,
            ["redirect_uri"] = login.RedirectUri,
            ["response_type"] = "code",
            ["scope"] = "openid email profile",
            ["state"] = login.State,
            ["nonce"] = login.Nonce,
            ["code_challenge"] = Pkce.Challenge(login.CodeVerifier),
            ["code_challenge_method"] = "S256",
        }));
    }

    /// <summary>Whether an answer with this <c>iss</c> can be the provider's (RFC 9207 §2.4): an attacker's own provider would name itself, or nobody.</summary>
    public async ValueTask<bool> IsAnswerOfProviderAsync(string? issuer, CancellationToken stop)
    {
        ProviderMetadata metadata = await _provider.MetadataAsync(stop).ConfigureAwait(false);
        return issuer is null ? !metadata.NamesItselfInAnswers : issuer == metadata.Issuer;
    }

    /// <summary>Exchanges the code and checks who it is.</summary>
    /// <exception cref="OidcException">The provider refuses, or says something that does not hold.</exception>
    public async Task<SignedInUser> ExchangeAsync(string code, PendingLogin login, CancellationToken stop)
    {
        ProviderMetadata metadata = await _provider.MetadataAsync(stop).ConfigureAwait(false);
        using JsonDocument answer = await RequestTokenAsync(metadata, code, login, stop).ConfigureAwait(false);
        string idToken = OidcJson.Text(answer.RootElement, "id_token") ?? throw new OidcException("the provider gave no ID token (is the scope openid allowed?)");
        return await IdTokens.ReadAsync(
            idToken, OidcJson.Text(answer.RootElement, "access_token"), login.Nonce, settings.ClientId, metadata.Issuer, _provider, time.GetUtcNow(), stop).ConfigureAwait(false);
    }

    public void Dispose()
    {
        _provider.Dispose();
        http.Dispose();
    }

    private async Task<JsonDocument> RequestTokenAsync(ProviderMetadata metadata, string code, PendingLogin login, CancellationToken stop)
    {
        Dictionary<string, string> form = new()
        {
            ["grant_type"] = "authorization_code",
            ["code"] = code,
            ["redirect_uri"] = login.RedirectUri,
            ["code_verifier"] = login.CodeVerifier,
        };
        using HttpRequestMessage request = new(HttpMethod.Post, metadata.TokenEndpoint);
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (settings.ClientSecret is { } secret && metadata.UsesBasicAuthentication)
        {
            // RFC 6749 §2.3.1: both are form-encoded before they are joined.
            string pair = $"{WebUtility.UrlEncode(settings.ClientId)}:{WebUtility.UrlEncode(secret)}";
            request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(pair)));
        }
        else
        {
            form.Add("client_id", settings.ClientId);
            if (settings.ClientSecret is not null) form.Add("client_secret", settings.ClientSecret);
        }

        request.Content = new FormUrlEncodedContent(form);
        try
        {
            using HttpResponseMessage answer = await http.SendAsync(request, stop).ConfigureAwait(false);
            byte[] body = await answer.Content.ReadAsByteArrayAsync(stop).ConfigureAwait(false);
            if (answer.StatusCode == HttpStatusCode.OK) return OidcJson.Parse(body, "the token endpoint's answer");
            throw new OidcException($"the token endpoint answered {(int)answer.StatusCode}, {OidcJson.Quote(Encoding.UTF8.GetString(body))}");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !stop.IsCancellationRequested)
        {
            throw new OidcException($"{metadata.TokenEndpoint} does not answer: {e.Message}", isProviderDown: true, e);
        }
    }
}
