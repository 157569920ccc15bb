namespace Ratatoskr.Protocol.WebSockets;

/// <summary>What the first bytes of a connection turned out to be.</summary>
public enum UpgradeOutcome : byte
{
    /// <summary>The head is not complete, and what is there may still become an upgrade.</summary>
    NeedMore,

    /// <summary>
    /// Anything but a GET with <c>Upgrade: websocket</c>; also a head longer or with more lines than we look at. Nothing was judged:
    /// the HTTP stack, which has its own limits, gets the bytes unread.
    /// </summary>
    NotAnUpgrade,

    /// <summary>A sound upgrade.</summary>
    Upgrade,

    /// <summary>Meant to be an upgrade, but to be refused with <see cref="UpgradeRefusal"/> and closed.</summary>
    Malformed,
}

/// <summary>An HTTP answer instead of 101.</summary>
/// <param name="Status">400, or 426 for a WebSocket version we do not speak.</param>
/// <param name="Reason">A constant text for the client's developer.</param>
public readonly record struct UpgradeRefusal(int Status, string Reason);

/// <summary>What is looked at before a connection is left to the HTTP stack.</summary>
/// <param name="HeadLengthMax">Bytes of request line and header lines.</param>
/// <param name="HeaderCountMax">Header lines.</param>
public sealed record UpgradeLimits(int HeadLengthMax = 16 * 1024, int HeaderCountMax = 100)
{
    public static UpgradeLimits Default { get; } = new();
}
