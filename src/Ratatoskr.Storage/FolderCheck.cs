using Automerge.Changes;
using Automerge.Format;
using Microsoft.Data.Sqlite;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Blobs;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Faster.Checks;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Sqlite;
using Ratatoskr.Storage.Sqlite.Databases;

namespace Ratatoskr.Storage;

/// <summary>
/// Reads all that a data folder holds, as a server would, and names what is not what was written: journal and table through their checksums, each document's chunks through
/// Automerge's, the database through SQLite's own checks, blobs through their hashes. It recovers first, as a start would; nothing is repaired.
/// </summary>
/// <remarks>For a folder that no server has open: it holds the folder while it looks.</remarks>
public static class FolderCheck
{
    // sqlite.org/pragma.html: a damaged database can have very many faults, the first ones tell enough.
    private const int DatabaseFaultsMax = 100;

    /// <param name="folder">The data folder.</param>
    /// <param name="report">Gets a line for each damage.</param>
    /// <param name="note">Gets a line for what is in no order, but costs nobody anything; null: nobody wants to know.</param>
    /// <param name="blobs">Where blobs are; null: in the folder.</param>
    /// <exception cref="StoreFolderException">In use by another process, of another version, or no data folder.</exception>
    public static async Task<FolderFindings> RunAsync(string folder, Action<string> report, Action<string>? note = null, IBlobStore? blobs = null)
    {
        ArgumentNullException.ThrowIfNull(report);
        if (!File.Exists(Path.Combine(folder, "format"))) throw new StoreFolderException($"{folder} is not a data folder: it has no format file");
        int documents = 0, damages = 0;
        FasterStoreOptions options = new() { Folder = folder, ReserveBytes = 0 };
        HashSet<string> told = [];
        List<string> named = [];
        FileCheck files;
        using (DataFolder held = DataFolder.Open(options.Files, folder, options.Geometry))
        {
            files = new FileCheck(held, Tell);
            files.Run();
        }

        try
        {
            await using FasterChunkStore store = await FasterChunkStore.OpenAsync(options).ConfigureAwait(false);
            foreach (string damage in store.Damages) Tell(damage);
            foreach (DocumentId id in files.Documents)
            {
                (bool exists, string? fault) = await LookAtAsync(store, id).ConfigureAwait(false);
                if (exists) documents++;
                if (fault is null) continue;
                named.Add(fault);
                Tell(fault);
            }
        }
        catch (Exception e) when (e is StoreDamagedException or StoreUnavailableException)
        {
            Tell(e.Message);
        }

        foreach (string sector in files.Sectors)
        {
            if (!named.Exists(fault => fault.Contains(sector, StringComparison.Ordinal))) Tell($"{sector}; no document was found that needs them");
        }

        string database = Path.Combine(folder, SqliteAccountStore.FileName);
        (long known, long orphans) = (0, 0);
        if (File.Exists(database))
        {
            int before = damages;
            CheckDatabase(database, Tell);
            // What a damaged index says would name blobs that nothing is wrong with.
            if (damages == before) (known, orphans) = await CheckBlobsAsync(folder, blobs, Tell, note ?? (_ => { })).ConfigureAwait(false);
        }

        return new FolderFindings(documents, known, orphans, damages);

        void Tell(string damage)
        {
            if (!told.Add(damage)) return;                        // by the files, and again by the opening
            damages++;
            report(damage);
        }
    }

    private static async Task<(bool Exists, string? Fault)> LookAtAsync(FasterChunkStore store, DocumentId id)
    {
        try
        {
            StoredDocument stored = await store.LoadAsync(id, CancellationToken.None).ConfigureAwait(false);
            bool exists = stored.Presence != StoredPresence.Unknown;
            if (FaultIn(stored.Snapshot.Chunk.Span) is { } fault) return (exists, $"document {id}: the snapshot: {fault}");
            foreach (TailEntry entry in stored.Tail)
            {
                if (FaultIn(entry.Chunks.Span) is { } broken) return (exists, $"document {id}: tail entry {entry.Sequence}: {broken}");
            }

            return (exists, null);
        }
        catch (Exception e) when (e is StoreDamagedException or StoreUnavailableException)
        {
            return (true, e.Message);
        }
    }

    private static async Task<(long Known, long Orphans)> CheckBlobsAsync(string folder, IBlobStore? blobs, Action<string> tell, Action<string> note)
    {
        try
        {
            using BlobDisk disk = new(new BlobDiskOptions { Folder = folder, ReserveBytes = 0 });
            SqliteAccountStore accounts = await SqliteAccountStore.OpenAsync(new SqliteAccountStoreOptions
            {
                Folder = folder,
                NewDocumentId = () => throw new InvalidOperationException("a check makes no users"),
                DefaultQuotas = new UserQuotas(0, 0, 0, 0, 0),
            }).ConfigureAwait(false);
            await using (accounts.ConfigureAwait(false))
            {
                BlobAudit audit = new(accounts.Blobs, blobs ?? new FileBlobStore(disk));
                return (await audit.CheckIndexAsync(tell, CancellationToken.None).ConfigureAwait(false), await audit.CheckStoreAsync(note, CancellationToken.None).ConfigureAwait(false));
            }
        }
        catch (Exception e) when (e is StoreDamagedException or StoreFolderException or StorageException)
        {
            tell(e.Message);
            return (0, 0);
        }
    }

    private static string? FaultIn(ReadOnlySpan<byte> chunks)
    {
        while (!chunks.IsEmpty)
        {
            if (!ChunkReader.TryRead(chunks, out Chunk chunk, out ChunkError error)) return error.Describe();
            ChangeHash hash = chunk.ComputeHash();
            // A compressed change carries the checksum of what it inflates to.
            if (chunk.Type != ChunkType.CompressedChange && !chunk.ChecksumMatches(hash)) return "a chunk's checksum does not match";
            chunks = chunks[chunk.Length..];
        }

        return null;
    }

    private static void CheckDatabase(string file, Action<string> tell)
    {
        try
        {
            SqliteLibrary.Require();
            using SqliteConnection connection = new(new SqliteConnectionStringBuilder { DataSource = file, Mode = SqliteOpenMode.ReadWrite, Pooling = false }.ToString());
            connection.Open();
            using SqliteCommand command = connection.CreateCommand();
            command.CommandText = System.FormattableString.Invariant($"PRAGMA integrity_check({DatabaseFaultsMax})");
            using (SqliteDataReader rows = command.ExecuteReader())
            {
                while (rows.Read())
                {
                    if (rows.GetString(0) is var fault and not "ok") tell($"{file}: {fault}");
                }
            }

            command.CommandText = "PRAGMA foreign_key_check";
            using SqliteDataReader orphans = command.ExecuteReader();
            while (orphans.Read()) tell($"{file}: row {(orphans.IsDBNull(1) ? "?" : orphans.GetInt64(1))} of {orphans.GetString(0)} refers to a {orphans.GetString(2)} that is not there");
        }
        catch (SqliteException e)
        {
            tell($"{file}: {e.Message}");
        }
    }
}

/// <param name="Blobs">That the index knows.</param>
/// <param name="Orphans">Blobs that it does not know.</param>
/// <param name="Damages">That were reported.</param>
public readonly record struct FolderFindings(long Documents, long Blobs, long Orphans, long Damages);
