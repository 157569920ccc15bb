using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace Ratatoskr.Http.Tokens;

/// <summary>
/// API tokens: <c>rat_</c> and 256 random bits in lower-case hexadecimal. The store keeps HMAC-SHA256 of the whole text under a key of its own, so a stolen
/// database neither holds tokens nor lets a guess be tried (docs/adr: why not bcrypt).
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class ApiTokens(byte[] key)
{
    public const string Prefix = "rat_";
    public const int HashBytes = HMACSHA256.HashSizeInBytes;

    private const int SecretBytes = 32;
    private const int Length = 4 + (2 * SecretBytes); // Prefix and the secret

    private static readonly SearchValues<char> s_digits = SearchValues.Create("0123456789abcdef");

    public static string MakeSecret() => Prefix + RandomNumberGenerator.GetHexString(2 * SecretBytes, lowercase: true);

    /// <param name="hash"><see cref="HashBytes"/> long.</param>
    /// <returns>false: this is no API token by its form.</returns>
    public bool TryHash(ReadOnlySpan<char> token, Span<byte> hash)
    {
        if (token.Length != Length || !token.StartsWith(Prefix, StringComparison.Ordinal) || token[Prefix.Length..].ContainsAnyExcept(s_digits)) return false;
        Span<byte> text = stackalloc byte[Length];
        Encoding.ASCII.GetBytes(token, text);
        HMACSHA256.HashData(key, text, hash);
        return true;
    }
}
