using System.Globalization;
using System.Net;
using System.Text;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Http.Oidc;
using Ratatoskr.Http.Tokens;

namespace Ratatoskr.Server.Configuration;

/// <summary>The settings of accounts: who signs people in, under which address, and what they may have.</summary>
internal sealed record AccountSettings
{
    private const string Hidden = "(hidden)";

    private const long BlobStorageDefault = 5L << 30;
    private const long BlobSizeDefault = 1L << 30;

    /// <summary>How the outside reaches the server, without a slash at the end; null: by the address it listens on.</summary>
    public Uri? BaseUrl { get; init; }

    /// <summary>null: the development provider signs people in.</summary>
    public OidcSettings? Provider { get; init; }

    /// <summary>Signs session tokens; null: a key of the data folder does.</summary>
    public byte[]? JwtSecret { get; init; }

    /// <summary>Origins whose pages may use the API and the socket; empty: all.</summary>
    public IReadOnlyList<string> CorsAllowedOrigins { get; init; } = [];

    public ClientAddress Clients { get; init; } = ClientAddress.Direct;

    /// <summary>What a user may have who was given nothing else.</summary>
    public UserQuotas DefaultQuotas { get; init; } = new(10_000, 10L << 20, 1L << 30, BlobStorageDefault, BlobSizeDefault);

    public RateLimits RateLimits { get; init; } = new();

    public BlobSettings Blobs { get; init; } = new();

    /// <summary>Whether the address in front of the world is more than this machine: then the development provider signs nobody in.</summary>
    public bool IsBehindSomething => Clients.HasProxies || BaseUrl is { IsLoopback: false };

    /// <exception cref="SettingException">The first one that cannot be used. Secrets are never shown.</exception>
    public static AccountSettings Read(Func<string, string?> text)
    {
        AccountSettings defaults = new();
        Uri? baseUrl = BaseUrlOf(text("BASE_URL"));
        return new AccountSettings
        {
            BaseUrl = baseUrl,
            Provider = ProviderOf(text),
            JwtSecret = SecretOf(text("JWT_SECRET")),
            CorsAllowedOrigins = OriginsOf(text("CORS_ALLOWED_ORIGINS")) ?? defaults.CorsAllowedOrigins,
            Clients = ClientAddress.TryParse(text("TRUSTED_PROXIES"), out ClientAddress clients, out string? bad)
                ? clients
                : throw new SettingException("TRUSTED_PROXIES", bad!, "it must be IP addresses or networks (192.0.2.0/24), separated by commas"),
            DefaultQuotas = defaults.DefaultQuotas with
            {
                MaxDocuments = Number("DEFAULT_MAX_DOCUMENTS", defaults.DefaultQuotas.MaxDocuments),
                MaxDocumentSize = Number("DEFAULT_MAX_DOCUMENT_SIZE", defaults.DefaultQuotas.MaxDocumentSize),
                MaxTotalStorage = Number("DEFAULT_MAX_TOTAL_STORAGE", defaults.DefaultQuotas.MaxTotalStorage),
                MaxBlobStorage = Number("DEFAULT_MAX_BLOB_STORAGE", defaults.DefaultQuotas.MaxBlobStorage),
                MaxBlobSize = Number("DEFAULT_MAX_BLOB_SIZE", defaults.DefaultQuotas.MaxBlobSize),
            },
            Blobs = BlobSettings.Read(text),
            RateLimits = defaults.RateLimits with
            {
                AnonymousConnections = Rate("ANON_RATE_LIMIT_CONNECTIONS", defaults.RateLimits.AnonymousConnections),
                AnonymousMessages = Rate("ANON_RATE_LIMIT_MESSAGES", defaults.RateLimits.AnonymousMessages),
                AnonymousBandwidth = Rate("ANON_RATE_LIMIT_BANDWIDTH", defaults.RateLimits.AnonymousBandwidth),
                AnonymousEphemeral = Rate("ANON_RATE_LIMIT_EPHEMERAL", defaults.RateLimits.AnonymousEphemeral),
                RestAnonymous = Rate("ANON_RATE_LIMIT_REQUESTS", defaults.RateLimits.RestAnonymous),
                UserConnections = Rate("AUTH_RATE_LIMIT_CONNECTIONS", defaults.RateLimits.UserConnections),
                UserDocuments = Rate("AUTH_RATE_LIMIT_DOCUMENTS", defaults.RateLimits.UserDocuments),
                UserBandwidth = Rate("AUTH_RATE_LIMIT_BANDWIDTH", defaults.RateLimits.UserBandwidth),
                RestUser = Rate("AUTH_RATE_LIMIT_REQUESTS", defaults.RateLimits.RestUser),
            },
        };

        // The period is the limit's own; 0 is no limit.
        RateLimit Rate(string name, RateLimit otherwise) =>
            new(Number(name, otherwise.Amount), otherwise.IsNone ? RateLimit.PerMinute(1).PeriodSeconds : otherwise.PeriodSeconds);

        long Number(string name, long otherwise)
        {
            if (text(name) is not { } value) return otherwise;
            return long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number <= 1L << 50
                ? number
                : throw new SettingException(name, value, "it must be a whole number from 0 to 1125899906842624");
        }
    }

