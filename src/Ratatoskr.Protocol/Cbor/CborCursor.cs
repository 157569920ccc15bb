using System.Buffers.Binary;

namespace Ratatoskr.Protocol.Cbor;

/// <summary>
/// Walks over CBOR (RFC 8949) where it lies; nothing is copied, nothing allocated, everything is checked against the bytes that are left.
/// </summary>
/// <remarks>
/// Liberal in form: heads of any width, indefinite-length maps and arrays, any float width, tags (looked through: 64 around a byte string is what
/// 1.0 alphas of automerge-repo sent). Strings in chunks (indefinite length) can be skipped but not read as one slice.
/// A <c>TryRead…</c> that says false has not moved: the item is of another type, or it is malformed. <see cref="TrySkip"/> tells which.
/// </remarks>
public ref struct CborCursor
{
    /// <summary>Containers inside each other that <see cref="TrySkip"/> follows unless told otherwise.</summary>
    public const int DepthMax = 16;

    // What IsWellFormed may be asked for: 64 longs of stack.
    private const int DepthLimit = 64;

    private readonly ReadOnlySpan<byte> _data;
    private int _position;

    public CborCursor(ReadOnlySpan<byte> data)
    {
        _data = data;
        _position = 0;
    }

    /// <summary>Walks over a part of a message; positions and slices stay those of the message.</summary>
    public CborCursor(ReadOnlySpan<byte> message, Slice part)
    {
        _data = message[..part.End];
        _position = part.Offset;
    }

    public readonly int Position => _position;

    public readonly bool IsAtEnd => _position == _data.Length;

    /// <summary>Whether <paramref name="data"/> is exactly one item whose containers nest no deeper than <paramref name="depthMax"/> (at most 64).</summary>
    public static bool IsWellFormed(ReadOnlySpan<byte> data, int depthMax = DepthMax)
    {
        CborCursor cursor = new(data);
        return cursor.TrySkip(depthMax) && cursor.IsAtEnd;
    }

    /// <summary>Reads a text string of definite length. The bytes are not checked to be UTF-8.</summary>
    public bool TryReadText(out Slice text) => TryReadString(CborType.Text, out text);

    /// <summary>Reads a byte string of definite length.</summary>
    public bool TryReadBytes(out Slice bytes) => TryReadString(CborType.Bytes, out bytes);

    public bool TryReadBoolean(out bool value)
    {
        int probe = _position;
        value = false;
        if (!TryReadUntagged(ref probe, out CborHead head) || head.Type != CborType.Simple) return false;
        if (head.Info is not (CborHead.True or CborHead.False)) return false;
        value = head.Info == CborHead.True;
        _position = probe;
        return true;
    }

    /// <summary>Reads null or undefined: JS peers write an absent optional value as undefined (f7).</summary>
    public bool TryReadNil()
    {
        int probe = _position;
        if (probe < _data.Length && _data[probe] < (int)CborType.Tag << 5) return false;       // the common case: no tag, nothing simple
        if (!TryReadUntagged(ref probe, out CborHead head) || head.Type != CborType.Simple) return false;
        if (head.Info is not (CborHead.Null or CborHead.Undefined)) return false;
        _position = probe;
        return true;
    }

    /// <summary>Reads any integer or float.</summary>
    public bool TryReadNumber(out double value)
    {
        int probe = _position;
        value = 0;
        if (!TryReadUntagged(ref probe, out CborHead head)) return false;
        switch (head.Type)
        {
            case CborType.Unsigned:
                value = head.Argument;
                break;
            case CborType.Negative:
                value = -1.0 - head.Argument;
                break;
            case CborType.Simple when head.Info is CborHead.Half or CborHead.Single or CborHead.Double:
                value = ToDouble(head);
                break;
            default:
                return false;
        }

        _position = probe;
        return true;
    }

    /// <summary>Reads a whole number from 0 to 2^64 − 1; JS peers write those above 2^32 − 1 as float64.</summary>
    public bool TryReadUnsigned(out ulong value)
    {
        int probe = _position;
        value = 0;
        if (!TryReadUntagged(ref probe, out CborHead head)) return false;
        if (head.Type == CborType.Unsigned)
        {
            value = head.Argument;
            _position = probe;
            return true;
        }

        CborCursor other = this;
        if (head.Type != CborType.Simple || !other.TryReadNumber(out double number)) return false;
        if (!(number >= 0 && number < 18446744073709551616.0) || Math.Floor(number) != number) return false;      // 2^64; NaN fails too
        value = (ulong)number;
        _position = other._position;
        return true;
    }

    /// <summary>Enters a map; each of its <see cref="MoveNext"/> is followed by a key and a value.</summary>
    public bool TryReadMapStart(out CborItems pairs) => TryReadStart(CborType.Map, bytesPerItem: 2, out pairs);

    /// <summary>Enters an array; each of its <see cref="MoveNext"/> is followed by an element.</summary>
    public bool TryReadArrayStart(out CborItems elements) => TryReadStart(CborType.Array, bytesPerItem: 1, out elements);

    /// <summary>Whether a container that was entered has another item; steps over the "break" of an indefinite one.</summary>
    public bool MoveNext(ref CborItems items)
    {
        if (!items.IsIndefinite) return items.Left-- > 0;
        int probe = _position;
        if (!TryReadHead(ref probe, out CborHead head) || !head.IsBreak) return true;       // whatever is wrong, reading the item finds it
        _position = probe;
        return false;
    }

    /// <summary>Steps over one item of any kind and size in time proportional to its bytes.</summary>
    /// <returns>false: malformed, truncated or nested deeper than <paramref name="depthMax"/> (at most 64); the cursor has not moved.</returns>
    public bool TrySkip(int depthMax = DepthMax)
    {
        // Per open container: items left, or one of the three below.
        const long IndefiniteArray = -1, IndefiniteMapKey = -2, IndefiniteMapValue = -3;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(depthMax, DepthLimit);
        Span<long> open = stackalloc long[DepthLimit];
        int depth = 0;
        int probe = _position;
        bool tagged = false;
        do
        {
            if (!TryReadHead(ref probe, out CborHead head)) return false;
            if (head.IsBreak)
            {
                if (tagged || depth == 0 || open[depth - 1] is not (IndefiniteArray or IndefiniteMapKey)) return false;
                depth--;
            }
            else if (head.Type is CborType.Array or CborType.Map)
            {
                if (depth == depthMax) return false;
                tagged = false;
                long items = head.IsIndefinite
                    ? head.Type == CborType.Map ? IndefiniteMapKey : IndefiniteArray
                    : CountItems(head, probe);
                if (items == long.MinValue) return false;
                open[depth++] = items;
                if (items != 0) continue;
                depth--;
            }
            else if (head.Type == CborType.Tag)
            {
                tagged = true;
                continue;
            }
            else if (!TrySkipScalar(head, ref probe))
            {
                return false;
            }

            // One item is complete, and with it perhaps the containers around it.
            tagged = false;
            while (depth > 0)
            {
                ref long left = ref open[depth - 1];
                if (left < 0)
                {
                    left = left switch { IndefiniteMapKey => IndefiniteMapValue, IndefiniteMapValue => IndefiniteMapKey, _ => left };
                    break;
                }

                if (--left > 0) break;
                depth--;
            }
        }
        while (depth > 0 || tagged);

        _position = probe;
        return true;
    }

    // Items of a definite container, or MinValue if the bytes left cannot hold them (each needs at least one).
    private readonly long CountItems(CborHead head, int position)
    {
        ulong left = (ulong)(_data.Length - position);
        if (head.Argument > left) return long.MinValue;
        ulong items = head.Type == CborType.Map ? head.Argument * 2 : head.Argument;
        return items > left ? long.MinValue : (long)items;
    }

    private readonly bool TrySkipScalar(CborHead head, ref int position)
    {
        if (head.Type is not (CborType.Bytes or CborType.Text)) return true;
        if (!head.IsIndefinite) return TryAdvance(ref position, head.Argument);
        while (TryReadHead(ref position, out CborHead chunk))
        {
            if (chunk.IsBreak) return true;
            if (chunk.Type != head.Type || chunk.IsIndefinite || !TryAdvance(ref position, chunk.Argument)) return false;
        }

        return false;
    }

    private bool TryReadString(CborType type, out Slice content)
    {
        int probe = _position;
        content = default;

        // The common case: no tag and a length below 24 within the head.
        if (probe < _data.Length)
        {
            int length = _data[probe] - ((int)type << 5);
            if ((uint)length < CborHead.OneByte)
            {
                if (length > _data.Length - probe - 1) return false;
                content = new Slice(probe + 1, length);
                _position = probe + 1 + length;
                return true;
            }
        }

        if (!TryReadUntagged(ref probe, out CborHead head) || head.Type != type || head.IsIndefinite) return false;
        int start = probe;
        if (!TryAdvance(ref probe, head.Argument)) return false;
        content = new Slice(start, (int)head.Argument);
        _position = probe;
        return true;
    }

    private bool TryReadStart(CborType type, int bytesPerItem, out CborItems items)
    {
        int probe = _position;
        items = default;
        if (!TryReadUntagged(ref probe, out CborHead head) || head.Type != type) return false;
        if (!head.IsIndefinite && head.Argument > (ulong)((_data.Length - probe) / bytesPerItem)) return false;
        items = new CborItems(head.IsIndefinite ? CborItems.Indefinite : (long)head.Argument);
        _position = probe;
        return true;
    }

    private readonly bool TryReadUntagged(ref int position, out CborHead head)
    {
        do
        {
            if (!TryReadHead(ref position, out head)) return false;
        }
        while (head.Type == CborType.Tag);
        return true;
    }

    private readonly bool TryAdvance(ref int position, ulong count)
    {
        if (count > (ulong)(_data.Length - position)) return false;
        position += (int)count;
        return true;
    }

    private readonly bool TryReadHead(ref int position, out CborHead head)
    {
        if ((uint)position >= (uint)_data.Length)
        {
            head = default;
            return false;
        }

        byte first = _data[position];
        CborType type = (CborType)(first >> 5);
        byte info = (byte)(first & 0x1f);
        if (info < CborHead.OneByte)
        {
            head = new CborHead(type, info, info);
            position++;
            return true;
        }

        return TryReadLongHead(ref position, type, info, out head);
    }

    private readonly bool TryReadLongHead(ref int position, CborType type, byte info, out CborHead head)
    {
        head = default;
        ReadOnlySpan<byte> rest = _data[(position + 1)..];
        if (info == CborHead.Indefinite)
        {
            if (type is CborType.Unsigned or CborType.Negative or CborType.Tag) return false;
            head = new CborHead(type, info, 0);
            position++;
            return true;
        }

        if (info > CborHead.Double) return false;       // 28–30 are reserved
        int width = 1 << (info - CborHead.OneByte);
        if (rest.Length < width) return false;
        ulong argument = width switch
        {
            1 => rest[0],
            2 => BinaryPrimitives.ReadUInt16BigEndian(rest),
            4 => BinaryPrimitives.ReadUInt32BigEndian(rest),
            _ => BinaryPrimitives.ReadUInt64BigEndian(rest),
        };
        if (type == CborType.Simple && info == CborHead.OneByte && argument < 32) return false;     // §3.3: not well-formed
        head = new CborHead(type, info, argument);
        position += 1 + width;
        return true;
    }

    private static double ToDouble(CborHead head) => head.Info switch
    {
        CborHead.Half => (double)BitConverter.UInt16BitsToHalf((ushort)head.Argument),
        CborHead.Single => BitConverter.UInt32BitsToSingle((uint)head.Argument),
        _ => BitConverter.UInt64BitsToDouble(head.Argument),
    };
}
