using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine;

/// <summary>What the engine counts (meter <c>Ratatoskr.Engine</c>; docs/metrics.md). Safe on any thread.</summary>
public sealed class EngineMetrics : IDisposable
{
    public const string MeterName = "Ratatoskr.Engine";

    /// <summary>Spans: <c>sign-in</c>, <c>load</c>, <c>compact</c>.</summary>
    internal static readonly ActivitySource Traces = new(MeterName);

    private readonly Meter _meter;
    private readonly Tally _sessions;
    private readonly TallySet<SessionRefusal> _sessionsRefused;
    private readonly TallySet<MessageKind> _received;
    private readonly TallySet<SentMessage> _sent;
    private readonly TallySet<MessageDrop> _dropped;
    private readonly TallySet<HintDrop> _hints;
    private readonly Tally _changes;
    private readonly TallySet<ChangeRefusal> _changesRefused;
    private readonly Tally _observed;
    private readonly Tally _quarantined;
    private readonly Tally _deferred;
    private readonly TallySet<DocumentRefusal> _documentsRefused;
    private readonly Tally _loaded;
    private readonly Tally _evicted;
    private readonly Tally _damaged;
    private readonly Tally _broken;
    private readonly Tally _operationsBuilt;
    private readonly Tally _operationsEvicted;
    private readonly Tally _compactions;
    private readonly Tally _compactionsFailed;
    private readonly Tally _mailboxFull;
    private readonly Tally _sessionPaused;
    private readonly TallySet<SessionHalt> _sessionsHalted;
    private readonly TallySet<StoreCall> _storeFailures;
    private readonly TallySet<QuotaKind> _quotaExceeded;
    private readonly TallySet<RateLimitKind> _rateLimited;

    internal EngineMetrics(IMeterFactory? meters)
    {
        _meter = meters?.Create(MeterName) ?? new Meter(MeterName);
        _sessions = _meter.CreateTally("ratatoskr.sessions.accepted", "{session}", "hellos accepted");
        _sessionsRefused = _meter.CreateTallies<SessionRefusal>("ratatoskr.sessions.refused", "{session}", "reason", "hellos refused, and sessions ended by us");
        _received = _meter.CreateTallies<MessageKind>("ratatoskr.messages.received", "{message}", "type", "messages received that could be read");
        _sent = _meter.CreateTallies<SentMessage>("ratatoskr.messages.sent", "{message}", "type", "messages sent about documents");
        _dropped = _meter.CreateTallies<MessageDrop>("ratatoskr.messages.dropped", "{message}", "reason", "messages received that had no effect");
        _hints = _meter.CreateTallies<HintDrop>("ratatoskr.hints.dropped", "{message}", "reason", "ephemeral messages and gossip not kept or not passed on");
        _changes = _meter.CreateTally("ratatoskr.changes.taken", "{change}", "changes and document chunks taken into documents");
        _changesRefused = _meter.CreateTallies<ChangeRefusal>("ratatoskr.changes.refused", "{change}", "reason", "changes refused; with over_quota and unstored whole messages of them");
        _observed = _meter.CreateTally("ratatoskr.changes.observed", "{change}", "changes taken that would be refused, where validation only observes");
        _deferred = _meter.CreateTally("ratatoskr.documents.deferred", "{message}", "times a whole document or a reset was put off, because its peer has had as many as it may lately");
        _quarantined = _meter.CreateTally("ratatoskr.changes.quarantined", "{change}", "stored changes found not to fit their document");
        _documentsRefused = _meter.CreateTallies<DocumentRefusal>("ratatoskr.documents.refused", "{document}", "reason", "documents not opened for a peer, or not served to it");
        _loaded = _meter.CreateTally("ratatoskr.documents.loaded", "{document}", "documents read from the store");
        _evicted = _meter.CreateTally("ratatoskr.documents.evicted", "{document}", "documents whose content left memory because of the budget");
        _damaged = _meter.CreateTally("ratatoskr.documents.damaged", "{document}", "documents found damaged in the store when they were read");
        _broken = _meter.CreateTally("ratatoskr.documents.broken", "{document}", "documents stopped by an internal error");
        _operationsBuilt = _meter.CreateTally("ratatoskr.op_sets.built", "{op_set}", "op sets built for documents about to be written");
        _operationsEvicted = _meter.CreateTally("ratatoskr.op_sets.evicted", "{op_set}", "op sets that left memory because of the budget");
        _compactions = _meter.CreateTally("ratatoskr.compactions.done", "{compaction}", "tails folded into snapshots");
        _compactionsFailed = _meter.CreateTally("ratatoskr.compactions.failed", "{compaction}", "compactions that failed or lost against another writer; nothing has changed");
        _mailboxFull = _meter.CreateTally("ratatoskr.mailboxes.full", "{pause}", "times a sender was held back by a full mailbox");
        _sessionPaused = _meter.CreateTally("ratatoskr.sessions.paused", "{pause}", "times a sender was held back by its own messages that are not handled yet");
        _sessionsHalted = _meter.CreateTallies<SessionHalt>("ratatoskr.sessions.halted", "{pause}", "reason", "times a sender was held back until the next second");
        _storeFailures = _meter.CreateTallies<StoreCall>("ratatoskr.store.failures", "{call}", "operation", "store calls that failed; what matters is repeated");
        _quotaExceeded = _meter.CreateTallies<QuotaKind>("ratatoskr.quotas.exceeded", "{message}", "quota", "messages and requests refused because of a quota");
        _rateLimited = _meter.CreateTallies<RateLimitKind>("ratatoskr.rate_limits.exceeded", "{refusal}", "limit", "what was refused because of a rate limit");
        LoadDuration = _meter.CreateDuration("ratatoskr.documents.load.duration", "time to read a document from the store and build it");
    }

