using System.Globalization;
using Microsoft.Data.Sqlite;
using Ratatoskr.Storage.Files;

namespace Ratatoskr.Storage.Sqlite.Databases;

/// <summary>The database file: made for its owner's eyes only, checked and migrated before anything else opens it.</summary>
internal static class Database
{
    // Another process that writes, say a backup, makes us wait this long.
    private const int BusyTimeoutSeconds = 5;

    /// <summary>Opens, checks and migrates; what is returned is the writer's connection.</summary>
    /// <exception cref="StoreFolderException">It cannot be used: no library, no permission, another program's, a newer version's.</exception>
    /// <exception cref="StoreDamagedException">It is damaged.</exception>
    public static Connection Open(string file)
    {
        SqliteLibrary.Require();
        Connection? connection = null;
        try
        {
            MakeFile(file);
            connection = new Connection(Connect(file, readOnly: false), file);
            string mode = connection.Scalar<string>("PRAGMA journal_mode = WAL");
            if (mode != "wal") throw new StoreFolderException($"the database {file} cannot use a write-ahead log: its file system lacks shared memory");
            string verdict = connection.Scalar<string>("PRAGMA quick_check(1)");
            if (verdict != "ok") throw new StoreDamagedException($"the database {file} is damaged: {verdict}");
            Migrations.Run(connection, file);
            return connection;
        }
        catch (Exception e) when (e is SqliteException or IOException or UnauthorizedAccessException)
        {
            connection?.Dispose();
            throw e is SqliteException fault && Failures.IsDamage(fault) ? Failures.Damaged(file, fault)
                : new StoreFolderException($"the database {file} cannot be used: {e.Message}", e);
        }
        catch
        {
            connection?.Dispose();
            throw;
        }
    }

    /// <summary>A connection that cannot write, to a database that is open already.</summary>
    public static Connection OpenReader(string file) => new(Connect(file, readOnly: true), file);

    // SQLite gives its log and its shared memory the mode of the database.
    private static void MakeFile(string file)
    {
        DurableFiles.CreateDirectory(Path.GetDirectoryName(file)!);
        const UnixFileMode ownerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        if (File.Exists(file))
        {
            if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(file) != ownerOnly) File.SetUnixFileMode(file, ownerOnly);
            return;
        }

        FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = ownerOnly;
        using (new FileStream(file, options))
        {
        }

        DurableFiles.SyncDirectory(Path.GetDirectoryName(file)!);
    }

    private static SqliteConnection Connect(string file, bool readOnly)
    {
        SqliteConnectionStringBuilder settings = new()
        {
            DataSource = file,
            Mode = readOnly ? SqliteOpenMode.ReadOnly : SqliteOpenMode.ReadWrite,
            Cache = SqliteCacheMode.Private,
            Pooling = false,
            DefaultTimeout = BusyTimeoutSeconds,
        };
        SqliteConnection connection = new(settings.ToString());
        try
        {
            connection.Open();
            using SqliteCommand pragmas = connection.CreateCommand();
            // These are the connection's, not the file's. FULL: a commit has reached the disk when it returns. The log is cut back to 64 MiB after a checkpoint.
            pragmas.CommandText = string.Create(
                CultureInfo.InvariantCulture,
                $"PRAGMA busy_timeout = {BusyTimeoutSeconds * 1000}; PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = {64 << 20}; PRAGMA trusted_schema = OFF; PRAGMA cache_size = -8192;");
            pragmas.ExecuteNonQuery();
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
