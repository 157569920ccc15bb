namespace Automerge.Changes;

/// <summary>Who makes changes: usually 16 random bytes. Ordered by bytes, which breaks ties between concurrent operations.</summary>
/// <remarks>Immutable; safe on any thread. <c>default</c> is the actor without bytes, which the format allows.</remarks>
public readonly struct ActorId : IEquatable<ActorId>, IComparable<ActorId>
{
    private readonly byte[]? _bytes;

    /// <summary>Copies an id.</summary>
    public ActorId(ReadOnlySpan<byte> bytes) => _bytes = bytes.ToArray();

    private ActorId(byte[]? bytes) => _bytes = bytes;

    /// <summary>The bytes.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes;

    /// <summary>The bytes, to be shared by who does not change them.</summary>
    internal byte[]? Shared => _bytes;

    /// <summary>Parses hexadecimal digits.</summary>
    /// <exception cref="FormatException">Not an even number of hexadecimal digits.</exception>
    public static ActorId Parse(ReadOnlySpan<char> hex) => new(Convert.FromHexString(hex));

    /// <summary>Takes bytes as they are; nobody may change them any more.</summary>
    internal static ActorId Share(byte[]? bytes) => new(bytes);

    /// <inheritdoc/>
    public bool Equals(ActorId other) => Bytes.SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is ActorId other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        HashCode hash = default;
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <inheritdoc/>
    public int CompareTo(ActorId other) => Bytes.SequenceCompareTo(other.Bytes);

    /// <summary>Lower-case hexadecimal, as Automerge prints actors.</summary>
    public override string ToString() => Convert.ToHexStringLower(Bytes);

    /// <summary>Same bytes.</summary>
    public static bool operator ==(ActorId left, ActorId right) => left.Equals(right);

    /// <summary>Different bytes.</summary>
    public static bool operator !=(ActorId left, ActorId right) => !left.Equals(right);
}
