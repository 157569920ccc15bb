using System.Numerics;
using System.Runtime.InteropServices;

namespace Ratatoskr.Storage.Files;

/// <summary>CRC-32C (Castagnoli; reflected, start and end complemented: "123456789" gives e3069283), by the processor's instruction where there is one.</summary>
/// <remarks>Pure functions; safe on any thread.</remarks>
internal static class Crc32C
{
    public static uint Compute(ReadOnlySpan<byte> bytes) => ~Append(uint.MaxValue, bytes);

    /// <summary>Over two stretches as if they were one.</summary>
    public static uint Compute(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second) => ~Append(Append(uint.MaxValue, first), second);

    /// <summary>Goes on from a state: <see cref="uint.MaxValue"/> at the beginning, complemented at the end.</summary>
    public static uint Append(uint crc, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(bytes);
        foreach (ulong word in words) crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(word));
        foreach (byte b in bytes[(words.Length * sizeof(ulong))..]) crc = BitOperations.Crc32C(crc, b);
        return crc;
    }
}
