using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Blobs;

/// <summary>Log lines about blobs. Safe on any thread.</summary>
public sealed partial class BlobLog(ILogger logger)
{
    public void Missing(BlobHash hash, string why) => LogMissing(logger, hash.ToString(), why);

    public void Orphan(BlobHash hash, long bytes) => LogOrphan(logger, hash.ToString(), bytes);

    public void Checked(long blobs, long missing, long orphans) => LogChecked(logger, blobs, missing, orphans);

    internal void NotDiscarded(Guid upload, Exception cause) => LogNotDiscarded(logger, upload, cause);

    internal void NotRecovered(BlobHash hash, Exception cause) => LogNotRecovered(logger, hash.ToString(), cause);

    internal void SweepFailed(Exception cause) => LogSweepFailed(logger, cause);

    internal void CheckFailed(Exception cause) => LogCheckFailed(logger, cause);

    internal void NotDeleted(BlobHash hash, Exception cause) => LogNotDeleted(logger, hash.ToString(), cause);

    [LoggerMessage(1, LogLevel.Error, "Blob {Hash} is claimed, and its bytes cannot be read: {Why}")]
    private static partial void LogMissing(ILogger logger, string hash, string why);

    [LoggerMessage(2, LogLevel.Warning, "Blob {Hash} of {Bytes} bytes was in the store and known to nobody; it is deleted")]
    private static partial void LogOrphan(ILogger logger, string hash, long bytes);

    [LoggerMessage(3, LogLevel.Information, "{Blobs} blobs were checked: {Missing} without their bytes, {Orphans} known to nobody")]
    private static partial void LogChecked(ILogger logger, long blobs, long missing, long orphans);

    [LoggerMessage(4, LogLevel.Warning, "Upload {Upload} is over, and what was staged of it could not be removed; the next start does it")]
    private static partial void LogNotDiscarded(ILogger logger, Guid upload, Exception cause);

    [LoggerMessage(5, LogLevel.Error, "Blob {Hash} was half stored when the server stopped, and that could not be mended; the next start tries again")]
    private static partial void LogNotRecovered(ILogger logger, string hash, Exception cause);

    [LoggerMessage(6, LogLevel.Error, "Blobs without claims and uploads that have ended could not be removed; tried again later")]
    private static partial void LogSweepFailed(ILogger logger, Exception cause);

    [LoggerMessage(7, LogLevel.Error, "Blobs could not be checked; tried again tomorrow")]
    private static partial void LogCheckFailed(ILogger logger, Exception cause);

    [LoggerMessage(8, LogLevel.Warning, "Blob {Hash} is known to nobody and could not be deleted; tried again tomorrow")]
    private static partial void LogNotDeleted(ILogger logger, string hash, Exception cause);
}
