using System.Buffers.Binary;

namespace Ratatoskr.Protocol.Cbor;

/// <summary>Writes CBOR into a span with the shortest heads. A destination that is too short throws; nothing is written beyond it.</summary>
public ref struct CborWriter(Span<byte> destination)
{
    /// <summary>1 + 8.</summary>
    public const int HeadLengthMax = 9;

    private readonly Span<byte> _destination = destination;

    /// <summary>Bytes written so far.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes of a head with this argument: 1, 2, 3, 5 or 9.</summary>
    public static int HeadLength(ulong argument) =>
        argument switch { < 24 => 1, <= byte.MaxValue => 2, <= ushort.MaxValue => 3, <= uint.MaxValue => 5, _ => 9 };

    public void WriteMapHeader(int pairs) => WriteHead(CborType.Map, (ulong)pairs);

    public void WriteArrayHeader(int elements) => WriteHead(CborType.Array, (ulong)elements);

    public void WriteText(scoped ReadOnlySpan<byte> utf8)
    {
        WriteHead(CborType.Text, (ulong)utf8.Length);
        WriteRaw(utf8);
    }

    public void WriteBytes(scoped ReadOnlySpan<byte> bytes)
    {
        WriteBytesHeader(bytes.Length);
        WriteRaw(bytes);
    }

    /// <summary>Only the head of a byte string, whose content follows from elsewhere.</summary>
    public void WriteBytesHeader(int length) => WriteHead(CborType.Bytes, (ulong)length);

    /// <summary>
    /// Writes a whole number the way JS peers do: an integer up to 2^32 − 1, above it a float64 if that holds it exactly
    /// (cbor-x reads 64-bit integers as BigInt, which its users do not expect).
    /// </summary>
    public void WriteNumber(ulong value)
    {
        if (value > uint.MaxValue && value <= 1UL << 53) WriteDouble(value);
        else WriteHead(CborType.Unsigned, value);
    }

    public void WriteDouble(double value)
    {
        Span<byte> room = Take(9);
        room[0] = ((int)CborType.Simple << 5) | CborHead.Double;
        BinaryPrimitives.WriteDoubleBigEndian(room[1..], value);
    }

    public void WriteBoolean(bool value) => WriteHead(CborType.Simple, value ? CborHead.True : CborHead.False);

    public void WriteNull() => WriteHead(CborType.Simple, CborHead.Null);

    public void WriteUndefined() => WriteHead(CborType.Simple, CborHead.Undefined);

    /// <summary>Bytes that are CBOR already, or the content of a string.</summary>
    public void WriteRaw(scoped ReadOnlySpan<byte> encoded) => encoded.CopyTo(Take(encoded.Length));

    private void WriteHead(CborType type, ulong argument)
    {
        int length = HeadLength(argument);
        Span<byte> room = Take(length);
        byte major = (byte)((int)type << 5);
        switch (length)
        {
            case 1:
                room[0] = (byte)(major | (byte)argument);
                break;
            case 2:
                room[0] = (byte)(major | CborHead.OneByte);
                room[1] = (byte)argument;
                break;
            case 3:
                room[0] = (byte)(major | CborHead.Half);
                BinaryPrimitives.WriteUInt16BigEndian(room[1..], (ushort)argument);
                break;
            case 5:
                room[0] = (byte)(major | CborHead.Single);
                BinaryPrimitives.WriteUInt32BigEndian(room[1..], (uint)argument);
                break;
            default:
                room[0] = (byte)(major | CborHead.Double);
                BinaryPrimitives.WriteUInt64BigEndian(room[1..], argument);
                break;
        }
    }

    private Span<byte> Take(int length)
    {
        if (_destination.Length - Length < length) ThrowHelper.DestinationTooShort();
        Span<byte> room = _destination.Slice(Length, length);
        Length += length;
        return room;
    }
}
