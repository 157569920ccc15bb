using System.Text;

namespace Ratatoskr.Protocol.Identifiers;

/// <summary>
/// A document's name on the wire: the base58check text of its (usually 16) random bytes, kept as the UTF-8 bytes in which it arrives.
/// One payload has exactly one valid text, so comparing texts compares documents. The default value names nothing.
/// </summary>
/// <remarks>Immutable; safe on any thread.</remarks>
public readonly struct DocumentId : IEquatable<DocumentId>, IByteId<DocumentId>
{
    /// <summary>Bytes of text; longer ones are refused.</summary>
    public const int LengthMax = Base58Check.TextLengthMax;

    /// <summary>Bytes of the payload of an id that is not made of something else.</summary>
    public const int UuidLength = 16;

    private readonly byte[]? _text;

    private DocumentId(byte[] text) => _text = text;

    /// <summary>The base58check text, ASCII. Empty for the default value.</summary>
    public ReadOnlySpan<byte> Text => _text;

    /// <summary>The same bytes, for callers that keep them.</summary>
    public ReadOnlyMemory<byte> TextMemory => _text;

    public bool IsDefault => _text is null;

    /// <summary>Takes a text that is known to be valid: one that was checked before it was stored, or made by us. Copies it.</summary>
    public static DocumentId FromTrusted(ReadOnlySpan<byte> text) => new(text.ToArray());

    /// <summary>Takes the text of a frame if it is base58check of at least one byte. Allocates the id itself and nothing else.</summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8Text, out DocumentId id)
    {
        bool valid = IsValid(utf8Text);
        id = valid ? FromTrusted(utf8Text) : default;
        return valid;
    }

    /// <summary>Whether a text is base58check of at least one byte. Two SHA-256: look the text up among known ids first.</summary>
    public static bool IsValid(ReadOnlySpan<byte> utf8Text)
    {
        Span<byte> payload = stackalloc byte[Base58Check.PayloadLengthMax];
        return Base58Check.TryDecode(utf8Text, payload, out int length) && length > 0;
    }

    /// <summary>The id of these bytes: 16 random ones as a rule, but any will do (at least 1; at most about 370).</summary>
    /// <exception cref="ArgumentException">None, or more than a text of <see cref="LengthMax"/> can hold.</exception>
    public static DocumentId FromPayload(ReadOnlySpan<byte> payload) =>
        TryFromPayload(payload, out DocumentId id) ? id : throw new ArgumentException("empty or too long", nameof(payload));

    /// <inheritdoc cref="FromPayload"/>
    public static bool TryFromPayload(ReadOnlySpan<byte> payload, out DocumentId id)
    {
        Span<byte> text = stackalloc byte[LengthMax];
        bool valid = Base58Check.TryEncode(payload, text, out int length) && payload.Length > 0;
        id = valid ? FromTrusted(text[..length]) : default;
        return valid;
    }

    /// <summary>A new id, of 16 random bytes made a UUID of version 4: clients before 2.1 look at the bits that say so.</summary>
    /// <exception cref="ArgumentException">Not 16 bytes.</exception>
    public static DocumentId FromRandom(ReadOnlySpan<byte> random)
    {
        if (random.Length != UuidLength) throw new ArgumentException("16 bytes are needed", nameof(random));
        Span<byte> uuid = stackalloc byte[UuidLength];
        random.CopyTo(uuid);
        uuid[6] = (byte)((uuid[6] & 0x0F) | 0x40);          // version 4, RFC 9562 §5.4
        uuid[8] = (byte)((uuid[8] & 0x3F) | 0x80);          // its variant
        return FromPayload(uuid);
    }

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

    public override int GetHashCode() => Comparer.Hash(Text);

    public override string ToString() => Encoding.ASCII.GetString(Text);

    public static bool operator ==(DocumentId left, DocumentId right) => left.Equals(right);

    public static bool operator !=(DocumentId left, DocumentId right) => !left.Equals(right);

    /// <inheritdoc/>
    public sealed class Comparer : ByteIdComparer<DocumentId>
    {
        public static readonly Comparer Instance = new();

        private Comparer()
        {
        }
    }
}
