using System.Numerics;
using System.Runtime.InteropServices;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>XOR with the repeated four-byte key of a client frame (RFC 6455 §5.3); masking and unmasking are the same.</summary>
/// <remarks>Pure; the key is taken as its bytes lie in memory, so no byte order is involved.</remarks>
public static class Masking
{
    /// <summary>Unmasks in place. <paramref name="offset"/> is how many payload bytes of the frame lie before <paramref name="data"/>.</summary>
    public static void Unmask(Span<byte> data, uint key, long offset) => Unmask(data, data, key, offset);

    /// <summary>Unmasks while copying; <paramref name="destination"/> is at least as long and either the same memory or apart.</summary>
    public static void Unmask(ReadOnlySpan<byte> source, Span<byte> destination, uint key, long offset)
    {
        if (destination.Length < source.Length) ThrowHelper.DestinationTooShort();
        key = Rotate(key, (int)(offset & 3));
        ref byte from = ref MemoryMarshal.GetReference(source);
        ref byte to = ref MemoryMarshal.GetReference(destination);

        // Whole vectors, then words, then bytes: each step is a multiple of 4 long, so the key stays in phase.
        int i = 0;
        Vector<byte> keys = Vector.AsVectorByte(new Vector<uint>(key));
        for (; i <= source.Length - Vector<byte>.Count; i += Vector<byte>.Count)
            (Vector.LoadUnsafe(ref from, (nuint)i) ^ keys).StoreUnsafe(ref to, (nuint)i);

        for (; i <= source.Length - sizeof(uint); i += sizeof(uint))
            MemoryMarshal.Write(destination[i..], MemoryMarshal.Read<uint>(source[i..]) ^ key);

        for (; i < source.Length; i++, key = Rotate(key, 1))
            destination[i] = (byte)(source[i] ^ FirstByte(key));
    }

    // The key as seen from `bytes` further into the payload.
    private static uint Rotate(uint key, int bytes) =>
        BitConverter.IsLittleEndian ? BitOperations.RotateRight(key, bytes * 8) : BitOperations.RotateLeft(key, bytes * 8);

    private static byte FirstByte(uint key) => BitConverter.IsLittleEndian ? (byte)key : (byte)(key >> 24);
}
