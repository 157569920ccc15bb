using System.Buffers.Binary;
using System.Security.Cryptography;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// What the map file of an upload says, little-endian:
/// <code>
///  0  4  "RTBM"
///  4  4  version, 1
///  8 16  the upload's id
/// 24  8  its size
/// 32  4  its chunk size
/// 36  4  CRC-32C of the above
/// 40 16 × chunks:
///        0  4  CRC-32C of the chunk
///        4  4  CRC-32C of the chunk's index (4 bytes), of the sum and of the run; anything else: the chunk is not there
///        8  8  the run of the server that wrote it
/// </code>
/// Nothing of it is synced. An entry of this run is true, as the kernel keeps what was written; one of an earlier run is true if the chunk's bytes have its sum.
/// </summary>
/// <remarks>Pure functions but for the run, a random number of this process.</remarks>
internal static class ChunkMap
{
    public const int HeaderSize = 40;
    public const int EntrySize = 16;
    private const uint Version = 1;

    private static ReadOnlySpan<byte> Magic => "RTBM"u8;

    /// <summary>A random number that stands for this process.</summary>
    public static ulong Run { get; } = BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong)));

    public static int SizeOf(UploadShape upload) => HeaderSize + (upload.ChunkCount * EntrySize);

    public static long PlaceOf(int index) => HeaderSize + ((long)index * EntrySize);

    public static void WriteHeader(Span<byte> to, UploadShape upload)
    {
        Magic.CopyTo(to);
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], Version);
        upload.Id.TryWriteBytes(to[8..]);
        BinaryPrimitives.WriteInt64LittleEndian(to[24..], upload.Size);
        BinaryPrimitives.WriteInt32LittleEndian(to[32..], upload.ChunkSize);
        BinaryPrimitives.WriteUInt32LittleEndian(to[36..], Crc32C.Compute(to[..36]));
    }

    /// <summary>Whether it is the header of this upload, cut as it is, in this version.</summary>
    public static bool IsHeaderOf(UploadShape upload, ReadOnlySpan<byte> bytes)
    {
        Span<byte> expected = stackalloc byte[HeaderSize];
        WriteHeader(expected, upload);
        return bytes.StartsWith(expected);
    }

    /// <param name="sum">null: the chunk is not there.</param>
    public static void WriteEntry(Span<byte> to, int index, uint? sum, ulong run)
    {
        to[..EntrySize].Clear();
        if (sum is not { } crc) return;
        BinaryPrimitives.WriteUInt32LittleEndian(to, crc);
        BinaryPrimitives.WriteUInt64LittleEndian(to[8..], run);
        BinaryPrimitives.WriteUInt32LittleEndian(to[4..], CheckOf(index, crc, run));
    }

    /// <returns>false: the chunk is not there.</returns>
    public static bool TryReadEntry(ReadOnlySpan<byte> from, int index, out uint sum, out ulong run)
    {
        sum = BinaryPrimitives.ReadUInt32LittleEndian(from);
        run = BinaryPrimitives.ReadUInt64LittleEndian(from[8..]);
        return BinaryPrimitives.ReadUInt32LittleEndian(from[4..]) == CheckOf(index, sum, run) && run != 0;
    }

    // Not over zeros alone: an entry of zeros must not be one of a chunk.
    private static uint CheckOf(int index, uint sum, ulong run)
    {
        Span<byte> bytes = stackalloc byte[16];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, index);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], sum);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], run);
        return Crc32C.Compute(bytes);
    }
}
