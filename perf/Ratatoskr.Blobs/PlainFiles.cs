using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Ratatoskr.Blobs;

/// <summary>What a program without a server does with the same bytes: the yardsticks.</summary>
internal static class PlainFiles
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Bytes that no compression and no deduplication of a disk makes less of.</summary>
    public static void Make(string path, long length)
    {
        byte[] buffer = new byte[BufferBytes];
        Random random = new(1);
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        for (long offset = 0; offset < length; offset += BufferBytes)
        {
            random.NextBytes(buffer);
            RandomAccess.Write(file, buffer.AsSpan(0, (int)Math.Min(BufferBytes, length - offset)), offset);
        }

        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Gives the file another hash.</summary>
    public static void Mark(string path, int round)
    {
        using SafeFileHandle file = File.OpenHandle(path, FileMode.Open, FileAccess.Write);
        RandomAccess.Write(file, BitConverter.GetBytes(round), 0);
        RandomAccess.FlushToDisk(file);
    }

    /// <summary>Copies and hashes, and syncs at the end.</summary>
    public static void CopyAndHash(string from, string to)
    {
        byte[] buffer = new byte[BufferBytes];
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        using SafeFileHandle source = File.OpenHandle(from);
        using SafeFileHandle target = File.OpenHandle(to, FileMode.Create, FileAccess.Write);
        long offset = 0;
        for (int count; (count = RandomAccess.Read(source, buffer, offset)) > 0; offset += count)
        {
            hash.AppendData(buffer, 0, count);
            RandomAccess.Write(target, buffer.AsSpan(0, count), offset);
        }

        RandomAccess.FlushToDisk(target);
        hash.GetHashAndReset();
    }

    /// <summary>Small files, one after the other: write, sync, rename.</summary>
    public static void WriteSyncRename(string folder, int count, Func<int, byte[]> bytesOf)
    {
        Directory.CreateDirectory(folder);
        string temporary = Path.Combine(folder, "temporary");
        for (int i = 0; i < count; i++)
        {
            using (SafeFileHandle file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
            {
                RandomAccess.Write(file, bytesOf(i), 0);
                RandomAccess.FlushToDisk(file);
            }

            File.Move(temporary, Path.Combine(folder, $"{i}"));
        }
    }
}