    /// <exception cref="SettingException">Nobody could sign in, or everybody could.</exception>
    public void Check(IPAddress? address)
    {
        bool loopbackOnly = address is null || IPAddress.IsLoopback(address);
        if (Provider is null)
        {
            if (!loopbackOnly)
                throw new SettingException("HOST", address!.ToString(), "without OIDC_ISSUER it must be a loopback address (or set ACCESS_MODE=open: no accounts at all)");
            if (Clients.HasProxies) throw new SettingException("OIDC_ISSUER", "", "it must name who signs people in, as TRUSTED_PROXIES is set");
            if (IsBehindSomething) throw new SettingException("OIDC_ISSUER", "", "it must name who signs people in, as BASE_URL is not an address of this machine alone");
        }
        else if (!loopbackOnly && BaseUrl is null && Provider.RedirectUri is null)
        {
            throw new SettingException("BASE_URL", "", "it must say how browsers reach this server (https://sync.example.org), so that the provider can send them back");
        }
    }

    private static OidcSettings? ProviderOf(Func<string, string?> text)
    {
        string? client = text("OIDC_CLIENT_ID"), secret = text("OIDC_CLIENT_SECRET"), redirect = text("OIDC_REDIRECT_URI");
        if (text("OIDC_ISSUER") is not { } issuer)
        {
            // Half a provider is a mistake, and the development provider is not what was meant.
            if (client is null && secret is null && redirect is null) return null;
            throw new SettingException("OIDC_ISSUER", "", "other OIDC settings are there, so it must name the provider");
        }

        if (!Uri.TryCreate(issuer, UriKind.Absolute, out Uri? uri) || !OidcSettings.IsSafe(uri) || uri.Query.Length > 0 || uri.Fragment.Length > 0 || uri.UserInfo.Length > 0)
            throw new SettingException("OIDC_ISSUER", issuer, "it must be an https address without a query (http only on this machine: 127.0.0.1, [::1], localhost)");
        if (client is null) throw new SettingException("OIDC_CLIENT_ID", "", "OIDC_ISSUER is set, so it must be this server's name at the provider");
        Uri? back = null;
        if (redirect is not null && (!Uri.TryCreate(redirect, UriKind.Absolute, out back) || back.Scheme is not ("http" or "https") || back.Fragment.Length > 0))
            throw new SettingException("OIDC_REDIRECT_URI", redirect, "it must be an http or https address, and end at /api/v1/auth/callback of this server");
        return new OidcSettings { Issuer = issuer, ClientId = client, ClientSecret = secret, RedirectUri = back };
    }

    private static Uri? BaseUrlOf(string? text)
    {
        if (text is null) return null;
        return Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.Query.Length == 0 && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0
            ? new Uri(uri.GetLeftPart(UriPartial.Path).TrimEnd('/'))
            : throw new SettingException("BASE_URL", text, "it must be an http or https address without a query");
    }

    private static byte[]? SecretOf(string? text)
    {
        if (text is null) return null;
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length >= KeyFolder.KeyBytesMin
            ? bytes
            : throw new SettingException("JWT_SECRET", Hidden, $"it must have at least {KeyFolder.KeyBytesMin} bytes, better random ones (openssl rand -hex 32)");
    }

    // null and * are the same: every origin. Credentials are no cookies, so another site's page cannot use a user's by itself.
    private static List<string>? OriginsOf(string? text)
    {
        if (text is null or "*") return null;
        List<string> origins = [];
        foreach (string entry in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            string? origin = WebOrigin.Normalise(entry);
            if (origin is null || new Uri(entry).PathAndQuery != "/")
                throw new SettingException("CORS_ALLOWED_ORIGINS", entry, "it must be *, or origins (https://app.example.org) without a path, separated by commas");
            origins.Add(origin);
        }

        return origins;
    }
}
