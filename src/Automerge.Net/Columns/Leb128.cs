using System.Buffers;
using System.Numerics;

namespace Automerge.Columns;

/// <summary>
/// Strict LEB128 as Automerge reads it: overlong forms, more than ten bytes and values beyond 64 bits are refused,
/// so that one number has one encoding and a hash has one content.
/// </summary>
/// <remarks>Pure functions; safe on any thread.</remarks>
public static class Leb128
{
    /// <summary>The longest encoding of a 64-bit number: ceil(64 / 7) bytes.</summary>
    public const int MaxLength = 10;

    /// <summary>Reads an unsigned number and moves <paramref name="input"/> past it.</summary>
    /// <returns>false: truncated or not minimal; <paramref name="input"/> has not moved.</returns>
    public static bool TryReadUnsigned(ref ReadOnlySpan<byte> input, out ulong value)
    {
        if (input.Length > 0 && input[0] < 0x80)
        {
            value = input[0];
            input = input[1..];
            return true;
        }

        return TryReadUnsignedSlow(ref input, out value);
    }

    /// <summary>Reads an unsigned number that must fit 32 bits, as counters and lengths must.</summary>
    /// <returns>false: truncated, not minimal or too large; <paramref name="input"/> has not moved.</returns>
    public static bool TryReadUInt32(ref ReadOnlySpan<byte> input, out uint value)
    {
        // No copy of the span in the usual case: loading as one what was just stored as two costs more than all the rest.
        if (input.Length > 0 && input[0] < 0x80)
        {
            value = input[0];
            input = input[1..];
            return true;
        }

        return TryReadUInt32Slow(ref input, out value);
    }

    /// <summary>Reads a signed number (two's complement) and moves <paramref name="input"/> past it.</summary>
    /// <returns>false: truncated or not minimal; <paramref name="input"/> has not moved.</returns>
    public static bool TryReadSigned(ref ReadOnlySpan<byte> input, out long value)
    {
        ulong bits = 0;
        int shift = 0;
        for (int i = 0; i < input.Length && i < MaxLength; i++, shift += 7)
        {
            byte current = input[i];
            bits |= (ulong)(current & 0x7f) << shift;
            if ((current & 0x80) != 0) continue;

            bool negative = (current & 0x40) != 0;
            bool overlong = i > 0 && IsSignFill(current, (input[i - 1] & 0x40) != 0);
            bool tooLarge = i == MaxLength - 1 && current is not (0x00 or 0x7f);
            if (overlong || tooLarge) break;

            if (negative && shift + 7 < 64) bits |= ulong.MaxValue << (shift + 7);
            value = (long)bits;
            input = input[(i + 1)..];
            return true;
        }

        value = 0;
        return false;
    }

    /// <summary>Bytes that <see cref="WriteUnsigned(Span{byte}, ulong)"/> writes: 1–10.</summary>
    public static int UnsignedLength(ulong value) => (BitOperations.Log2(value | 1) / 7) + 1;

    /// <summary>Bytes that <see cref="WriteSigned(Span{byte}, long)"/> writes: 1–10.</summary>
    public static int SignedLength(long value)
    {
        // One bit for the sign beside the significant ones: 64 - leading sign bits + 1.
        int significant = 64 - BitOperations.LeadingZeroCount((ulong)(value ^ (value >> 63)));
        return (significant / 7) + 1;
    }

    /// <summary>Writes an unsigned number; returns the bytes written.</summary>
    /// <exception cref="IndexOutOfRangeException"><paramref name="output"/> is too short.</exception>
    public static int WriteUnsigned(Span<byte> output, ulong value)
    {
        int length = 0;
        while (value >= 0x80)
        {
            output[length++] = (byte)(value | 0x80);
            value >>= 7;
        }

        output[length++] = (byte)value;
        return length;
    }

    /// <summary>Writes a signed number; returns the bytes written.</summary>
    /// <exception cref="IndexOutOfRangeException"><paramref name="output"/> is too short.</exception>
    public static int WriteSigned(Span<byte> output, long value)
    {
        int length = 0;
        while (true)
        {
            byte low = (byte)(value & 0x7f);
            value >>= 7;
            bool last = (value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0);
            output[length++] = last ? low : (byte)(low | 0x80);
            if (last) return length;
        }
    }

    /// <summary>Writes an unsigned number to a buffer writer.</summary>
    public static void WriteUnsigned(IBufferWriter<byte> output, ulong value)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Advance(WriteUnsigned(output.GetSpan(MaxLength), value));
    }

    /// <summary>Writes a signed number to a buffer writer.</summary>
    public static void WriteSigned(IBufferWriter<byte> output, long value)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.Advance(WriteSigned(output.GetSpan(MaxLength), value));
    }

    private static bool TryReadUInt32Slow(ref ReadOnlySpan<byte> input, out uint value)
    {
        ReadOnlySpan<byte> probe = input;
        if (!TryReadUnsignedSlow(ref probe, out ulong wide) || wide > uint.MaxValue)
        {
            value = 0;
            return false;
        }

        value = (uint)wide;
        input = probe;
        return true;
    }

    private static bool TryReadUnsignedSlow(ref ReadOnlySpan<byte> input, out ulong value)
    {
        ulong bits = 0;
        for (int i = 0; i < input.Length && i < MaxLength; i++)
        {
            byte current = input[i];
            if (i == MaxLength - 1 && current > 1) break;      // beyond 64 bits
            bits |= (ulong)(current & 0x7f) << (7 * i);
            if ((current & 0x80) != 0) continue;
            if (i > 0 && current == 0) break;                  // overlong
            value = bits;
            input = input[(i + 1)..];
            return true;
        }

        value = 0;
        return false;
    }

    // The last byte only repeats the sign that the byte before it already shows.
    private static bool IsSignFill(byte last, bool signBefore) => (last == 0x00 && !signBefore) || (last == 0x7f && signBefore);
}
