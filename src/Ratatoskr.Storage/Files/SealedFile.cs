using System.Globalization;
using System.Text;

namespace Ratatoskr.Storage.Files;

/// <summary>
/// Small files that nothing can be read without: their content is there twice, each time with its checksum, so that damage of one leaves the other.
/// <code>
/// content, CRC32C of it in 8 hex digits, newline, and all of that once more
/// </code>
/// </summary>
/// <remarks>Safe on any thread, for different paths. Written whole, by a rename: one sync, as a plain file.</remarks>
internal static class SealedFile
{
    private const int SealSize = 9;

    public static void Write(IStoreFiles files, string path, ReadOnlySpan<byte> content)
    {
        byte[] twice = new byte[2 * (content.Length + SealSize)];
        content.CopyTo(twice);
        Encoding.ASCII.GetBytes(Seal(content), twice.AsSpan(content.Length));
        twice.AsSpan(0, twice.Length / 2).CopyTo(twice.AsSpan(twice.Length / 2));
        files.Replace(path, twice);
    }

    /// <exception cref="StoreDamagedException">Both copies are damaged.</exception>
    public static byte[] Read(IStoreFiles files, string path) =>
        TryRead(files.Read(path), out byte[] content, out _) ? content : throw new StoreDamagedException($"the file {path} is damaged: no copy in it is what was written");

    /// <param name="damagedAt">Where a copy begins that is not what was written; -1: both are.</param>
    /// <returns>false: neither is.</returns>
    public static bool TryRead(ReadOnlySpan<byte> file, out byte[] content, out int damagedAt)
    {
        int half = file.Length / 2;
        bool first = IsSound(file[..half]), second = IsSound(file[half..]);
        damagedAt = !first ? 0 : second ? -1 : half;
        content = first ? file[..(half - SealSize)].ToArray() : second ? file[half..^SealSize].ToArray() : [];
        return first || second;
    }

    private static bool IsSound(ReadOnlySpan<byte> copy) =>
        copy.Length >= SealSize && copy[^SealSize..].SequenceEqual(Encoding.ASCII.GetBytes(Seal(copy[..^SealSize])));

    private static string Seal(ReadOnlySpan<byte> content) => string.Create(CultureInfo.InvariantCulture, $"{Crc32C.Compute(content):x8}\n");
}
