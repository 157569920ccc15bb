using Microsoft.Extensions.Logging;

namespace Ratatoskr.Storage.Faster;

internal static partial class StoreLog
{
    [LoggerMessage(1, LogLevel.Information, "Documents opened in {Folder}: {Replayed} journal entries replayed in {Milliseconds} ms")]
    public static partial void StoreOpened(this ILogger logger, string folder, long replayed, long milliseconds);

    [LoggerMessage(2, LogLevel.Warning, "The journal in {Folder} was damaged; what came after the damage is lost, as the settings allow")]
    public static partial void DamageAccepted(this ILogger logger, string folder);

    [LoggerMessage(3, LogLevel.Error, "The document store in {Folder} failed and refuses to write until it can be reopened")]
    public static partial void StoreFailed(this ILogger logger, string folder, Exception reason);

    [LoggerMessage(4, LogLevel.Information, "The document store in {Folder} writes again")]
    public static partial void StoreRecovered(this ILogger logger, string folder);

    [LoggerMessage(5, LogLevel.Error, "A checkpoint in {Folder} failed; the journal keeps growing until one succeeds")]
    public static partial void CheckpointFailed(this ILogger logger, string folder, Exception reason);

    [LoggerMessage(6, LogLevel.Debug, "Checkpoint at journal address {Address}; about {LiveBytes} bytes are alive in a table of {TableBytes}")]
    public static partial void CheckpointTaken(this ILogger logger, long address, long liveBytes, long tableBytes);

    [LoggerMessage(7, LogLevel.Debug, "Reclaimed {Scanned} bytes of the table, of which {Copied} were alive")]
    public static partial void SpaceReclaimed(this ILogger logger, long scanned, long copied);

    [LoggerMessage(8, LogLevel.Error, "Space from table address {Address} on could not be reclaimed")]
    public static partial void ReclaimFailed(this ILogger logger, long address, Exception reason);

    [LoggerMessage(9, LogLevel.Error, "{What}")]
    public static partial void DamageMended(this ILogger logger, string what);
}
