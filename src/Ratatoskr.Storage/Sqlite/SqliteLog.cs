using Microsoft.Extensions.Logging;

namespace Ratatoskr.Storage.Sqlite;

internal static partial class SqliteLog
{
    [LoggerMessage(20, LogLevel.Information, "Accounts opened in {File}, SQLite {Version}, in {Milliseconds} ms")]
    public static partial void AccountsOpened(this ILogger logger, string file, string version, long milliseconds);

    [LoggerMessage(21, LogLevel.Error, "A transaction in {File} failed; what it was to write was refused")]
    public static partial void WriteFailed(this ILogger logger, string file, Exception reason);
}
