namespace Ratatoskr.Protocol.Identifiers;

/// <summary>A name kept as the bytes in which it came, so that a frame's slice can be compared and looked up without a string.</summary>
public interface IByteId<TSelf>
    where TSelf : struct, IByteId<TSelf>
{
    /// <summary>The name; empty for the default value.</summary>
    ReadOnlySpan<byte> Text { get; }

    /// <summary>Takes a name that its maker has already checked. Copies it.</summary>
    static abstract TSelf FromTrusted(ReadOnlySpan<byte> text);
}
