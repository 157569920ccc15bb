using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Ratatoskr.Http.Oidc;

/// <summary>Who signed in, as the provider says.</summary>
internal sealed record SignedInUser(string Subject, string? Email, string? Name);

/// <summary>Checks ID tokens (OpenID Connect Core 1.0 §3.1.3.7): signature by a key of the provider, for us, now, and for this very sign-in.</summary>
internal static class IdTokens
{
    /// <summary>How far the provider's clock may be from ours.</summary>
    public static readonly TimeSpan ClockSkew = TimeSpan.FromSeconds(60);

    private const int LengthMax = 64 * 1024;
    private const int SubjectLengthMax = 255; // Core §2
    private const int ClaimLengthMax = 320;   // the longest e-mail address

    /// <param name="token">As the token endpoint gave it.</param>
    /// <param name="accessToken">Given with it; null when there was none.</param>
    /// <exception cref="OidcException">Not valid; says what is wrong.</exception>
    public static async ValueTask<SignedInUser> ReadAsync(
        string token, string? accessToken, string nonce, string clientId, string issuer, ProviderConnection provider, DateTimeOffset now, CancellationToken stop)
    {
        string[] parts = token.Length <= LengthMax ? token.Split('.') : [];
        if (parts.Length != 3) throw new OidcException("the ID token is not a signed JWT");
        using (JsonDocument header = OidcJson.Parse(Decode(parts[0]), "the ID token's header"))
        {
            // Looked at before anything else: what is neither of the two is no signature to us, "none" and shared secrets least of all.
            string? algorithm = OidcJson.Text(header.RootElement, "alg");
            if (algorithm is not (SigningKey.Rs256 or SigningKey.Es256))
                throw new OidcException($"the ID token is signed with {OidcJson.Quote(algorithm)}; only RS256 and ES256 are taken (set the client's id_token_signed_response_alg at the provider)");
            if (header.RootElement.TryGetProperty("crit", out _)) throw new OidcException("the ID token's header asks for something we do not know (crit)");
            if (OidcJson.Text(header.RootElement, "typ") is { } type && !type.Equals("JWT", StringComparison.OrdinalIgnoreCase))
                throw new OidcException($"the ID token is of another type, {OidcJson.Quote(type)}");
            byte[] signed = Encoding.ASCII.GetBytes($"{parts[0]}.{parts[1]}"), signature = Decode(parts[2]);
            IReadOnlyList<SigningKey> keys = await provider.KeysAsync(OidcJson.Text(header.RootElement, "kid"), algorithm, stop).ConfigureAwait(false);
            if (!keys.Any(key => key.Verify(signed, signature))) throw new OidcException("the ID token's signature is not the provider's");
        }

        using JsonDocument payload = OidcJson.Parse(Decode(parts[1]), "the ID token");
        JsonElement claims = payload.RootElement;
        CheckParties(claims, clientId, issuer);
        CheckTimes(claims, now);
        if (!Same(OidcJson.Text(claims, "nonce"), nonce)) throw new OidcException("the ID token is for another sign-in (nonce)");
        if (claims.TryGetProperty("at_hash", out _) && !Same(OidcJson.Text(claims, "at_hash"), HalfHash(accessToken)))
            throw new OidcException("the ID token belongs to another access token (at_hash)");
        string subject = OidcJson.Text(claims, "sub") ?? "";
        if (subject.Length is 0 or > SubjectLengthMax || subject.Any(char.IsControl)) throw new OidcException("the ID token has no usable subject (sub)");
        return new SignedInUser(subject, Claim(claims, "email"), Claim(claims, "name") ?? Claim(claims, "preferred_username"));
    }

    private static void CheckParties(JsonElement claims, string clientId, string issuer)
    {
        if (OidcJson.Text(claims, "iss") is var named && named != issuer) throw new OidcException($"the ID token is by another issuer, {OidcJson.Quote(named)}");
        IReadOnlyList<string> audience = OidcJson.Texts(claims, "aud") ?? [];
        if (!audience.Contains(clientId)) throw new OidcException("the ID token is for another client (aud)");
        bool hasParty = claims.TryGetProperty("azp", out _);
        if ((hasParty || audience.Count > 1) && OidcJson.Text(claims, "azp") != clientId) throw new OidcException("the ID token was given to another client (azp)");
    }

    private static void CheckTimes(JsonElement claims, DateTimeOffset now)
    {
        if (OidcJson.Time(claims, "exp") is not { } expires || now >= expires + ClockSkew) throw new OidcException("the ID token has expired (exp)");
        if (claims.TryGetProperty("nbf", out _) && (OidcJson.Time(claims, "nbf") is not { } from || now < from - ClockSkew))
            throw new OidcException("the ID token is not valid yet (nbf)");
        if (OidcJson.Time(claims, "iat") is not { } issued || now < issued - ClockSkew) throw new OidcException("the ID token was issued in the future (iat); are both clocks right?");
    }

    private static string? Claim(JsonElement claims, string name) =>
        OidcJson.Text(claims, name) is { Length: > 0 and <= ClaimLengthMax } text && !text.Any(char.IsControl) ? text : null;

    // Core §3.1.3.6, with SHA-256: both our algorithms' hash.
    private static string? HalfHash(string? accessToken) =>
        accessToken is null ? null : Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken)).AsSpan(0, 16));

    private static bool Same(string? given, string? expected) =>
        given is not null && expected is not null && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(given), Encoding.UTF8.GetBytes(expected));

    private static byte[] Decode(string part)
    {
        try
        {
            return Base64Url.DecodeFromChars(part);
        }
        catch (FormatException e)
        {
            throw new OidcException("the ID token is not base64url", cause: e);
        }
    }
}
