using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace Ratatoskr.Http.Tokens;

/// <summary>What a session token says.</summary>
public readonly record struct SessionClaims(string UserId, string SessionId, DateTimeOffset IssuedAt, DateTimeOffset ExpiresAt);

/// <summary>
/// Session tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256, of claims <c>sub</c>, <c>iat</c>, <c>exp</c> and <c>sid</c>.
/// A good signature says that we made it; whether its session still lives, the store says.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class SessionTokens(byte[] key)
{
    /// <summary>How long one token is good.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(1);

    /// <summary>How long it can be renewed, from the sign-in.</summary>
    public static readonly TimeSpan SessionLifetime = TimeSpan.FromDays(30);

    // A user id of 260 bytes, escaped, is the longest part; ours are far shorter.
    private const int LengthMax = 4096;

    // We take exactly the header we write: no other algorithm, no "none", no key that a token brings along.
    private static readonly string Header = Base64Url.EncodeToString("""{"alg":"HS256","typ":"JWT"}"""u8);

    public string Make(in SessionClaims claims)
    {
        ArrayBufferWriter<byte> payload = new(256);
        using (Utf8JsonWriter json = new(payload))
        {
            json.WriteStartObject();
            json.WriteString("sub"u8, claims.UserId);
            json.WriteNumber("iat"u8, claims.IssuedAt.ToUnixTimeSeconds());
            json.WriteNumber("exp"u8, claims.ExpiresAt.ToUnixTimeSeconds());
            json.WriteString("sid"u8, claims.SessionId);
            json.WriteEndObject();
        }

        string signed = Header + "." + Base64Url.EncodeToString(payload.WrittenSpan);
        return signed + "." + Base64Url.EncodeToString(HMACSHA256.HashData(key, Encoding.ASCII.GetBytes(signed)));
    }

    /// <summary>Whether this is a token of ours that has not expired.</summary>
    public bool TryRead(ReadOnlySpan<char> token, DateTimeOffset now, out SessionClaims claims)
    {
        claims = default;
        int payloadAt = Header.Length + 1;
        if (token.Length > LengthMax || token.Length <= payloadAt || !token.StartsWith(Header, StringComparison.Ordinal) || token[Header.Length] != '.') return false;
        int payloadLength = token[payloadAt..].IndexOf('.');
        if (payloadLength <= 0) return false;
        int signatureAt = payloadAt + payloadLength + 1;
        if (!SignatureIsOurs(token[..(signatureAt - 1)], token[signatureAt..])) return false;

        byte[] payload = ArrayPool<byte>.Shared.Rent(LengthMax);
        try
        {
            return Base64Url.TryDecodeFromChars(token.Slice(payloadAt, payloadLength), payload, out int written)
                && TryReadClaims(payload.AsSpan(0, written), out claims)
                && now < claims.ExpiresAt;
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(payload);
        }
    }

    private bool SignatureIsOurs(ReadOnlySpan<char> signed, ReadOnlySpan<char> signature)
    {
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes], ours = stackalloc byte[HMACSHA256.HashSizeInBytes];

        // 43 characters are 32 bytes and two bits that must be zero: a decoder that drops them would make four tokens of one.
        if (signature.Length != Base64Url.GetEncodedLength(given.Length)) return false;
        if (Base64Url.DecodeFromChars(signature, given, out _, out int written) != OperationStatus.Done || written != given.Length) return false;
        byte[] bytes = ArrayPool<byte>.Shared.Rent(LengthMax);
        try
        {
            if (Ascii.FromUtf16(signed, bytes, out int length) != OperationStatus.Done) return false;
            HMACSHA256.HashData(key, bytes.AsSpan(0, length), ours);
            return CryptographicOperations.FixedTimeEquals(given, ours);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(bytes);
        }
    }

    // Signed by us, so it is well-formed unless our key signed something else; that is refused too.
    private static bool TryReadClaims(ReadOnlySpan<byte> payload, out SessionClaims claims)
    {
        string? subject = null, session = null;
        long issued = -1, expires = -1;
        claims = default;
        Utf8JsonReader json = new(payload);
        try
        {
            if (!json.Read() || json.TokenType != JsonTokenType.StartObject) return false;
            while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
            {
                if (json.ValueTextEquals("sub"u8)) subject = json.Read() ? json.GetString() : null;
                else if (json.ValueTextEquals("sid"u8)) session = json.Read() ? json.GetString() : null;
                else if (json.ValueTextEquals("iat"u8)) issued = json.Read() ? json.GetInt64() : -1;
                else if (json.ValueTextEquals("exp"u8)) expires = json.Read() ? json.GetInt64() : -1;
                else json.Skip();
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException)
        {
            return false;
        }

        if (subject is not { Length: > 0 } || session is not { Length: > 0 } || issued < 0 || expires < issued || expires > DateTimeOffset.MaxValue.ToUnixTimeSeconds()) return false;
        claims = new SessionClaims(subject, session, DateTimeOffset.FromUnixTimeSeconds(issued), DateTimeOffset.FromUnixTimeSeconds(expires));
        return true;
    }
}
