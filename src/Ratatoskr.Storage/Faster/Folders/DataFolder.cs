using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Ratatoskr.Storage.Faster.Folders;

/// <summary>
/// The data folder: held by one process at a time, of a format this version knows, with the names and secrets that never change.
/// <code>
/// lock                 held with flock while the store is open
/// format               "ratatoskr 2", storage id, hash key, geometry: one line each, written once
/// documents/
///   incarnation        a number that grows with every opening of the journal
///   checkpoint         which checkpoint counts (CheckpointRecord)
///   journal/           commits, journal.N
///   table/             table.N
///   checkpoints/       FASTER's index and log checkpoints
/// </code>
/// </summary>
/// <remarks>Owned by the store; the lock falls when it is disposed, or with the process.</remarks>
internal sealed class DataFolder : IDisposable
{
    public const int FormatVersion = 2;
    private const string Magic = "ratatoskr ";
    private const int HashKeySize = 16;

    private readonly FileStream _lock;
    private readonly string _incarnationFile;

    private DataFolder(string path, FileStream held, string storageId, byte[] hashKey, Geometry geometry)
    {
        Root = path;
        _lock = held;
        StorageId = storageId;
        HashKey = hashKey;
        Geometry = geometry;
        string documents = Path.Combine(path, "documents");
        Journal = Path.Combine(documents, "journal");
        Table = Path.Combine(documents, "table");
        Checkpoints = Path.Combine(documents, "checkpoints");
        CheckpointFile = Path.Combine(documents, "checkpoint");
        _incarnationFile = Path.Combine(documents, "incarnation");
        DurableFiles.CreateDirectory(documents);
        DurableFiles.CreateDirectory(Journal);
        DurableFiles.CreateDirectory(Table);
        DurableFiles.CreateDirectory(Checkpoints);
    }

    public string Root { get; }

    /// <summary>A UUIDv4, the server's own storage id towards peers.</summary>
    public string StorageId { get; }

    /// <summary>16 secret bytes that keep clients from choosing ids which share a bucket.</summary>
    public byte[] HashKey { get; }

    /// <summary>What the folder was made with.</summary>
    public Geometry Geometry { get; }

    public string Journal { get; }

    public string Table { get; }

    public string Checkpoints { get; }

    public string CheckpointFile { get; }

    /// <param name="geometry">For a folder that is made now.</param>
    /// <exception cref="StoreFolderException">Held by another process, or of another format.</exception>
    public static DataFolder Open(string folder, Geometry geometry)
    {
        string path = Path.GetFullPath(folder);
        FileStream held;
        try
        {
            DurableFiles.CreateDirectory(path);
            held = Hold(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreFolderException($"the data folder {path} cannot be used: {e.Message}", e);
        }

        try
        {
            (string storageId, byte[] hashKey, Geometry made) = ReadOrCreateFormat(path, geometry);
            return new DataFolder(path, held, storageId, hashKey, made);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>A number greater than any returned before, durable before it is used.</summary>
    public uint NextIncarnation()
    {
        uint last = File.Exists(_incarnationFile) ? uint.Parse(File.ReadAllText(_incarnationFile), NumberStyles.None, CultureInfo.InvariantCulture) : 0;
        uint next = checked(last + 1);
        DurableFiles.Replace(_incarnationFile, Encoding.ASCII.GetBytes(next.ToString(CultureInfo.InvariantCulture)));
        return next;
    }

    public void Dispose() => _lock.Dispose();

    // .NET takes flock(LOCK_EX | LOCK_NB) for FileShare.None on Unix; the kernel drops it when the process dies.
    private static FileStream Hold(string path)
    {
        string file = Path.Combine(path, "lock");
        try
        {
            FileStream held = new(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            held.SetLength(0);
            held.Write(Encoding.ASCII.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture)));
            return held;
        }
        catch (IOException e)
        {
            throw new StoreFolderException($"the data folder {path} is in use by another process", e);
        }
    }

    private static (string StorageId, byte[] HashKey, Geometry Geometry) ReadOrCreateFormat(string path, Geometry geometry)
    {
        string file = Path.Combine(path, "format");
        if (!File.Exists(file))
        {
            if (Directory.Exists(Path.Combine(path, "documents"))) throw new StoreFolderException($"the data folder {path} has documents but no format file; it is not opened");
            string storageId = Guid.NewGuid().ToString("D");
            byte[] hashKey = RandomNumberGenerator.GetBytes(HashKeySize);
            string sizes = string.Create(
                CultureInfo.InvariantCulture, $"{geometry.PageBytes} {geometry.TableSegmentBytes} {geometry.JournalSegmentBytes} {geometry.IndexBuckets}");
            DurableFiles.Replace(file, Encoding.ASCII.GetBytes($"{Magic}{FormatVersion}\n{storageId}\n{Convert.ToHexStringLower(hashKey)}\n{sizes}\n"));
            return (storageId, hashKey, geometry);
        }

        string[] lines = File.ReadAllText(file).Split('\n');
        if (!lines[0].StartsWith(Magic, StringComparison.Ordinal)) throw new StoreFolderException($"the file {file} is not a Ratatoskr format file");
        if (lines[0] != string.Create(CultureInfo.InvariantCulture, $"{Magic}{FormatVersion}"))
        {
            throw new StoreFolderException($"the data folder {path} has format version '{lines[0][Magic.Length..]}'; this program knows version {FormatVersion}");
        }

        if (lines.Length >= 4 && Guid.TryParseExact(lines[1], "D", out _) && lines[2].Length == 2 * HashKeySize && TryReadSizes(lines[3], out Geometry made))
        {
            return (lines[1], Convert.FromHexString(lines[2]), made);
        }

        throw new StoreFolderException($"the file {file} is damaged");
    }

    private static bool TryReadSizes(string line, out Geometry geometry)
    {
        geometry = default;
        string[] sizes = line.Split(' ');
        if (sizes.Length != 4 || !int.TryParse(sizes[0], NumberStyles.None, CultureInfo.InvariantCulture, out int page)
            || !long.TryParse(sizes[1], NumberStyles.None, CultureInfo.InvariantCulture, out long table)
            || !long.TryParse(sizes[2], NumberStyles.None, CultureInfo.InvariantCulture, out long journal)
            || !int.TryParse(sizes[3], NumberStyles.None, CultureInfo.InvariantCulture, out int index))
        {
            return false;
        }

        geometry = new Geometry(page, table, journal, index);
        return true;
    }
}
