using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ratatoskr.Protocol.Identifiers;

/// <summary>
/// Base58check as automerge-repo uses it for document ids and heads: Bitcoin's alphabet, then four bytes of SHA-256(SHA-256(payload)),
/// no version byte. Leading zero bytes are leading <c>1</c>s, so one payload has exactly one text.
/// </summary>
/// <remarks>
/// Pure; allocates nothing. Changing the base is quadratic by nature, so texts are bounded and taken five digits
/// (58^5 &lt; 2^32) at a time: 103 steps over at most 94 words for the longest.
/// </remarks>
public static class Base58Check
{
    /// <summary>Bytes of text accepted or written.</summary>
    public const int TextLengthMax = 512;

    /// <summary>No digit stands for more than a byte, and four bytes are the checksum.</summary>
    public const int PayloadLengthMax = TextLengthMax - ChecksumLength;

    private const int ChecksumLength = 4;
    private const int DigitsPerStep = 5;
    private const uint StepBase = 58 * 58 * 58 * 58 * 58;
    private const byte NotADigit = 255;

    // 512 digits are less than 512 * log2(58) = 3000 bits.
    private const int WordsMax = 94;

    private static ReadOnlySpan<byte> Alphabet => "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"u8;

    private static readonly byte[] s_digits = MakeDigits();

    /// <summary>Decodes and verifies.</summary>
    /// <param name="payload">At least as long as the payload; <see cref="PayloadLengthMax"/> always does.</param>
    /// <returns>false: not base58, wrong checksum, over <see cref="TextLengthMax"/>, or <paramref name="payload"/> too short.</returns>
    public static bool TryDecode(ReadOnlySpan<byte> text, Span<byte> payload, out int payloadLength)
    {
        payloadLength = 0;
        if (text.Length is 0 or > TextLengthMax) return false;

        Span<byte> bytes = stackalloc byte[TextLengthMax];
        if (!TryChangeBase(text, bytes, out int length) || length < ChecksumLength) return false;
        ReadOnlySpan<byte> body = bytes[..(length - ChecksumLength)];
        if (Checksum(body) != BinaryPrimitives.ReadUInt32BigEndian(bytes[body.Length..])) return false;
        if (!body.TryCopyTo(payload)) return false;
        payloadLength = body.Length;
        return true;
    }

    /// <summary>Encodes; returns the text's length.</summary>
    /// <returns>false: the text would be over <see cref="TextLengthMax"/> or does not fit <paramref name="text"/>.</returns>
    public static bool TryEncode(ReadOnlySpan<byte> payload, Span<byte> text, out int textLength)
    {
        textLength = 0;
        if (payload.Length > PayloadLengthMax) return false;

        Span<byte> bytes = stackalloc byte[PayloadLengthMax + ChecksumLength];
        bytes = bytes[..(payload.Length + ChecksumLength)];
        payload.CopyTo(bytes);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[payload.Length..], Checksum(payload));

        // Digits come out last first, so they are laid down from the end. A byte is less than 1.366 digits.
        Span<byte> digits = stackalloc byte[((PayloadLengthMax + ChecksumLength) * 1366 / 1000) + DigitsPerStep];
        int start = digits.Length;
        Span<uint> words = stackalloc uint[(PayloadLengthMax + ChecksumLength) / sizeof(uint)];
        int zeros = bytes.IndexOfAnyExcept((byte)0);
        if (zeros < 0) zeros = bytes.Length;
        words = ToWords(bytes[zeros..], words);
        while (words.Length > 0)
        {
            uint step = DivideStep(words);
            while (words.Length > 0 && words[^1] == 0) words = words[..^1];
            for (int i = 0; i < DigitsPerStep && (words.Length > 0 || step > 0); i++, step /= 58)
                digits[--start] = Alphabet[(int)(step % 58)];
        }

        int length = zeros + digits.Length - start;
        if (length > TextLengthMax || length > text.Length) return false;
        text[..zeros].Fill(Alphabet[0]);
        digits[start..].CopyTo(text[zeros..]);
        textLength = length;
        return true;
    }

    private static uint Checksum(ReadOnlySpan<byte> payload)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(payload, hash);
        SHA256.HashData(hash, hash);
        return BinaryPrimitives.ReadUInt32BigEndian(hash);
    }

    // Text to big-endian bytes.
    private static bool TryChangeBase(ReadOnlySpan<byte> text, Span<byte> bytes, out int length)
    {
        length = 0;
        int zeros = text.IndexOfAnyExcept(Alphabet[0]);
        if (zeros < 0) zeros = text.Length;

        Span<uint> words = stackalloc uint[WordsMax];
        int used = 0;
        ReadOnlySpan<byte> rest = text[zeros..];
        while (rest.Length > 0)
        {
            int count = Math.Min(DigitsPerStep, rest.Length);
            uint step = 0;
            uint scale = 1;
            foreach (byte character in rest[..count])
            {
                uint digit = s_digits[character];
                if (digit == NotADigit) return false;
                step = (step * 58) + digit;
                scale *= 58;
            }

            used = MultiplyAdd(words, used, scale, step);
            rest = rest[count..];
        }

        bytes[..zeros].Clear();
        length = zeros + WriteBigEndian(words[..used], bytes[zeros..]);
        return true;
    }

    // Least significant word first. Returns the words used.
    private static int MultiplyAdd(Span<uint> words, int used, uint scale, uint add)
    {
        ulong carry = add;
        for (int i = 0; i < used; i++)
        {
            carry += (ulong)words[i] * scale;
            words[i] = (uint)carry;
            carry >>= 32;
        }

        if (carry != 0) words[used++] = (uint)carry;
        return used;
    }

    private static int WriteBigEndian(ReadOnlySpan<uint> words, Span<byte> bytes)
    {
        int length = 0;
        for (int i = words.Length - 1; i >= 0; i--)
        {
            for (int shift = 24; shift >= 0; shift -= 8)
            {
                byte next = (byte)(words[i] >> shift);
                if (length > 0 || next != 0) bytes[length++] = next;
            }
        }

        return length;
    }

    // Big-endian bytes to words, least significant first.
    private static Span<uint> ToWords(ReadOnlySpan<byte> bytes, Span<uint> words)
    {
        int used = (bytes.Length + 3) / 4;
        words = words[..used];
        words.Clear();
        for (int i = 0; i < bytes.Length; i++)
        {
            int fromEnd = bytes.Length - 1 - i;
            words[fromEnd / 4] |= (uint)bytes[i] << (fromEnd % 4 * 8);
        }

        return words;
    }

    // Divides in place by 58^5, returns the remainder.
    private static uint DivideStep(Span<uint> words)
    {
        ulong remainder = 0;
        for (int i = words.Length - 1; i >= 0; i--)
        {
            ulong value = (remainder << 32) | words[i];
            words[i] = (uint)(value / StepBase);
            remainder = value % StepBase;
        }

        return (uint)remainder;
    }

    private static byte[] MakeDigits()
    {
        byte[] digits = new byte[256];
        digits.AsSpan().Fill(NotADigit);
        for (int i = 0; i < Alphabet.Length; i++) digits[Alphabet[i]] = (byte)i;
        return digits;
    }
}
