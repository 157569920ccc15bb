using System.Buffers.Binary;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Protocol.Tests.Support;

/// <summary>Frames as a client writes them, masked byte by byte: the slow, obvious way.</summary>
internal static class ClientFrames
{
    public static readonly byte[] Key = [0x37, 0xfa, 0x21, 0x3d];

    public static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, bool fin = true)
    {
        List<byte> frame = [.. Header((byte)((fin ? 0x80 : 0) | (byte)opcode), payload.Length)];
        for (int i = 0; i < payload.Length; i++) frame.Add((byte)(payload[i] ^ Key[i % 4]));
        return [.. frame];
    }

    public static byte[] Binary(params byte[] payload) => Frame(Opcode.Binary, payload);

    public static byte[] Text(string text) => Frame(Opcode.Text, System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>A header alone, with any first byte and the shortest length.</summary>
    public static byte[] Header(byte flags, long length)
    {
        Span<byte> wide = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(wide, length);
        return length switch
        {
            < 126 => [flags, (byte)(0x80 | (byte)length), .. Key],
            <= ushort.MaxValue => [flags, 0xfe, .. wide[6..], .. Key],
            _ => [flags, 0xff, .. wide, .. Key],
        };
    }
}
