using Microsoft.Data.Sqlite;

namespace Ratatoskr.Storage.Sqlite.Databases;

/// <summary>What SQLite's errors mean to callers. Their texts stay in the inner exception, for the log.</summary>
internal static class Failures
{
    // sqlite.org/rescode.html
    private const int Busy = 5;
    private const int ReadOnly = 8;
    private const int DiskFailed = 10;
    private const int Corrupt = 11;
    private const int Full = 13;
    private const int Constraint = 19;
    private const int NotADatabase = 26;

    public static bool IsDamage(SqliteException fault) => fault.SqliteErrorCode is Corrupt or NotADatabase;

    public static StoreDamagedException Damaged(string file, SqliteException fault) => new($"the database {file} is damaged: {fault.Message}", fault);

    /// <summary>A constraint is a caller's mistake; everything else is the disk's.</summary>
    public static Exception Translate(Exception reason, string operation, string file) => reason switch
    {
        SqliteException fault when IsDamage(fault) => Damaged(file, fault),
        SqliteException { SqliteErrorCode: Constraint } fault => new InvalidOperationException($"{operation} refused: it contradicts what is stored", fault),
        SqliteException fault => StoreUnavailableException.For(operation, file, Cause(fault), fault),
        _ => reason,
    };

    private static string Cause(SqliteException fault) => fault.SqliteErrorCode switch
    {
        Busy => "another process is writing to it",
        ReadOnly => "it may not be written to",
        DiskFailed => $"the disk failed (SQLite error {fault.SqliteExtendedErrorCode})",
        Full => "the disk is full",
        _ => $"SQLite error {fault.SqliteExtendedErrorCode}",
    };
}
