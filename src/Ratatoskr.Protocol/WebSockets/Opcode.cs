namespace Ratatoskr.Protocol.WebSockets;

/// <summary>What a frame carries (RFC 6455 §5.2). From 8 on it is a control frame; every number not named here is reserved.</summary>
public enum Opcode : byte
{
    /// <summary>More of the message that a Text or Binary frame began.</summary>
    Continuation = 0,
    Text = 1,
    Binary = 2,
    Close = 8,
    Ping = 9,
    Pong = 10,
}
