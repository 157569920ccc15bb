using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Ratatoskr.Engine.Storage;

/// <summary>A blob's name: the SHA-256 of its bytes. Text form: 64 lower-case hexadecimal digits.</summary>
[InlineArray(ByteLength)]
public struct BlobHash : IEquatable<BlobHash>
{
    public const int ByteLength = 32;
    public const int TextLength = 2 * ByteLength;

    private byte _first;

    /// <exception cref="ArgumentException">It is not 32 bytes.</exception>
    public static BlobHash From(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length != ByteLength) throw new ArgumentException("a SHA-256 has 32 bytes", nameof(bytes));
        BlobHash hash = default;
        bytes.CopyTo(hash);
        return hash;
    }

    /// <summary>Takes lower case only: one blob has one name.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out BlobHash hash)
    {
        hash = default;
        if (text is not { Length: TextLength } || text.AsSpan().ContainsAnyInRange('A', 'F')) return false;
        return Convert.FromHexString(text, hash, out _, out int written) == System.Buffers.OperationStatus.Done && written == ByteLength;
    }

    public static bool operator ==(BlobHash left, BlobHash right) => left.Equals(right);

    public static bool operator !=(BlobHash left, BlobHash right) => !left.Equals(right);

    public readonly bool Equals(BlobHash other) => ((ReadOnlySpan<byte>)this).SequenceEqual(other);

    public override readonly bool Equals(object? obj) => obj is BlobHash other && Equals(other);

    // Its bytes are as good as random.
    public override readonly int GetHashCode() => BitConverter.ToInt32((ReadOnlySpan<byte>)this);

    public override readonly string ToString() => Convert.ToHexStringLower((ReadOnlySpan<byte>)this);
}
