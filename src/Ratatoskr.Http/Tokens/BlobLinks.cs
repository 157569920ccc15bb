using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Tokens;

/// <summary>Signs addresses of blobs that are good for a while without credentials: for <c>&lt;img&gt;</c>, and for sharing. Nobody can take one back, but they end.</summary>
/// <remarks>Safe on any thread.</remarks>
/// <param name="key">Of no other use.</param>
public sealed class BlobLinks(byte[] key)
{
    /// <summary>How long a link is good when nobody says.</summary>
    public const int SecondsUsual = 60 * 60;

    /// <summary>Seven days.</summary>
    public const int SecondsMax = 7 * 24 * 60 * 60;

    /// <summary>The signature, for a URL.</summary>
    /// <param name="expires">Unix seconds.</param>
    /// <param name="mimeType">What the blob is served as.</param>
    public string Sign(BlobHash hash, long expires, string mimeType)
    {
        Span<byte> signature = stackalloc byte[HMACSHA256.HashSizeInBytes];
        Compute(hash, expires, mimeType, signature);
        return Base64Url.EncodeToString(signature);
    }

    public bool IsSigned(BlobHash hash, long expires, string mimeType, string signature)
    {
        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes], computed = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (signature.Length != Base64Url.GetEncodedLength(given.Length)) return false;
        if (Base64Url.DecodeFromChars(signature, given, out _, out int written) != OperationStatus.Done || written != given.Length) return false;
        Compute(hash, expires, mimeType, computed);
        return CryptographicOperations.FixedTimeEquals(given, computed);
    }

    // Two fields of fixed length, and the last one to its end: no two links sign the same bytes.
    private void Compute(BlobHash hash, long expires, string mimeType, Span<byte> signature)
    {
        byte[] signed = new byte[BlobHash.ByteLength + sizeof(long) + Encoding.UTF8.GetByteCount(mimeType)];
        ((ReadOnlySpan<byte>)hash).CopyTo(signed);
        BinaryPrimitives.WriteInt64BigEndian(signed.AsSpan(BlobHash.ByteLength), expires);
        Encoding.UTF8.GetBytes(mimeType, signed.AsSpan(BlobHash.ByteLength + sizeof(long)));
        HMACSHA256.HashData(key, signed, signature);
    }
}
