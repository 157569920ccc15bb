using Automerge.Changes;
using Microsoft.Extensions.Logging;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine;

/// <summary>The engine's log lines. Safe on any thread.</summary>
public sealed partial class EngineLog(ILogger logger)
{
    [LoggerMessage(1, LogLevel.Warning, "Document {Id} could not be loaded")]
    private static partial void LogLoadFailed(ILogger logger, string id, Exception? cause);

    [LoggerMessage(2, LogLevel.Error, "Document {Id} is damaged: {What}")]
    private static partial void LogDamaged(ILogger logger, string id, string what);

    [LoggerMessage(3, LogLevel.Error, "Store operation {Number} on document {Id} failed and will be repeated")]
    private static partial void LogAppendFailed(ILogger logger, string id, ulong number, Exception? cause);

    [LoggerMessage(4, LogLevel.Information, "Peer {PeerId} at {Address}: {Why}")]
    private static partial void LogPeer(ILogger logger, string peerId, string address, string why);

    [LoggerMessage(5, LogLevel.Critical, "A shard met a broken invariant on document {Id}; the document was closed")]
    private static partial void LogBroken(ILogger logger, string id, Exception cause);

    [LoggerMessage(6, LogLevel.Error, "Document {Id} has a stored change {Hash} that does not fit it; it is kept and passed to nobody: {Why}")]
    private static partial void LogQuarantined(ILogger logger, string id, string hash, string why);

    [LoggerMessage(7, LogLevel.Error, "Document {Id} could not be compacted; it stays as it is: {What}")]
    private static partial void LogCompactionFailed(ILogger logger, string id, string? what, Exception? cause);

    [LoggerMessage(8, LogLevel.Error, "Access to document {Id} could not be decided; it is tried again")]
    private static partial void LogAccessFailed(ILogger logger, string id, Exception? cause);

    [LoggerMessage(9, LogLevel.Error, "Sizes of documents could not be recorded; it is tried again")]
    private static partial void LogSizesFailed(ILogger logger, Exception cause);

    public void SizesFailed(Exception cause) => LogSizesFailed(logger, cause);

    public void AccessFailed(DocumentId id, Exception? cause) => LogAccessFailed(logger, id.ToString(), cause);

    public void LoadFailed(DocumentId id, Exception? cause) => LogLoadFailed(logger, id.ToString(), cause);

    public void Damaged(DocumentId id, string what) => LogDamaged(logger, id.ToString(), what);

    public void AppendFailed(DocumentId id, ulong number, Exception? cause) => LogAppendFailed(logger, id.ToString(), number, cause);

    public void Quarantined(DocumentId id, in ChangeHash hash, string why) => LogQuarantined(logger, id.ToString(), hash.ToString(), why);

    public void CompactionFailed(DocumentId id, string? what, Exception? cause) => LogCompactionFailed(logger, id.ToString(), what ?? cause?.Message, cause);

    public void Peer(string peerId, string address, string why) => LogPeer(logger, peerId, address, why);

    public void Broken(string id, Exception cause) => LogBroken(logger, id, cause);
}
