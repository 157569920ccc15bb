namespace Ratatoskr.Protocol.Messages;

/// <summary>
/// An error as the original Ratatoskr client reads it. With <see cref="SenderId"/> and <see cref="TargetId"/> it is also one that
/// stock clients take (they log <see cref="Message"/>). Empty and null fields are left out.
/// </summary>
public readonly ref struct ErrorFrame
{
    /// <summary>The code: see <see cref="ErrorCodes"/>.</summary>
    public ReadOnlySpan<byte> Error { get; init; }

    /// <summary>For people.</summary>
    public ReadOnlySpan<byte> Message { get; init; }

    public ReadOnlySpan<byte> DocumentId { get; init; }

    public ReadOnlySpan<byte> SenderId { get; init; }

    public ReadOnlySpan<byte> TargetId { get; init; }

    /// <summary>Seconds.</summary>
    public uint? RetryAfter { get; init; }

    /// <summary>Which quota; with <see cref="Current"/> and <see cref="Limit"/> in its unit.</summary>
    public ReadOnlySpan<byte> Quota { get; init; }

    public ulong? Current { get; init; }

    public ulong? Limit { get; init; }

    internal int TextLength => Error.Length + Message.Length + DocumentId.Length + SenderId.Length + TargetId.Length + Quota.Length;
}
