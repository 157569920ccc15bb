using System.Diagnostics.Metrics;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>What one engine has counted since this was made.</summary>
internal sealed class Counters : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _sums = [];

    public Counters(SyncEngine engine)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == engine.Metrics.Meter) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, _, _) => _sums[instrument.Name] = this[instrument.Name] + value);
        _listener.Start();
    }

    public long this[string name] => _sums.GetValueOrDefault(name);

    public void Dispose() => _listener.Dispose();
}
