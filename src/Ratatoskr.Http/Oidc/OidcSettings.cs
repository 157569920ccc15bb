using System.Net;

namespace Ratatoskr.Http.Oidc;

/// <summary>Which provider signs people in, and what it knows this server as.</summary>
public sealed record OidcSettings
{
    /// <summary>As the provider writes itself, a slash at the end included or not.</summary>
    public required string Issuer { get; init; }

    public required string ClientId { get; init; }

    /// <summary>null: a public client, which PKCE alone protects.</summary>
    public string? ClientSecret { get; init; }

    /// <summary>Where the provider sends browsers back to; null: the callback below the server's own address.</summary>
    public Uri? RedirectUri { get; init; }

    /// <summary>What user ids begin with.</summary>
    public string UserIdPrefix { get; init; } = "oidc:";

    /// <summary>https, or http that never leaves this machine: whoever can change the answers of a provider can sign in as anybody.</summary>
    public static bool IsSafe(Uri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.IsAbsoluteUri && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && IsLoopbackHost(uri)));
    }

    /// <summary>A loopback address as such, or <c>localhost</c>.</summary>
    public static bool IsLoopbackHost(Uri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        return uri.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
            || (IPAddress.TryParse(uri.Host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address));
    }

    /// <summary>Without the secret: settings end up in logs.</summary>
    public override string ToString() => Issuer;
}
