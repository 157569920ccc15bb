using System.Text;

namespace Ratatoskr.Protocol.Identifiers;

/// <summary>The store behind a peer, shared by all tabs on one IndexedDB: usually a UUID, treated as opaque UTF-8.</summary>
/// <remarks>Immutable; safe on any thread. The default value names nothing.</remarks>
public readonly struct StorageId : IEquatable<StorageId>, IByteId<StorageId>
{
    /// <summary>Bytes; longer ones are refused where frames are read.</summary>
    public const int LengthMax = 256;

    private readonly byte[]? _text;

    private StorageId(byte[] text) => _text = text;

    public ReadOnlySpan<byte> Text => _text;

    /// <summary>The same bytes, for callers that keep them.</summary>
    public ReadOnlyMemory<byte> TextMemory => _text;

    public bool IsDefault => _text is null;

    /// <summary>Takes UTF-8 that a frame reader has checked, or that we made. Copies it.</summary>
    public static StorageId FromTrusted(ReadOnlySpan<byte> text) => new(text.ToArray());

    /// <summary>Takes a name of our own making.</summary>
    public static StorageId FromString(string text) => new(Encoding.UTF8.GetBytes(text));

    public bool Equals(StorageId other) => Text.SequenceEqual(other.Text);

    public override bool Equals(object? obj) => obj is StorageId other && Equals(other);

    public override int GetHashCode() => Comparer.Hash(Text);

    public override string ToString() => Encoding.UTF8.GetString(Text);

    public static bool operator ==(StorageId left, StorageId right) => left.Equals(right);

    public static bool operator !=(StorageId left, StorageId right) => !left.Equals(right);

    /// <inheritdoc/>
    public sealed class Comparer : ByteIdComparer<StorageId>
    {
        public static readonly Comparer Instance = new();

        private Comparer()
        {
        }
    }
}
