using System.Globalization;
using System.Text;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Folders;

/// <summary>
/// Which checkpoint counts, and from where the journal is replayed onto it. Written only after the checkpoint and its names are durable;
/// journal and table files it does not need are removed only after this file is.
/// </summary>
/// <param name="Token">FASTER's name for the checkpoint.</param>
/// <param name="Journal">Everything before this journal address is in the checkpoint.</param>
/// <param name="LiveBytes">About what all documents together take in the table.</param>
/// <param name="Files">What the checkpoint's files must be.</param>
internal sealed record CheckpointRecord(Guid Token, long Journal, long LiveBytes, CheckpointSums Files)
{
    private const string Title = "checkpoint";

    /// <returns>null: there is none yet.</returns>
    public static CheckpointRecord? Read(IStoreFiles files, string path)
    {
        if (!files.FileExists(path)) return null;
        string[] fields = Encoding.ASCII.GetString(SealedFile.Read(files, path)).TrimEnd('\n').Split(' ');
        if (fields.Length == 8 && fields[0] == Title && Guid.TryParseExact(fields[1], "D", out Guid token)
            && long.TryParse(fields[2], CultureInfo.InvariantCulture, out long journal) && long.TryParse(fields[3], CultureInfo.InvariantCulture, out long live)
            && long.TryParse(fields[4], CultureInfo.InvariantCulture, out long indexLength)
            && uint.TryParse(fields[5], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out uint indexSum)
            && long.TryParse(fields[6], CultureInfo.InvariantCulture, out long tail))
        {
            return new CheckpointRecord(token, journal, live, new CheckpointSums(indexLength, indexSum, tail, Convert.FromHexString(fields[7])));
        }

        throw new StoreDamagedException($"the file {path} is damaged");
    }

    public void Write(IStoreFiles files, string path) => SealedFile.Write(
        files,
        path,
        Encoding.ASCII.GetBytes(string.Create(
            CultureInfo.InvariantCulture,
            $"{Title} {Token:D} {Journal} {LiveBytes} {Files.IndexLength} {Files.IndexSum:x8} {Files.TableTail} {Convert.ToHexStringLower(Files.TailSector)}\n")));
}

/// <summary>What tells whether a checkpoint's files are what was written.</summary>
/// <param name="IndexLength">Of the file of the hash index.</param>
/// <param name="IndexSum">CRC32C over it.</param>
/// <param name="TableTail">Where the table ends.</param>
/// <param name="TailSector">Its bytes from the last sector's beginning to its end: that sector is written again as the table grows, so it has no checksum that stays.</param>
internal sealed record CheckpointSums(long IndexLength, uint IndexSum, long TableTail, byte[] TailSector)
{
    /// <summary>Of a checkpoint that is not on disk yet.</summary>
    public static readonly CheckpointSums None = new(0, 0, 0, []);
}
