using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;

namespace Ratatoskr.Http.Oidc;

/// <summary>A public key of a provider (RFC 7517), for one of the two algorithms we take.</summary>
/// <remarks>Immutable: a verifying object is made per signature, since those of the library are not safe on several threads. A sign-in affords it.</remarks>
internal sealed class SigningKey
{
    public const string Rs256 = "RS256";
    public const string Es256 = "ES256";

    private const int RsaBitsMin = 2048;
    private const int RsaBitsMax = 16384;
    private const int P256Bytes = 32;

    private readonly RSAParameters _rsa;
    private readonly ECParameters _ec;

    private SigningKey(string? id, string algorithm, RSAParameters rsa, ECParameters ec)
    {
        Id = id;
        Algorithm = algorithm;
        _rsa = rsa;
        _ec = ec;
    }

    public string? Id { get; }

    public string Algorithm { get; }

    /// <summary>null: not for signatures, of a kind we do not take, or too weak. A provider may have such keys beside.</summary>
    public static SigningKey? Parse(JsonElement key)
    {
        if (key.ValueKind != JsonValueKind.Object) return null;
        if (OidcJson.Text(key, "use") is { } use && use != "sig") return null;
        if (OidcJson.Texts(key, "key_ops") is { } operations && !operations.Contains("verify")) return null;
        string? id = OidcJson.Text(key, "kid"), algorithm = OidcJson.Text(key, "alg");
        return OidcJson.Text(key, "kty") switch
        {
            "RSA" when algorithm is null or Rs256 && Bytes(key, "n") is { Length: >= RsaBitsMin / 8 and <= RsaBitsMax / 8 } n && Bytes(key, "e") is { Length: > 0 and <= 8 } e =>
                new SigningKey(id, Rs256, new RSAParameters { Modulus = n, Exponent = e }, default),
            "EC" when algorithm is null or Es256 && OidcJson.Text(key, "crv") == "P-256" && Bytes(key, "x") is { Length: P256Bytes } x && Bytes(key, "y") is { Length: P256Bytes } y =>
                new SigningKey(id, Es256, default, new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } }),
            _ => null,
        };
    }

    public bool Verify(ReadOnlySpan<byte> signed, ReadOnlySpan<byte> signature)
    {
        try
        {
            if (Algorithm == Rs256)
            {
                using RSA rsa = RSA.Create(_rsa);
                return rsa.VerifyData(signed, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
            }

            using ECDsa ec = ECDsa.Create(_ec);
            return ec.VerifyData(signed, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        catch (CryptographicException)
        {
            return false; // a point that is not on the curve, say
        }
    }

    private static byte[]? Bytes(JsonElement key, string name)
    {
        try
        {
            return OidcJson.Text(key, name) is { } text ? Base64Url.DecodeFromChars(text) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }
}
