namespace SharedTests.Fuzzing;

/// <summary>Damage that knows nothing of what the bytes mean, but for a dictionary that may be given along.</summary>
internal static class ByteMutator
{
    // Where lengths, heads and counts change their meaning: LEB128, WebSocket frames, CBOR.
    private static readonly byte[] Telling = [0, 1, 2, 0x17, 0x18, 0x1b, 0x1f, 0x3f, 0x40, 0x5b, 0x5f, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x85, 0x9f, 0xbb, 0xbf, 0xf6, 0xfb, 0xff, 0x10];

    /// <param name="random">Of the case.</param>
    /// <param name="bytes">Left as they are.</param>
    /// <param name="dictionary">Words that mean something where the bytes are read.</param>
    public static byte[] Mutate(Random random, byte[] bytes, IReadOnlyList<byte[]>? dictionary = null)
    {
        List<byte> mutated = [.. bytes];
        for (int count = 1 + random.Next(random.Next(4) + 1); count > 0; count--) MutateOnce(random, mutated, dictionary ?? []);
        return [.. mutated];
    }

    /// <summary>The beginning of one and the end of another.</summary>
    public static byte[] Splice(Random random, byte[] first, byte[] second) => [.. first.AsSpan(0, random.Next(first.Length + 1)), .. second.AsSpan(random.Next(second.Length + 1))];

    /// <summary>A LEB128 number such as a length, a count or a run could be.</summary>
    public static byte[] HugeNumber(Random random)
    {
        long value = random.Next(2) == 0 ? 1L << random.Next(64) : random.Next(2) == 0 ? (1L << random.Next(63)) - 1 : -(1L << random.Next(63));
        List<byte> number = [];
        bool isSigned = random.Next(2) == 0;
        while (true)
        {
            byte low = (byte)(value & 0x7f);
            value = isSigned ? value >> 7 : value >>> 7;
            bool isLast = isSigned ? (value == 0 && (low & 0x40) == 0) || (value == -1 && (low & 0x40) != 0) : value == 0;
            number.Add(isLast ? low : (byte)(low | 0x80));
            if (isLast) return [.. number];
        }
    }

    private static void MutateOnce(Random random, List<byte> bytes, IReadOnlyList<byte[]> dictionary)
    {
        int at = random.Next(bytes.Count + 1), within = Math.Min(at, Math.Max(0, bytes.Count - 1)), length = Math.Min(1 + random.Next(8), bytes.Count - at);
        switch (random.Next(dictionary.Count > 0 ? 11 : 9))
        {
            case 0 or 1 when bytes.Count > 0: bytes[within] ^= (byte)(1 << random.Next(8)); break;
            case 2 or 3 when bytes.Count > 0: bytes[within] = Telling[random.Next(Telling.Length)]; break;
            case 4: bytes.Insert(at, Telling[random.Next(Telling.Length)]); break;
            case 5: bytes.RemoveRange(at, length); break;
            case 6: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
            case 7: bytes.InsertRange(at, HugeNumber(random)); break;
            case 8 when random.Next(4) == 0: bytes.RemoveRange(at, bytes.Count - at); break;
            case 9: bytes.InsertRange(at, dictionary[random.Next(dictionary.Count)]); break;
            case 10:
                byte[] word = dictionary[random.Next(dictionary.Count)];
                bytes.RemoveRange(at, Math.Min(word.Length, bytes.Count - at));
                bytes.InsertRange(at, word);
                break;
            default: break;
        }
    }
}
