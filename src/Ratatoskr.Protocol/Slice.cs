namespace Ratatoskr.Protocol;

/// <summary>
/// Where a value lies in a message, so that what was read can be kept beside the message's bytes and moved with them.
/// The default value means "absent"; an empty value that is present has an offset, because a CBOR head always precedes it.
/// </summary>
public readonly record struct Slice(int Offset, int Length)
{
    public bool IsPresent => Offset > 0;

    public int End => Offset + Length;

    /// <summary>The bytes in <paramref name="message"/>, which must be the one it was read from. Empty when absent.</summary>
    public ReadOnlySpan<byte> In(ReadOnlySpan<byte> message) => message.Slice(Offset, Length);

    /// <inheritdoc cref="In(ReadOnlySpan{byte})"/>
    public ReadOnlyMemory<byte> In(ReadOnlyMemory<byte> message) => message.Slice(Offset, Length);
}
