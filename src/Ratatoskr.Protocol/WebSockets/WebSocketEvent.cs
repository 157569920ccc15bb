namespace Ratatoskr.Protocol.WebSockets;

public enum WebSocketEventKind : byte
{
    /// <summary>A whole binary message.</summary>
    Binary,

    /// <summary>A whole text message, valid UTF-8.</summary>
    Text,

    /// <summary>To be answered by a pong with the same payload.</summary>
    Ping,
    Pong,

    /// <summary>The peer's close frame; nothing follows.</summary>
    Close,
}

/// <summary>What <see cref="MessageAssembler"/> made of the bytes.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Payload">
/// The message, the ping or pong payload, or a close frame's reason (UTF-8). Borrowed: valid until the assembler is called again or disposed.
/// </param>
/// <param name="CloseCode">Of a close frame; <see cref="CloseCode.NoStatus"/> when it carries none.</param>
public readonly record struct WebSocketEvent(WebSocketEventKind Kind, ReadOnlyMemory<byte> Payload, CloseCode CloseCode = CloseCode.NoStatus);
