using System.Diagnostics.Metrics;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>What one engine has counted since this was made, by instrument, or by instrument and label: <c>ratatoskr.changes.refused invalid</c>.</summary>
internal sealed class Counters : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly Dictionary<string, long> _now = [];
    private readonly Dictionary<string, long> _before;

    public Counters(SyncEngine engine)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == engine.Metrics.Meter) listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, labels, _) =>
        {
            Add(instrument.Name, value);
            foreach (KeyValuePair<string, object?> label in labels) Add($"{instrument.Name} {label.Value}", value);
        });
        _listener.Start();
        _before = Read();
    }

    /// <exception cref="KeyNotFoundException">There is no such instrument, or label.</exception>
    public long this[string name]
    {
        get
        {
            long now = Read()[name];
            return now - _before[name];
        }
    }

    /// <summary>Whatever has grown, by how much.</summary>
    public IEnumerable<KeyValuePair<string, long>> Grown =>
        Read().Select(now => KeyValuePair.Create(now.Key, now.Value - _before.GetValueOrDefault(now.Key))).Where(grown => grown.Value > 0);

    public void Dispose() => _listener.Dispose();

    private Dictionary<string, long> Read()
    {
        _now.Clear();
        _listener.RecordObservableInstruments();
        return new Dictionary<string, long>(_now);
    }

    private void Add(string name, long value) => _now[name] = _now.GetValueOrDefault(name) + value;
}
