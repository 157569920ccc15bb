using System.Globalization;
using System.Text;

namespace Ratatoskr.Storage.Faster.Folders;

/// <summary>
/// Which checkpoint counts, and from where the journal is replayed onto it. Written only after the checkpoint and its names are durable;
/// journal and table files it does not need are removed only after this file is.
/// </summary>
/// <param name="Token">FASTER's name for the checkpoint.</param>
/// <param name="Journal">Everything before this journal address is in the checkpoint.</param>
/// <param name="LiveBytes">About what all documents together take in the table.</param>
internal sealed record CheckpointRecord(Guid Token, long Journal, long LiveBytes)
{
    private const string Title = "checkpoint";

    /// <returns>null: there is none yet.</returns>
    public static CheckpointRecord? Read(IStoreFiles files, string path)
    {
        if (!files.FileExists(path)) return null;
        string text = Encoding.ASCII.GetString(files.Read(path));
        string[] fields = text.TrimEnd('\n').Split(' ');
        if (fields.Length == 5 && fields[0] == Title && Guid.TryParseExact(fields[1], "D", out Guid token)
            && long.TryParse(fields[2], CultureInfo.InvariantCulture, out long journal) && long.TryParse(fields[3], CultureInfo.InvariantCulture, out long live)
            && fields[4] == Seal(text[..(text.LastIndexOf(' ') + 1)]))
        {
            return new CheckpointRecord(token, journal, live);
        }

        throw new StoreDamagedException($"the file {path} is damaged");
    }

    public void Write(IStoreFiles files, string path)
    {
        string body = string.Create(CultureInfo.InvariantCulture, $"{Title} {Token:D} {Journal} {LiveBytes} ");
        files.Replace(path, Encoding.ASCII.GetBytes($"{body}{Seal(body)}\n"));
    }

    private static string Seal(string body) => Crc32C.Compute(Encoding.ASCII.GetBytes(body)).ToString("x8", CultureInfo.InvariantCulture);
}
