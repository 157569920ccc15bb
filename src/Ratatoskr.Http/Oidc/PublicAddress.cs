using System.Net;
using Microsoft.AspNetCore.Http;

namespace Ratatoskr.Http.Oidc;

/// <summary>How browsers reach this server: as <c>BASE_URL</c> says, or by the address it listens on.</summary>
/// <remarks>Safe on any thread once <see cref="Listening"/> is set, which is before the first request.</remarks>
public sealed class PublicAddress(Uri? configured)
{
    private static readonly string[] s_forwarding = ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via"];

    /// <summary>With the real port; known when the port is open.</summary>
    public Uri Listening { get; set; } = new("http://localhost");

    /// <summary>Without a slash at the end.</summary>
    /// <remarks>
    /// A page at <c>localhost</c> and one at <c>127.0.0.1</c> are of different origins to a browser, so a local server answers under the name it was called by.
    /// Names other than these are never taken from a request.
    /// </remarks>
    public string BaseOf(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        if (configured is not null) return configured.AbsoluteUri.TrimEnd('/');
        return IsLocal(request) ? $"{request.Scheme}://{request.Host.Value}" : Listening.GetLeftPart(UriPartial.Authority);
    }

    public string OriginOf(HttpRequest request) => WebOrigin.Of(new Uri(BaseOf(request)));

    /// <summary>Whether the <c>Host</c> header names this machine and our port: what another site's name, pointed here, does not (DNS rebinding).</summary>
    public bool IsLocal(HttpRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        HostString host = request.Host;
        return (host.Port ?? (request.IsHttps ? 443 : 80)) == Listening.Port
            && (host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host.Host.Trim('[', ']'), out IPAddress? address) && IPAddress.IsLoopback(address)));
    }

    /// <summary>Whether a request comes from this machine, under this machine's name, and not through a proxy or tunnel that speaks for others.</summary>
    public bool IsThisMachine(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Connection.RemoteIpAddress is { } remote && IPAddress.IsLoopback(remote.IsIPv4MappedToIPv6 ? remote.MapToIPv4() : remote)
            && IsLocal(context.Request)
            && !s_forwarding.Any(context.Request.Headers.ContainsKey);
    }
}
