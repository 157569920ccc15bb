using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Automerge.Changes;

/// <summary>
/// The identity of a change: SHA-256 over its uncompressed chunk (type, length, body), 32 bytes.
/// Ordered by bytes, which is the order of hash lists in every Automerge format.
/// </summary>
/// <remarks>Immutable; safe on any thread.</remarks>
[InlineArray(Size)]
[SuppressMessage("Usage", "CA2231:Overload operator equals", Justification = "Inline arrays get the operators below.")]
public struct ChangeHash : IEquatable<ChangeHash>, IComparable<ChangeHash>
{
    /// <summary>Bytes in a hash: 256 bits.</summary>
    public const int Size = 32;

    private byte _first;

    /// <summary>Copies a hash from the first 32 bytes of <paramref name="bytes"/>.</summary>
    /// <exception cref="ArgumentOutOfRangeException">Fewer than 32 bytes.</exception>
    public ChangeHash(ReadOnlySpan<byte> bytes) => bytes[..Size].CopyTo(MemoryMarshal.CreateSpan(ref _first, Size));

    /// <summary>The 32 bytes, in place.</summary>
    [UnscopedRef]
    public readonly ReadOnlySpan<byte> Bytes => MemoryMarshal.CreateReadOnlySpan(in _first, Size);

    /// <summary>The first eight bytes as a number. Attackers choose it: key it before hashing on it.</summary>
    internal readonly ulong Prefix => Unsafe.ReadUnaligned<ulong>(in _first);

    /// <summary>Parses 64 hexadecimal digits.</summary>
    /// <exception cref="FormatException">Not 64 hexadecimal digits.</exception>
    public static ChangeHash Parse(ReadOnlySpan<char> hex)
    {
        if (hex.Length != 2 * Size) throw new FormatException($"a change hash has {2 * Size} hexadecimal digits, not {hex.Length}");
        return new ChangeHash(Convert.FromHexString(hex));
    }

    /// <summary>Views a list of packed 32-byte hashes in place.</summary>
    /// <exception cref="ArgumentException">The length is not a multiple of 32.</exception>
    public static ReadOnlySpan<ChangeHash> CastList(ReadOnlySpan<byte> packed)
    {
        if (packed.Length % Size != 0) throw new ArgumentException("not a whole number of hashes", nameof(packed));
        return MemoryMarshal.Cast<byte, ChangeHash>(packed);
    }

    /// <inheritdoc/>
    public readonly bool Equals(ChangeHash other) => Bytes.SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override readonly bool Equals(object? obj) => obj is ChangeHash other && Equals(other);

    /// <inheritdoc/>
    public override readonly int GetHashCode() => Prefix.GetHashCode();

    /// <inheritdoc/>
    public readonly int CompareTo(ChangeHash other) => Bytes.SequenceCompareTo(other.Bytes);

    /// <summary>Lower-case hexadecimal, as Automerge prints hashes.</summary>
    public override readonly string ToString() => Convert.ToHexStringLower(Bytes);

    /// <summary>Same 32 bytes.</summary>
    public static bool operator ==(ChangeHash left, ChangeHash right) => left.Equals(right);

    /// <summary>Different bytes.</summary>
    public static bool operator !=(ChangeHash left, ChangeHash right) => !left.Equals(right);
}
