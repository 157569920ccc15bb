using System.Text;

namespace Ratatoskr.Protocol.Identifiers;

/// <summary>A connection as automerge-repo names it: opaque, case-sensitive UTF-8 that its owner chose. Not a proof of who it is.</summary>
/// <remarks>Immutable; safe on any thread. The default value names nothing.</remarks>
public readonly struct PeerId : IEquatable<PeerId>, IByteId<PeerId>
{
    /// <summary>Bytes; longer ones are refused where frames are read.</summary>
    public const int LengthMax = 1024;

    private readonly byte[]? _text;

    private PeerId(byte[] text) => _text = text;

    public ReadOnlySpan<byte> Text => _text;

    /// <summary>The same bytes, for callers that keep them.</summary>
    public ReadOnlyMemory<byte> TextMemory => _text;

    public bool IsDefault => _text is null;

    /// <summary>Takes UTF-8 that a frame reader has checked, or that we made. Copies it.</summary>
    public static PeerId FromTrusted(ReadOnlySpan<byte> text) => new(text.ToArray());

    /// <summary>Takes a name of our own making.</summary>
    public static PeerId FromString(string text) => new(Encoding.UTF8.GetBytes(text));

    public bool Equals(PeerId other) => Text.SequenceEqual(other.Text);

    public override bool Equals(object? obj) => obj is PeerId other && Equals(other);

    public override int GetHashCode() => Comparer.Hash(Text);

    public override string ToString() => Encoding.UTF8.GetString(Text);

    public static bool operator ==(PeerId left, PeerId right) => left.Equals(right);

    public static bool operator !=(PeerId left, PeerId right) => !left.Equals(right);

    /// <inheritdoc/>
    public sealed class Comparer : ByteIdComparer<PeerId>
    {
        public static readonly Comparer Instance = new();

        private Comparer()
        {
        }
    }
}
