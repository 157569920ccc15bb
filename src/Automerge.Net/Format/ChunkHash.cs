using System.Security.Cryptography;
using Automerge.Changes;

namespace Automerge.Format;

/// <summary>SHA-256 for chunks. Most changes are about 100 bytes, for which the one-shot function spends most of its time on setting up.</summary>
/// <remarks>Safe on any thread: each has its own state, made at first use, so that no call allocates afterwards.</remarks>
internal static class ChunkHash
{
    // 110 bytes: 340 ns against 490 ns for SHA256.HashData (OpenSSL 3, SHA extensions); equal from about 10 KB on.
    [ThreadStatic]
    private static IncrementalHash? s_sha256;

    public static ChangeHash Compute(ReadOnlySpan<byte> hashed)
    {
        IncrementalHash sha256 = s_sha256 ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> hash = stackalloc byte[ChangeHash.Size];
        sha256.AppendData(hashed);
        sha256.GetHashAndReset(hash);
        return new ChangeHash(hash);
    }
}
