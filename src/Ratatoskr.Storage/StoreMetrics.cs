using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Metering;

namespace Ratatoskr.Storage;

/// <summary>What the stores count (meter <c>Ratatoskr.Storage</c>; docs/metrics.md), documents and accounts alike. Safe on any thread.</summary>
public sealed class StoreMetrics
{
    public const string MeterName = "Ratatoskr.Storage";

    /// <summary>Spans: <c>commit</c>, <c>accounts commit</c>.</summary>
    internal static readonly ActivitySource Traces = new(MeterName);

    private readonly Meter _meter;
    private readonly Tally _entries;
    private readonly Tally _entryBytes;
    private readonly Histogram<double> _commits;
    private readonly Tally _checkpoints;
    private readonly Tally _checkpointsFailed;
    private readonly Histogram<double> _checkpointDuration;
    private readonly Tally _reclaimed;
    private readonly Tally _reclaimCopied;
    private readonly Histogram<double> _transactions;
    private readonly Tally _accountWrites;
    private readonly Tally _accountFailures;
    private readonly Tally _tokenUsesDropped;

    /// <param name="meters">Owns the meter.</param>
    public StoreMetrics(IMeterFactory meters)
    {
        ArgumentNullException.ThrowIfNull(meters);
        _meter = meters.Create(MeterName);
        _entries = _meter.CreateTally("ratatoskr.journal.entries", "{entry}", "entries written to the journal");
        _entryBytes = _meter.CreateTally("ratatoskr.journal.written", "By", "bytes of these entries");
        _commits = _meter.CreateDuration("ratatoskr.journal.commit.duration", "commits of the journal: each makes a group of entries durable, with one synchronous write; its count is their number");
        _checkpoints = _meter.CreateTally("ratatoskr.checkpoints.taken", "{checkpoint}", "checkpoints of the document table");
        _checkpointsFailed = _meter.CreateTally("ratatoskr.checkpoints.failed", "{checkpoint}", "checkpoints that failed; the one before goes on counting, and the journal grows");
        _checkpointDuration = _meter.CreateDuration("ratatoskr.checkpoints.duration", "time from the beginning of a checkpoint to its record on disk");
        _reclaimed = _meter.CreateTally("ratatoskr.table.reclaimed", "By", "bytes of the table looked through for what is still alive, and then freed");
        _reclaimCopied = _meter.CreateTally("ratatoskr.table.copied", "By", "bytes of these that were alive and were written again");
        _transactions = _meter.CreateDuration("ratatoskr.accounts.commit.duration", "write transactions of the accounts' database, each with all writes that waited; its count is their number");
        _accountWrites = _meter.CreateTally("ratatoskr.accounts.writes", "{write}", "writes in these transactions");
        _accountFailures = _meter.CreateTally("ratatoskr.accounts.failures", "{call}", "reads and writes of the accounts' database that failed");
        _tokenUsesDropped = _meter.CreateTally("ratatoskr.accounts.token_uses.dropped", "{use}", "uses of API tokens not noted because too many were to be");
    }

    /// <summary>For levels and sizes, which their owners know.</summary>
    internal Meter Meter => _meter;

    internal void Enqueued(int bytes)
    {
        _entries.Add();
        _entryBytes.Add(bytes);
    }

    internal void Committed(TimeSpan duration) => _commits.Record(duration.TotalSeconds);

    internal void CheckpointTaken(TimeSpan duration)
    {
        _checkpoints.Add();
        _checkpointDuration.Record(duration.TotalSeconds);
    }

    internal void CheckpointFailed() => _checkpointsFailed.Add();

    internal void Reclaimed(long scanned, long copied)
    {
        _reclaimed.Add(scanned);
        _reclaimCopied.Add(copied);
    }

    internal void Wrote(int writes, TimeSpan duration)
    {
        _accountWrites.Add(writes);
        _transactions.Record(duration.TotalSeconds);
    }

    internal void AccountsFailed() => _accountFailures.Add();

    internal void TokenUseDropped() => _tokenUsesDropped.Add();
}
