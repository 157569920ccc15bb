using System.Text;

namespace Ratatoskr.Protocol.Identifiers;

/// <summary>
/// A document's name on the wire: the base58check text of its (usually 16) random bytes, kept as the UTF-8 bytes in which it arrives.
/// One payload has exactly one valid text, so comparing texts compares documents. The default value names nothing.
/// </summary>
/// <remarks>Immutable; safe on any thread.</remarks>
public readonly struct DocumentId : IEquatable<DocumentId>
{
    private readonly byte[]? _text;

    private DocumentId(byte[] text) => _text = text;

    /// <summary>The base58check text, ASCII. Empty for the default value.</summary>
    public ReadOnlySpan<byte> Text => _text;

    /// <summary>The same bytes, for callers that keep them.</summary>
    public ReadOnlyMemory<byte> TextMemory => _text;

    public bool IsDefault => _text is null;

    /// <summary>Takes a text that is known to be valid: one that was checked before it was stored, or made by us. Copies it.</summary>
    public static DocumentId FromTrusted(ReadOnlySpan<byte> text) => new(text.ToArray());

    /// <summary>
    /// The hash by which a document finds its shard and its buckets: FNV-1a over the text, the same in every process.
    /// The texts are base58check of any bytes a client likes, so a table that an attacker may fill must key it (<see cref="Comparer"/>).
    /// </summary>
    public static uint StableHash(ReadOnlySpan<byte> text)
    {
        uint hash = 2166136261;
        foreach (byte b in text) hash = (hash ^ b) * 16777619;
        return hash;
    }

    public bool Equals(DocumentId other) => Text.SequenceEqual(other.Text);

    public override bool Equals(object? obj) => obj is DocumentId other && Equals(other);

    public override int GetHashCode() => Comparer.Instance.GetHashCode(Text);

    public override string ToString() => Encoding.ASCII.GetString(Text);

    public static bool operator ==(DocumentId left, DocumentId right) => left.Equals(right);

    public static bool operator !=(DocumentId left, DocumentId right) => !left.Equals(right);

    /// <summary>Lets a dictionary keyed by <see cref="DocumentId"/> be asked with the bytes of a frame, without making an id first.</summary>
    public sealed class Comparer : IEqualityComparer<DocumentId>, IAlternateEqualityComparer<ReadOnlySpan<byte>, DocumentId>
    {
        public static readonly Comparer Instance = new();

        public bool Equals(DocumentId x, DocumentId y) => x.Equals(y);

        public int GetHashCode(DocumentId obj) => GetHashCode(obj.Text);

        public bool Equals(ReadOnlySpan<byte> alternate, DocumentId other) => alternate.SequenceEqual(other.Text);

        /// <summary>Seeded per process by the framework, so colliding ids cannot be prepared.</summary>
        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            HashCode hash = default;
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }

        public DocumentId Create(ReadOnlySpan<byte> alternate) => FromTrusted(alternate);
    }
}
