namespace Ratatoskr.Http.Oidc;

/// <summary>Origins as browsers write them (RFC 6454): scheme, host, and the port unless it is the scheme's own.</summary>
public static class WebOrigin
{
    /// <returns>null: not an origin of a web page; opaque ones (<c>null</c>, <c>file:</c>, <c>data:</c>) neither.</returns>
    public static string? Normalise(string? text) =>
        text is { Length: > 0 and <= 2048 } && Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https" && uri.Host.Length > 0 && uri.UserInfo.Length == 0
            ? Of(uri)
            : null;

    public static string Of(Uri uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        string host = uri.HostNameType == UriHostNameType.IPv6 ? uri.Host : uri.IdnHost;
        return uri.IsDefaultPort ? $"{uri.Scheme}://{host}" : $"{uri.Scheme}://{host}:{uri.Port}";
    }
}
