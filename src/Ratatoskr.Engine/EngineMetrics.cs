using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Engine;

/// <summary>What the engine counts (meter <c>Ratatoskr.Engine</c>). Safe on any thread.</summary>
public sealed class EngineMetrics : IDisposable
{
    public const string MeterName = "Ratatoskr.Engine";

    private readonly Meter _meter;
    private readonly Counter<long> _sessions;
    private readonly Counter<long> _replaced;
    private readonly Counter<long> _badFrames;
    private readonly Counter<long> _foreignFrames;
    private readonly Counter<long> _badSyncMessages;
    private readonly Counter<long> _badDocumentIds;
    private readonly Counter<long> _changes;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _observed;
    private readonly Counter<long> _quarantined;
    private readonly Counter<long> _operationsBuilt;
    private readonly Counter<long> _operationsEvicted;
    private readonly Counter<long> _compactions;
    private readonly Counter<long> _compactionsFailed;
    private readonly Counter<long> _syncSent;
    private readonly Counter<long> _unavailable;
    private readonly Counter<long> _ephemeral;
    private readonly Counter<long> _ephemeralDropped;
    private readonly Counter<long> _evicted;
    private readonly Counter<long> _broken;
    private readonly Counter<long> _mailboxFull;
    private readonly Counter<long> _storeFailures;
    private readonly Counter<long> _rateLimited;
    private readonly Counter<long> _quotaExceeded;

    public EngineMetrics(IMeterFactory? meters)
    {
        _meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        _sessions = _meter.CreateCounter<long>("ratatoskr.sessions", description: "Hellos accepted");
        _replaced = _meter.CreateCounter<long>("ratatoskr.sessions.replaced", description: "Connections closed because their peer id joined again");
        _badFrames = _meter.CreateCounter<long>("ratatoskr.frames.bad", description: "Frames that were no message, or none that fits");
        _foreignFrames = _meter.CreateCounter<long>("ratatoskr.frames.foreign", description: "Frames dropped because their sender is not the connection's peer");
        _badSyncMessages = _meter.CreateCounter<long>("ratatoskr.sync.bad", description: "Sync payloads that could not be decoded");
        _badDocumentIds = _meter.CreateCounter<long>("ratatoskr.documents.bad_id", description: "Document ids that are not base58check");
        _changes = _meter.CreateCounter<long>("ratatoskr.changes.taken", description: "Changes and document chunks accepted");
        _refused = _meter.CreateCounter<long>("ratatoskr.changes.refused", description: "Changes refused by validation");
        _observed = _meter.CreateCounter<long>("ratatoskr.changes.observed", description: "Changes taken that would be refused, where validation only observes");
        _quarantined = _meter.CreateCounter<long>("ratatoskr.changes.quarantined", description: "Stored changes found not to fit their document");
        _operationsBuilt = _meter.CreateCounter<long>("ratatoskr.operations.built", description: "Op sets built for documents about to be written");
        _operationsEvicted = _meter.CreateCounter<long>("ratatoskr.operations.evicted", description: "Op sets that left memory under the budget");
        _compactions = _meter.CreateCounter<long>("ratatoskr.compactions", description: "Tails folded into snapshots");
        _compactionsFailed = _meter.CreateCounter<long>("ratatoskr.compactions.failed", description: "Compactions that failed or lost against another writer; nothing has changed");
        _syncSent = _meter.CreateCounter<long>("ratatoskr.sync.sent", description: "Sync messages sent");
        _unavailable = _meter.CreateCounter<long>("ratatoskr.unavailable.sent", description: "doc-unavailable messages sent");
        _ephemeral = _meter.CreateCounter<long>("ratatoskr.ephemeral.sent", description: "Ephemeral messages forwarded");
        _ephemeralDropped = _meter.CreateCounter<long>("ratatoskr.ephemeral.dropped", description: "Ephemeral messages dropped for slow readers");
        _evicted = _meter.CreateCounter<long>("ratatoskr.documents.evicted", description: "Documents that left memory under the budget");
        _broken = _meter.CreateCounter<long>("ratatoskr.documents.broken", description: "Documents stopped by an internal error");
        _mailboxFull = _meter.CreateCounter<long>("ratatoskr.mailbox.full", description: "Times a sender was held back by a full mailbox");
        _storeFailures = _meter.CreateCounter<long>("ratatoskr.store.failures", description: "Store calls that failed and are repeated");
        _quotaExceeded = _meter.CreateCounter<long>("ratatoskr.quota_exceeded", description: "Messages refused because their changes would exceed a quota, by quota");
        _rateLimited = _meter.CreateCounter<long>("ratatoskr.rate_limited", description: "What was refused because of a rate limit, by limit");
    }

    internal Meter Meter => _meter;

    public void SessionAccepted() => _sessions.Add(1);

    public void SessionReplaced() => _replaced.Add(1);

    public void BadFrame() => _badFrames.Add(1);

    public void ForeignFrame() => _foreignFrames.Add(1);

    public void BadSyncMessage() => _badSyncMessages.Add(1);

    public void BadDocumentId() => _badDocumentIds.Add(1);

    public void ChangeTaken(int count = 1) => _changes.Add(count);

    public void ChangeObserved() => _observed.Add(1);

    public void ChangeQuarantined() => _quarantined.Add(1);

    public void OperationsBuilt() => _operationsBuilt.Add(1);

    public void DocumentCompacted() => _compactions.Add(1);

    public void CompactionFailed() => _compactionsFailed.Add(1);

    public void OperationsEvicted() => _operationsEvicted.Add(1);

    public void ChangeRefused() => _refused.Add(1);

    public void SyncSent() => _syncSent.Add(1);

    public void UnavailableSent() => _unavailable.Add(1);

    public void EphemeralSent(int count) => _ephemeral.Add(count);

    public void EphemeralDropped() => _ephemeralDropped.Add(1);

    public void DocumentEvicted() => _evicted.Add(1);

    public void DocumentBroken() => _broken.Add(1);

    public void MailboxFull() => _mailboxFull.Add(1);

    public void StoreFailed() => _storeFailures.Add(1);

    public void QuotaExceeded(string quota) => _quotaExceeded.Add(1, new KeyValuePair<string, object?>("quota", quota));

    public void RateLimited(RateLimitKind limit) => _rateLimited.Add(1, new KeyValuePair<string, object?>("limit", limit.ToString()));

    public void Dispose() => _meter.Dispose();
}
