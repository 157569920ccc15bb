using System.Buffers.Binary;
using System.Text;

namespace Ratatoskr.Load;

/// <summary>What a client sends to connect: the upgrade, then one or two frames. Written once, before the clock starts.</summary>
internal static class Hello
{
    /// <summary>The type of the message that ends a handshake, as CBOR writes it: a text of four bytes.</summary>
    public static ReadOnlySpan<byte> Peer => "dpeer"u8;

    /// <summary>The type of every refusal contains it.</summary>
    public static ReadOnlySpan<byte> Error => "error"u8;

    public static byte[] Upgrade(int port) => Encoding.ASCII.GetBytes(
        $"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

    /// <summary>automerge-repo's <c>join</c>, after the original client's <c>auth</c> if there is a token.</summary>
    public static byte[] Frames(string peerId, string? token) => token is null ? Frame(Join(peerId)) : [.. Frame(Auth(token)), .. Frame(Join(peerId))];

    private static byte[] Auth(string token) => [0xa2, .. Text("type"), .. Text("auth"), .. Text("token"), .. Text(token)];

    private static byte[] Join(string peerId) =>
    [
        0xa4,
        .. Text("type"), .. Text("join"),
        .. Text("senderId"), .. Text(peerId),
        .. Text("peerMetadata"), 0xa1, .. Text("isEphemeral"), 0xf5,
        .. Text("supportedProtocolVersions"), 0x81, .. Text("1"),
    ];

    private static byte[] Text(string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        return bytes.Length switch
        {
            < 24 => [(byte)(0x60 | bytes.Length), .. bytes],
            < 256 => [0x78, (byte)bytes.Length, .. bytes],
            _ => [0x79, .. Length(bytes), .. bytes],
        };
    }

    // A whole binary message, masked with zeros: RFC 6455 asks for a mask, and any will do.
    private static byte[] Frame(byte[] message) => message.Length < 126
        ? [0x82, (byte)(0x80 | message.Length), 0, 0, 0, 0, .. message]
        : [0x82, 0x80 | 126, .. Length(message), 0, 0, 0, 0, .. message];

    private static byte[] Length(byte[] bytes)
    {
        byte[] length = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(length, checked((ushort)bytes.Length));
        return length;
    }
}
