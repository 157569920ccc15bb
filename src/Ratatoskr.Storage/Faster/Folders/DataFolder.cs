using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Faster.Folders;

/// <summary>
/// The data folder: held by one process at a time, of a format this version knows, with the names and secrets that never change.
/// <code>
/// lock                 held with flock while the store is open
/// format               "ratatoskr 4", storage id, hash key, geometry: one line each, written once
/// documents/
///   incarnation        a number that grows with every opening of the journal
///   checkpoint         which checkpoint counts (CheckpointRecord)
///   journal/           commits, journal.N
///   table/             table.N
///   sums/              N: checksums of table.N's sectors
///   checkpoints/       FASTER's index and log checkpoints
/// </code>
/// Small files are there twice (SealedFile).
/// </summary>
/// <remarks>Owned by the store; the lock falls when it is disposed, or with the process.</remarks>
internal sealed class DataFolder : IDisposable
{
    public const int FormatVersion = 4;
    private const string Magic = "ratatoskr ";
    private const int HashKeySize = 16;

    private readonly IHeldFile _lock;

    private DataFolder(IStoreFiles files, string path, IHeldFile held, string storageId, byte[] hashKey, Geometry geometry)
    {
        Files = files;
        Root = path;
        _lock = held;
        StorageId = storageId;
        HashKey = hashKey;
        Geometry = geometry;
        string documents = Path.Combine(path, "documents");
        Journal = Path.Combine(documents, "journal");
        Table = Path.Combine(documents, "table");
        Sums = Path.Combine(documents, "sums");
        Checkpoints = Path.Combine(documents, "checkpoints");
        CheckpointFile = Path.Combine(documents, "checkpoint");
        IncarnationFile = Path.Combine(documents, "incarnation");
        files.CreateDirectory(documents);
        files.CreateDirectory(Journal);
        files.CreateDirectory(Table);
        files.CreateDirectory(Sums);
        files.CreateDirectory(Checkpoints);
        // Those that were there may have been made by a process that was killed before it had synced them.
        files.SyncDirectory(documents);
        files.SyncDirectory(path);
    }

    public IStoreFiles Files { get; }

    public string Root { get; }

    /// <summary>A UUIDv4, the server's own storage id towards peers.</summary>
    public string StorageId { get; }

    /// <summary>16 secret bytes that keep clients from choosing ids which share a bucket.</summary>
    public byte[] HashKey { get; }

    /// <summary>What the folder was made with.</summary>
    public Geometry Geometry { get; }

    public string Journal { get; }

    public string Table { get; }

    /// <summary>Of the checksums of the table's sectors.</summary>
    public string Sums { get; }

    public string Checkpoints { get; }

    public string CheckpointFile { get; }

    public string IncarnationFile { get; }

    /// <param name="geometry">For a folder that is made now.</param>
    /// <exception cref="StoreFolderException">Held by another process, or of another format.</exception>
    public static DataFolder Open(IStoreFiles files, string folder, Geometry geometry)
    {
        string path = Path.GetFullPath(folder);
        IHeldFile held;
        try
        {
            files.CreateDirectory(path);
            held = Hold(files, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new StoreFolderException($"the data folder {path} cannot be used: {e.Message}", e);
        }

        try
        {
            (string storageId, byte[] hashKey, Geometry made) = ReadOrCreateFormat(files, path, geometry);
            return new DataFolder(files, path, held, storageId, hashKey, made);
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
        uint last = Files.FileExists(IncarnationFile) ? uint.Parse(Encoding.ASCII.GetString(SealedFile.Read(Files, IncarnationFile)), NumberStyles.None, CultureInfo.InvariantCulture) : 0;
        uint next = checked(last + 1);
        SealedFile.Write(Files, IncarnationFile, Encoding.ASCII.GetBytes(next.ToString(CultureInfo.InvariantCulture)));
        return next;
    }

    /// <summary>false: the folder was removed or replaced under us. Costs some system calls.</summary>
    public bool IsInPlace() => _lock.IsInPlace();

    public void Dispose() => _lock.Dispose();

    private static IHeldFile Hold(IStoreFiles files, string path)
    {
        try
        {
            return files.Hold(Path.Combine(path, "lock"));
        }
        catch (IOException e)
        {
            throw new StoreFolderException($"the data folder {path} is in use by another process", e);
        }
    }

    private static (string StorageId, byte[] HashKey, Geometry Geometry) ReadOrCreateFormat(IStoreFiles files, string path, Geometry geometry)
    {
        string file = Path.Combine(path, "format");
        if (!files.FileExists(file))
        {
            if (files.DirectoryExists(Path.Combine(path, "documents"))) throw new StoreFolderException($"the data folder {path} has documents but no format file; it is not opened");
            string storageId = Guid.NewGuid().ToString("D");
            byte[] hashKey = RandomNumberGenerator.GetBytes(HashKeySize);
            string sizes = string.Create(
                CultureInfo.InvariantCulture, $"{geometry.PageBytes} {geometry.TableSegmentBytes} {geometry.JournalSegmentBytes} {geometry.IndexBuckets}");
            SealedFile.Write(files, file, Encoding.ASCII.GetBytes($"{Magic}{FormatVersion}\n{storageId}\n{Convert.ToHexStringLower(hashKey)}\n{sizes}\n"));
            return (storageId, hashKey, geometry);
        }

        byte[] bytes = files.Read(file);
        // What no copy of can be believed may still be the file of another version.
        string[] lines = Encoding.UTF8.GetString(SealedFile.TryRead(bytes, out byte[] content, out _) ? content : bytes).Split('\n');
        if (!lines[0].StartsWith(Magic, StringComparison.Ordinal)) throw new StoreFolderException($"the file {file} is not a Ratatoskr format file");
        if (lines[0] != string.Create(CultureInfo.InvariantCulture, $"{Magic}{FormatVersion}"))
        {
            throw new StoreFolderException($"the data folder {path} has format version '{lines[0][Magic.Length..]}'; this program knows version {FormatVersion}");
        }

        if (content.Length > 0 && lines.Length >= 4 && Guid.TryParseExact(lines[1], "D", out _) && lines[2].Length == 2 * HashKeySize && TryReadSizes(lines[3], out Geometry made))
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
