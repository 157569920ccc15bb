using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Tests.Fuzzing;

/// <summary>Damage that knows nothing of what the bytes mean.</summary>
internal static class ByteMutator
{
    private static readonly byte[] Telling = [0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xff, 0x40, 0x3f, 0x10, 0x85];

    public static byte[] Mutate(Random random, byte[] bytes)
    {
        List<byte> mutated = [.. bytes];
        for (int count = 1 + random.Next(random.Next(4) + 1); count > 0; count--) MutateOnce(random, mutated);
        return [.. mutated];
    }

    /// <summary>Makes length and checksum of the first chunk right, so that what lies behind them is reached.</summary>
    public static byte[] Sealed(byte[] bytes)
    {
        if (bytes.Length <= ChunkReader.TypeOffset) return bytes;
        ReadOnlySpan<byte> rest = bytes.AsSpan(ChunkReader.TypeOffset + 1);
        if (!Leb128.TryReadUnsigned(ref rest, out _)) rest = bytes.AsSpan(ChunkReader.TypeOffset + 1);
        return FuzzColumn.Seal((ChunkType)(bytes[ChunkReader.TypeOffset] & 3), rest);
    }

    private static void MutateOnce(Random random, List<byte> bytes)
    {
        int at = random.Next(bytes.Count + 1), within = Math.Min(at, Math.Max(0, bytes.Count - 1)), length = Math.Min(1 + random.Next(8), bytes.Count - at);
        switch (random.Next(8))
        {
            case 0 or 1 when bytes.Count > 0: bytes[within] ^= (byte)(1 << random.Next(8)); break;
            case 2 or 3 when bytes.Count > 0: bytes[within] = Telling[random.Next(Telling.Length)]; break;
            case 4: bytes.Insert(at, Telling[random.Next(Telling.Length)]); break;
            case 5: bytes.RemoveRange(at, length); break;
            case 6: bytes.InsertRange(at, bytes.GetRange(at, length)); break;
            case 7: bytes.InsertRange(at, HugeNumber(random)); break;
            default: break;
        }
    }

    /// <summary>A LEB128 number such as a length, a count or a run could be.</summary>
    public static byte[] HugeNumber(Random random)
    {
        byte[] number = new byte[Leb128.MaxLength];
        int length = random.Next(2) == 0
            ? Leb128.WriteUnsigned(number, 1UL << random.Next(64))
            : Leb128.WriteSigned(number, random.Next(2) == 0 ? 1L << random.Next(63) : -(1L << random.Next(63)));
        return number[..length];
    }
}
