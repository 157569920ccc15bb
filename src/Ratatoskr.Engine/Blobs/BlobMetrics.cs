using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Metering;

namespace Ratatoskr.Engine.Blobs;

/// <summary>What is counted of blobs (docs/metrics.md). Safe on any thread.</summary>
public sealed class BlobMetrics
{
    private readonly Tally _uploads;
    private readonly Tally _received;
    private readonly Tally _sent;
    private readonly Tally _stored;
    private readonly Tally _collected;
    private readonly Tally _orphans;
    private readonly TallySet<BlobRefusalKind> _refused;
    private long _missing;

    /// <param name="meter">The engine's.</param>
    public BlobMetrics(Meter meter)
    {
        _uploads = meter.CreateLevel("ratatoskr.uploads.active", "{upload}", "uploads in chunks that are neither complete nor given up nor swept");
        _received = meter.CreateTally("ratatoskr.blobs.received", "By", "bytes of chunks and small blobs taken");
        _sent = meter.CreateTally("ratatoskr.blobs.sent", "By", "bytes of blobs given to readers by this server");
        _stored = meter.CreateTally("ratatoskr.blobs.stored", "{blob}", "uploads that became claims, those of known bytes too");
        _collected = meter.CreateTally("ratatoskr.blobs.collected", "{blob}", "blobs deleted because nobody had claimed them for a day");
        _orphans = meter.CreateTally("ratatoskr.blobs.orphans", "{blob}", "blobs deleted because the index did not know them");
        _refused = meter.CreateTallies<BlobRefusalKind>("ratatoskr.blobs.refused", "{request}", "reason", "requests about blobs that were refused");
        meter.ShowGauge("ratatoskr.blobs.missing", "{blob}", "claimed blobs whose bytes the last check did not find", () => Volatile.Read(ref _missing));
    }

    public void Sent(long bytes) => _sent.Add(bytes);

    internal void Begun(int uploads = 1) => _uploads.Add(uploads);

    internal void Ended() => _uploads.Add(-1);

    internal void Received(long bytes) => _received.Add(bytes);

    internal void Stored() => _stored.Add();

    internal void Collected() => _collected.Add();

    internal void Orphan() => _orphans.Add();

    internal void Missing(long blobs) => Volatile.Write(ref _missing, blobs);

    internal void Refused(BlobRefusalKind why) => _refused.Add(why);
}
