using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Ratatoskr.Http.Contracts;

namespace Ratatoskr.Http.Oidc.Development;

/// <summary>What a client of the development provider asked for.</summary>
internal sealed record AuthorizationRequest(string RedirectUri, string State, string Nonce, string CodeChallenge, DateTimeOffset CreatedAt)
{
    /// <summary>Who is signed in; null until the form was sent.</summary>
    public string? Subject { get; init; }
}

/// <summary>
/// An OpenID provider for local runs: whoever sits at this machine signs in under any name, without a password. It is there only while the server listens on
/// loopback alone and no issuer is set, and answers only to this machine. The server talks to it over its own port like to any other provider, so a
/// local sign-in takes the very path of a real one. Its key is new with every start.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed class DevelopmentProvider(PublicAddress address, TimeProvider time) : IDisposable
{
    public const string Path = "/development-provider";
    public const string ClientId = "ratatoskr";

    private const int WaitingMax = 100;
    private static readonly TimeSpan RequestLifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan CodeLifetime = TimeSpan.FromMinutes(1);

    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly string _keyId = Pkce.RandomText();
    private readonly Lock _gate = new();
    private readonly Dictionary<string, AuthorizationRequest> _requests = new(StringComparer.Ordinal); // by the form's secret
    private readonly Dictionary<string, AuthorizationRequest> _codes = new(StringComparer.Ordinal);

    public string Issuer => address.Listening.GetLeftPart(UriPartial.Authority) + Path;

    /// <summary>The same client as for other providers; with TLS it takes the server's own certificate, whoever signed it, and no other.</summary>
    public OidcClient MakeClient(X509Certificate2? certificate)
    {
        SocketsHttpHandler handler = new() { UseProxy = false };
        if (certificate is not null)
            handler.SslOptions.RemoteCertificateValidationCallback = (_, remote, _, _) => remote is not null && remote.GetCertHash(HashAlgorithmName.SHA256).AsSpan().SequenceEqual(certificate.GetCertHash(HashAlgorithmName.SHA256));
        return new OidcClient(new OidcSettings { Issuer = Issuer, ClientId = ClientId, UserIdPrefix = "dev:" }, OidcClient.MakeHttpClient(handler), time);
    }

    /// <summary>From this machine, under this machine's name, and not through a proxy or tunnel that speaks for others.</summary>
    public bool IsForUs(HttpContext context) => address.IsThisMachine(context);

    public ProviderConfigurationBody Configuration => new()
    {
        Issuer = Issuer,
        AuthorizationEndpoint = Issuer + "/authorize",
        TokenEndpoint = Issuer + "/token",
        KeysUri = Issuer + "/keys",
    };

    public ProviderKeysBody Keys
    {
        get
        {
            ECPoint point = _key.ExportParameters(includePrivateParameters: false).Q;
            return new ProviderKeysBody([new ProviderKeyBody("EC", "P-256", Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y), _keyId, SigningKey.Es256, "sig")]);
        }
    }

    /// <summary>Takes a request and gives the secret that its form must bring back: what a foreign page cannot know, it cannot send.</summary>
    /// <returns>null: this is not a request of our own server.</returns>
    public string? Begin(IQueryCollection query)
    {
        if (query["client_id"] is not [ClientId] || query["response_type"] is not ["code"] || query["code_challenge_method"] is not ["S256"]) return null;
        if (query["code_challenge"] is not [{ } challenge] || !Pkce.IsChallenge(challenge)) return null;
        if (query["state"] is not [{ Length: > 0 and <= 512 } state] || query["nonce"] is not [{ Length: > 0 and <= 512 } nonce]) return null;
        if (query["redirect_uri"] is not [{ } redirect] || !IsOurs(redirect)) return null;
        string secret = Pkce.RandomText();
        DateTimeOffset now = time.GetUtcNow();
        lock (_gate)
        {
            MakeRoom(_requests, now - RequestLifetime);
            _requests.Add(secret, new AuthorizationRequest(redirect, state, nonce, challenge, now));
        }

        return secret;
    }

    /// <summary>The form came back.</summary>
    public AuthorizationRequest? Take(string? secret)
    {
        lock (_gate)
        {
            return secret is not null && _requests.Remove(secret, out AuthorizationRequest? request) && time.GetUtcNow() < request.CreatedAt + RequestLifetime ? request : null;
        }
    }

    public string MakeCode(AuthorizationRequest request, string subject)
    {
        string code = Pkce.RandomText();
        DateTimeOffset now = time.GetUtcNow();
        lock (_gate)
        {
            MakeRoom(_codes, now - CodeLifetime);
            _codes.Add(code, request with { Subject = subject, CreatedAt = now });
        }

        return code;
    }

    /// <returns>null: the code is not good, or not for who brings it.</returns>
    public ProviderTokensBody? Exchange(string? code, string? redirectUri, string? verifier, string? clientId)
    {
        AuthorizationRequest? request;
        DateTimeOffset now = time.GetUtcNow();
        lock (_gate)
        {
            if (code is null || !_codes.Remove(code, out request)) return null;
        }

        if (now >= request.CreatedAt + CodeLifetime || request.RedirectUri != redirectUri || clientId != ClientId || !Pkce.Matches(request.CodeChallenge, verifier)) return null;
        return new ProviderTokensBody(Pkce.RandomText(), "Bearer", 60, MakeIdToken(request, now));
    }

    public void Dispose() => _key.Dispose();

    private string MakeIdToken(AuthorizationRequest request, DateTimeOffset now)
    {
        using MemoryStream payload = new();
        using (Utf8JsonWriter json = new(payload))
        {
            json.WriteStartObject();
            json.WriteString("iss", Issuer);
            json.WriteString("sub", request.Subject);
            json.WriteString("aud", ClientId);
            json.WriteNumber("iat", now.ToUnixTimeSeconds());
            json.WriteNumber("exp", now.AddMinutes(1).ToUnixTimeSeconds());
            json.WriteString("nonce", request.Nonce);
            json.WriteString("name", request.Subject);
            json.WriteEndObject();
        }

        string header = Base64Url.EncodeToString(Encoding.UTF8.GetBytes($$"""{"alg":"{{SigningKey.Es256}}","kid":"{{_keyId}}","typ":"JWT"}"""));
        string signed = $"{header}.{Base64Url.EncodeToString(payload.ToArray())}";
        lock (_gate) return $"{signed}.{Base64Url.EncodeToString(_key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation))}";
    }

    private bool IsOurs(string redirect) =>
        Uri.TryCreate(redirect, UriKind.Absolute, out Uri? uri) && OidcSettings.IsLoopbackHost(uri) && uri.Port == address.Listening.Port
        && uri.Scheme == address.Listening.Scheme && uri.AbsolutePath == Endpoints.AuthEndpoints.CallbackPath && uri.Query.Length == 0;

    // Of one machine's owner: when he begins more than a hundred, the oldest goes.
    private static void MakeRoom(Dictionary<string, AuthorizationRequest> waiting, DateTimeOffset oldest)
    {
        foreach ((string key, AuthorizationRequest request) in waiting)
            if (request.CreatedAt <= oldest) waiting.Remove(key);
        if (waiting.Count >= WaitingMax) waiting.Remove(waiting.MinBy(static pair => pair.Value.CreatedAt).Key);
    }
}
