using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Ratatoskr.Http.Oidc;

/// <summary>Random values of a sign-in, and Proof Key for Code Exchange (RFC 7636) with S256: only who began a sign-in can end it.</summary>
internal static class Pkce
{
    /// <summary>43 characters of base64url, SHA-256's length (§4.2).</summary>
    public const int ChallengeLength = 43;

    /// <summary>256 random bits as base64url: a verifier, a state, a nonce or a code.</summary>
    public static string RandomText() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public static string Challenge(string verifier) => Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));

    public static bool Matches(string challenge, string? verifier) =>
        verifier is { Length: >= 43 and <= 128 }
        && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Challenge(verifier)), Encoding.ASCII.GetBytes(challenge));

    public static bool IsChallenge(string? text) => text is { Length: ChallengeLength } && text.All(static c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
