namespace Ratatoskr.Protocol.WebSockets;

/// <summary>Status codes of a WebSocket close frame (RFC 6455 §7.4.1).</summary>
public enum CloseCode : ushort
{
    /// <summary>1000: done.</summary>
    Normal = 1000,

    /// <summary>1001: the server stops, or the page is left.</summary>
    GoingAway = 1001,

    /// <summary>1002: the peer broke RFC 6455.</summary>
    ProtocolError = 1002,

    /// <summary>1003: a kind of data we never take.</summary>
    UnsupportedData = 1003,

    /// <summary>1005: the close frame had no code. Never sent.</summary>
    NoStatus = 1005,

    /// <summary>1006: the connection ended without a close frame. Never sent.</summary>
    Abnormal = 1006,

    /// <summary>1007: text that is not UTF-8.</summary>
    InvalidPayload = 1007,

    /// <summary>1008: not allowed.</summary>
    PolicyViolation = 1008,

    /// <summary>1009: larger than the limit.</summary>
    MessageTooBig = 1009,

    /// <summary>1011: our fault.</summary>
    InternalError = 1011,

    /// <summary>1013: come back later.</summary>
    TryAgainLater = 1013,
}