    /// <summary>For what others of the process have to show in the engine's name.</summary>
    public Meter Meter => _meter;

    internal Histogram<double> LoadDuration { get; }

    public void SessionAccepted() => _sessions.Add();

    public void SessionReplaced() => _sessionsRefused.Add(SessionRefusal.Replaced);

    internal void SessionRefused(SessionRefusal reason) => _sessionsRefused.Add(reason);

    internal void Received(MessageKind kind) => _received.Add(kind);

    internal void Sent(SentMessage type, long count = 1) => _sent.Add(type, count);

    internal void Dropped(MessageDrop reason) => _dropped.Add(reason);

    internal void Dropped(HintDrop reason) => _hints.Add(reason);

    internal void ChangeTaken(int count = 1) => _changes.Add(count);

    internal void ChangeRefused(ChangeRefusal reason, int count = 1) => _changesRefused.Add(reason, count);

    internal void ChangeObserved() => _observed.Add();

    internal void ChangeQuarantined() => _quarantined.Add();

    internal void DocumentDeferred() => _deferred.Add();

    internal void DocumentRefused(DocumentRefusal reason) => _documentsRefused.Add(reason);

    internal void DocumentLoaded() => _loaded.Add();

    internal long Evicted => _evicted.Total;

    internal void DocumentEvicted() => _evicted.Add();

    internal void DocumentDamaged() => _damaged.Add();

    internal void DocumentBroken() => _broken.Add();

    internal void OperationsBuilt() => _operationsBuilt.Add();

    internal void OperationsEvicted() => _operationsEvicted.Add();

    internal void DocumentCompacted() => _compactions.Add();

    internal void CompactionFailed() => _compactionsFailed.Add();

    internal void MailboxFull() => _mailboxFull.Add();

    internal void SessionPaused() => _sessionPaused.Add();

    internal void SessionHalted(SessionHalt reason) => _sessionsHalted.Add(reason);

    internal void StoreFailed(StoreCall call) => _storeFailures.Add(call);

    /// <summary>Something was refused because of a quota.</summary>
    /// <param name="name">As the API names it.</param>
    public void QuotaExceeded(string name) => _quotaExceeded.Add(name switch
    {
        "maxDocuments" => QuotaKind.Documents,
        "maxDocumentSize" => QuotaKind.DocumentSize,
        "maxTotalStorage" => QuotaKind.TotalStorage,
        _ => QuotaKind.Other,
    });

    internal void RateLimited(RateLimitKind limit) => _rateLimited.Add(limit);

    public void Dispose() => _meter.Dispose();

    private enum QuotaKind : byte
    {
        Documents,
        DocumentSize,
        TotalStorage,
        Other,
    }
}
