using System.Text.Json.Serialization;

namespace Ratatoskr.Http.Contracts;

/// <summary><c>GET /auth/login</c> for programs that show the address themselves.</summary>
internal sealed record LoginBody(string Url, string State);

/// <summary><c>POST /auth/token</c>: a one-time code; or nothing, to renew the session that asks.</summary>
internal sealed record TokenRequest
{
    public string? Code { get; init; }

    public string? State { get; init; }

    [JsonPropertyName("code_verifier")]
    public string? CodeVerifier { get; init; }
}

internal sealed record TokenBody(string Token, string ExpiresAt, UserBody User);

/// <param name="UserDocumentId">Null while there is no user document to open.</param>
internal sealed record UserBody(string Id, string? Email, string? Name, string? UserDocumentId);

/// <summary><c>GET /auth/userinfo</c>.</summary>
internal sealed record UserInfoBody(string Id, string? Email, string? Name, string? UserDocumentId, QuotasBody Quotas, UsageBody Usage);

/// <summary>Bytes, and a number of documents.</summary>
internal sealed record QuotasBody(long MaxDocuments, long MaxDocumentSize, long MaxTotalStorage, long MaxBlobStorage, long MaxBlobSize);

/// <param name="Storage">Bytes of all documents together.</param>
/// <param name="BlobStorage">Bytes of the blobs that the user or his documents have claimed, and of uploads under way.</param>
internal sealed record UsageBody(long Documents, long Storage, long BlobStorage);

internal sealed record ApiTokenRequest
{
    public string? Name { get; init; }

    public IReadOnlyList<string?>? Scopes { get; init; }

    public string? ExpiresAt { get; init; }
}

/// <summary>The one answer that holds the token itself.</summary>
internal sealed record NewApiTokenBody(string Token, string Id, string Name, IReadOnlyList<string>? Scopes, string? ExpiresAt, string CreatedAt);

internal sealed record ApiTokenBody(string Id, string Name, IReadOnlyList<string>? Scopes, string? LastUsedAt, string? ExpiresAt, string CreatedAt);

/// <summary>What the sign-in page's script reads: either a token for the page that opened it, or the two ways on of a program.</summary>
internal sealed record AuthPageData
{
    public string? Token { get; init; }

    public UserBody? User { get; init; }

    public string? TargetOrigin { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Program { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? ApproveUrl { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? DenyUrl { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Error { get; init; }
}

/// <summary>The development provider's own answers, as the standards name their fields.</summary>
internal sealed record ProviderConfigurationBody
{
    [JsonPropertyName("issuer")]
    public required string Issuer { get; init; }

    [JsonPropertyName("authorization_endpoint")]
    public required string AuthorizationEndpoint { get; init; }

    [JsonPropertyName("token_endpoint")]
    public required string TokenEndpoint { get; init; }

    [JsonPropertyName("jwks_uri")]
    public required string KeysUri { get; init; }

    [JsonPropertyName("response_types_supported")]
    public IReadOnlyList<string> ResponseTypes { get; init; } = ["code"];

    [JsonPropertyName("subject_types_supported")]
    public IReadOnlyList<string> SubjectTypes { get; init; } = ["public"];

    [JsonPropertyName("id_token_signing_alg_values_supported")]
    public IReadOnlyList<string> SigningAlgorithms { get; init; } = ["ES256"];

    [JsonPropertyName("token_endpoint_auth_methods_supported")]
    public IReadOnlyList<string> AuthenticationMethods { get; init; } = ["none"];

    [JsonPropertyName("code_challenge_methods_supported")]
    public IReadOnlyList<string> ChallengeMethods { get; init; } = ["S256"];

    [JsonPropertyName("authorization_response_iss_parameter_supported")]
    public bool NamesItselfInAnswers { get; init; } = true;
}

internal sealed record ProviderKeysBody([property: JsonPropertyName("keys")] IReadOnlyList<ProviderKeyBody> Keys);

internal sealed record ProviderKeyBody(
    [property: JsonPropertyName("kty")] string Type,
    [property: JsonPropertyName("crv")] string Curve,
    [property: JsonPropertyName("x")] string X,
    [property: JsonPropertyName("y")] string Y,
    [property: JsonPropertyName("kid")] string Id,
    [property: JsonPropertyName("alg")] string Algorithm,
    [property: JsonPropertyName("use")] string Use);

internal sealed record ProviderTokensBody(
    [property: JsonPropertyName("access_token")] string AccessToken,
    [property: JsonPropertyName("token_type")] string TokenType,
    [property: JsonPropertyName("expires_in")] int ExpiresIn,
    [property: JsonPropertyName("id_token")] string IdToken);

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, AllowDuplicateProperties = false)]
[JsonSerializable(typeof(LoginBody))]
[JsonSerializable(typeof(TokenRequest))]
[JsonSerializable(typeof(TokenBody))]
[JsonSerializable(typeof(UserInfoBody))]
[JsonSerializable(typeof(ApiTokenRequest))]
[JsonSerializable(typeof(NewApiTokenBody))]
[JsonSerializable(typeof(IReadOnlyList<ApiTokenBody>))]
[JsonSerializable(typeof(AuthPageData))]
[JsonSerializable(typeof(ProviderConfigurationBody))]
[JsonSerializable(typeof(ProviderKeysBody))]
[JsonSerializable(typeof(ProviderTokensBody))]
internal sealed partial class AuthJson : JsonSerializerContext;
