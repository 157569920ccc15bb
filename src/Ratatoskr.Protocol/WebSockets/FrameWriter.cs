using System.Buffers.Binary;
using System.Text;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>Writes server frames: unmasked, unfragmented (RFC 6455 §5.1).</summary>
public static class FrameWriter
{
    /// <summary>2 + 8 for the length.</summary>
    public const int HeaderLengthMax = 10;

    /// <summary>A control frame as a whole: 2 + 125.</summary>
    public const int ControlFrameLengthMax = 2 + FrameReader.ControlLengthMax;

    private const int ReasonLengthMax = FrameReader.ControlLengthMax - 2;

    /// <summary>Bytes that <see cref="WriteHeader"/> writes: 2, 4 or 10.</summary>
    public static int HeaderLength(long payloadLength) => payloadLength switch { < 126 => 2, <= ushort.MaxValue => 4, _ => 10 };

    /// <summary>Writes the header of a whole message of <paramref name="payloadLength"/> bytes; returns its length.</summary>
    /// <exception cref="ArgumentException"><paramref name="destination"/> is too short (<see cref="HeaderLengthMax"/> always does).</exception>
    public static int WriteHeader(Span<byte> destination, Opcode opcode, long payloadLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(payloadLength);
        int length = HeaderLength(payloadLength);
        if (destination.Length < length) ThrowHelper.DestinationTooShort();
        destination[0] = (byte)(0x80 | (byte)opcode);
        switch (length)
        {
            case 2:
                destination[1] = (byte)payloadLength;
                break;
            case 4:
                destination[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)payloadLength);
                break;
            default:
                destination[1] = 127;
                BinaryPrimitives.WriteInt64BigEndian(destination[2..], payloadLength);
                break;
        }

        return length;
    }

    /// <summary>Writes a whole ping frame; returns its length.</summary>
    public static int WritePing(Span<byte> destination, ReadOnlySpan<byte> payload) => WriteControl(destination, Opcode.Ping, payload);

    /// <summary>Writes a whole pong frame; returns its length.</summary>
    public static int WritePong(Span<byte> destination, ReadOnlySpan<byte> payload) => WriteControl(destination, Opcode.Pong, payload);

    /// <summary>
    /// Writes a whole close frame; returns its length. A reason over 123 bytes is cut between characters.
    /// The codes that stand for "no code" (1005, 1006) write none and no reason either.
    /// </summary>
    public static int WriteClose(Span<byte> destination, CloseCode code, ReadOnlySpan<char> reason)
    {
        if (code is CloseCode.NoStatus or CloseCode.Abnormal) return WriteControl(destination, Opcode.Close, default);

        Span<byte> payload = stackalloc byte[FrameReader.ControlLengthMax];
        BinaryPrimitives.WriteUInt16BigEndian(payload, (ushort)code);
        Encoding.UTF8.GetEncoder().Convert(reason, payload.Slice(2, ReasonLengthMax), flush: true, out _, out int reasonLength, out _);
        return WriteControl(destination, Opcode.Close, payload[..(2 + reasonLength)]);
    }

    private static int WriteControl(Span<byte> destination, Opcode opcode, ReadOnlySpan<byte> payload)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, FrameReader.ControlLengthMax);
        if (destination.Length < 2 + payload.Length) ThrowHelper.DestinationTooShort();
        int header = WriteHeader(destination, opcode, payload.Length);
        payload.CopyTo(destination[header..]);
        return header + payload.Length;
    }
}
