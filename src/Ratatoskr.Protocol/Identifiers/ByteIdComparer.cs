namespace Ratatoskr.Protocol.Identifiers;

/// <summary>
/// Compares ids by content, and lets a dictionary or set keyed by one be asked with the bytes of a frame, without making an id first.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public abstract class ByteIdComparer<TId> : IEqualityComparer<TId>, IAlternateEqualityComparer<ReadOnlySpan<byte>, TId>
    where TId : struct, IByteId<TId>
{
    private protected ByteIdComparer()
    {
    }

    /// <summary>Seeded per process by the framework, so colliding ids cannot be prepared.</summary>
    public static int Hash(ReadOnlySpan<byte> text)
    {
        HashCode hash = default;
        hash.AddBytes(text);
        return hash.ToHashCode();
    }

    public bool Equals(TId x, TId y) => x.Text.SequenceEqual(y.Text);

    public int GetHashCode(TId obj) => Hash(obj.Text);

    public bool Equals(ReadOnlySpan<byte> alternate, TId other) => alternate.SequenceEqual(other.Text);

    public int GetHashCode(ReadOnlySpan<byte> alternate) => Hash(alternate);

    public TId Create(ReadOnlySpan<byte> alternate) => TId.FromTrusted(alternate);
}
