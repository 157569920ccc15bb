using System.Text.Json;

namespace Ratatoskr.Http.Oidc;

/// <summary>What a provider says of itself (OpenID Connect Discovery 1.0 §3), as far as a sign-in needs it.</summary>
internal sealed record ProviderMetadata
{
    public required string Issuer { get; init; }

    public required Uri AuthorizationEndpoint { get; init; }

    public required Uri TokenEndpoint { get; init; }

    public required Uri KeysUri { get; init; }

    /// <summary>How the token endpoint wants the client's secret: in the Authorization header (true) or in the form.</summary>
    public bool UsesBasicAuthentication { get; init; } = true;

    /// <summary>RFC 9207: it names itself in its answers, so one without a name is not from it.</summary>
    public bool NamesItselfInAnswers { get; init; }

    /// <exception cref="OidcException">Something needed is missing, or is not where it may be.</exception>
    public static ProviderMetadata Parse(ReadOnlyMemory<byte> json, string configuredIssuer)
    {
        using JsonDocument document = OidcJson.Parse(json, "the provider's configuration");
        JsonElement root = document.RootElement;
        string issuer = OidcJson.Text(root, "issuer") ?? throw Incomplete("issuer");

        // Discovery §4.3. A slash at the end is where people slip; nothing else may differ.
        if (issuer.TrimEnd('/') != configuredIssuer.TrimEnd('/'))
            throw new OidcException($"the provider at {configuredIssuer} says it is {OidcJson.Quote(issuer)}", isProviderDown: true);
        IReadOnlyList<string>? methods = OidcJson.Texts(root, "token_endpoint_auth_methods_supported");
        return new ProviderMetadata
        {
            Issuer = issuer,
            AuthorizationEndpoint = Endpoint("authorization_endpoint"),
            TokenEndpoint = Endpoint("token_endpoint"),
            KeysUri = Endpoint("jwks_uri"),
            UsesBasicAuthentication = methods is null || methods.Contains("client_secret_basic") || !methods.Contains("client_secret_post"), // Basic is the default
            NamesItselfInAnswers = root.TryGetProperty("authorization_response_iss_parameter_supported", out JsonElement names) && names.ValueKind == JsonValueKind.True,
        };

        Uri Endpoint(string name)
        {
            string text = OidcJson.Text(root, name) ?? throw Incomplete(name);
            return Uri.TryCreate(text, UriKind.Absolute, out Uri? uri) && OidcSettings.IsSafe(uri)
                ? uri
                : throw new OidcException($"the provider's {name} {OidcJson.Quote(text)} is neither https nor on this machine", isProviderDown: true);
        }

        static OidcException Incomplete(string name) => new($"the provider's configuration has no {name}", isProviderDown: true);
    }
}
