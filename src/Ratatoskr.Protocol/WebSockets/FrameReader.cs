using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>
/// Reads the heads of client frames and refuses what RFC 6455 §5 forbids a client, so that nothing behind it has to ask again.
/// </summary>
/// <remarks>
/// <code>
///   byte 0          byte 1        0, 2 or 8 bytes          4 bytes
///   FIN 000 oooo    1 lllllll     length, big-endian       mask key
///       reserved    masked        (l = 126: 2, 127: 8)
/// </code>
/// No extension is ever agreed on, so the reserved bits are zero.
/// </remarks>
public static class FrameReader
{
    /// <summary>2 + 8 for the length + 4 for the mask key.</summary>
    public const int ClientHeaderLengthMax = 14;

    /// <summary>RFC 6455 §5.5: a control frame's payload.</summary>
    public const int ControlLengthMax = 125;

    /// <summary>Reads one client frame header (RFC 6455 §5.2), 6–14 bytes.</summary>
    /// <returns>false: more bytes needed, <paramref name="reader"/> has not moved.</returns>
    /// <exception cref="ProtocolException">1002: unmasked, reserved bits or opcode, a control frame that is long or fragmented, a length in too long a form.</exception>
    public static bool TryReadClientHeader(ref SequenceReader<byte> reader, out FrameHeader header)
    {
        ReadOnlySpan<byte> bytes = reader.UnreadSpan;
        if (bytes.Length < ClientHeaderLengthMax && reader.Remaining > bytes.Length)
        {
            Span<byte> joined = stackalloc byte[ClientHeaderLengthMax];
            joined = joined[..(int)Math.Min(reader.Remaining, ClientHeaderLengthMax)];
            reader.TryCopyTo(joined);
            if (!TryReadClientHeader(joined, out header, out int joinedLength)) return false;
            reader.Advance(joinedLength);
            return true;
        }

        if (!TryReadClientHeader(bytes, out header, out int length)) return false;
        reader.Advance(length);
        return true;
    }

    /// <summary>The same from contiguous bytes; <paramref name="headerLength"/> tells where the payload begins.</summary>
    /// <inheritdoc cref="TryReadClientHeader(ref SequenceReader{byte}, out FrameHeader)"/>
    public static bool TryReadClientHeader(ReadOnlySpan<byte> bytes, out FrameHeader header, out int headerLength)
    {
        header = default;
        headerLength = 0;
        if (bytes.Length < 2) return false;

        byte flags = bytes[0];
        int length7 = bytes[1] & 0x7f;
        Opcode opcode = (Opcode)(flags & 0x0f);
        bool fin = (flags & 0x80) != 0;
        CheckFirstBytes(flags, bytes[1], opcode, fin, length7);

        int lengthBytes = length7 switch { 126 => 2, 127 => 8, _ => 0 };
        if (bytes.Length < 2 + lengthBytes + 4) return false;
        long length = length7;
        if (lengthBytes != 0) length = ReadLongLength(bytes.Slice(2, lengthBytes));

        header = new FrameHeader(fin, opcode, length, MemoryMarshal.Read<uint>(bytes[(2 + lengthBytes)..]));
        headerLength = 2 + lengthBytes + 4;
        return true;
    }

    private static void CheckFirstBytes(byte flags, byte second, Opcode opcode, bool fin, int length7)
    {
        if ((flags & 0x70) != 0) ThrowHelper.BadFrame("reserved bits are set, no extension was agreed on");
        if ((second & 0x80) == 0) ThrowHelper.BadFrame("unmasked client frame");                    // §5.1
        if (opcode is > Opcode.Binary and < Opcode.Close or > Opcode.Pong) ThrowHelper.BadFrame("reserved opcode");
        if (opcode < Opcode.Close) return;
        if (!fin) ThrowHelper.BadFrame("fragmented control frame");                                 // §5.5
        if (length7 > ControlLengthMax) ThrowHelper.BadFrame("control frame over 125 bytes");
    }

    // §5.2: "the minimal number of bytes MUST be used"; the top bit of the long form must be 0.
    private static long ReadLongLength(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 2)
        {
            ushort medium = BinaryPrimitives.ReadUInt16BigEndian(bytes);
            if (medium < 126) ThrowHelper.BadFrame("frame length is not in its shortest form");
            return medium;
        }

        long length = BinaryPrimitives.ReadInt64BigEndian(bytes);
        if (length < 0) ThrowHelper.BadFrame("frame length over 2^63");
        if (length <= ushort.MaxValue) ThrowHelper.BadFrame("frame length is not in its shortest form");
        return length;
    }
}
