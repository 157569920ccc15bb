using System.Diagnostics.Metrics;

namespace Ratatoskr.Http.Monitoring;

/// <summary>Listens to instruments from its making on and knows what they have measured.</summary>
/// <remarks>Safe on any thread. Costs nothing between readings for instruments that are observed, which are all that count messages.</remarks>
public sealed class MetricsReader : IDisposable
{
    // Of OpenTelemetry's SDK; for histograms in seconds whose maker gives no advice.
    private static readonly double[] s_bounds = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

    private readonly Lock _gate = new();
    private readonly List<MetricFamily> _families = [];
    private readonly MeterListener _listener = new();

    /// <param name="isWanted">Whether an instrument is listened to.</param>
    public MetricsReader(Func<Instrument, bool> isWanted)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (!isWanted(instrument) || KindOf(instrument) is not { } kind) return;
            MetricFamily family = new(instrument, kind, BoundsOf(instrument));
            lock (_gate) _families.Add(family);
            listener.EnableMeasurementEvents(instrument, family);
        };
        _listener.MeasurementsCompleted = (_, state) =>
        {
            lock (_gate) _families.Remove((MetricFamily)state!);
        };
        _listener.SetMeasurementEventCallback<long>(static (_, value, labels, state) => ((MetricFamily)state!).Record(value, labels));
        _listener.SetMeasurementEventCallback<int>(static (_, value, labels, state) => ((MetricFamily)state!).Record(value, labels));
        _listener.SetMeasurementEventCallback<double>(static (_, value, labels, state) => ((MetricFamily)state!).Record(value, labels));
        _listener.Start();
    }

    /// <summary>Everything in the text format of Prometheus, version 0.0.4.</summary>
    public string ReadPrometheusText()
    {
        lock (_listener)
        {
            MetricFamily[] families = Families();
            foreach (MetricFamily family in families) family.ForgetObserved();
            try
            {
                _listener.RecordObservableInstruments();
            }
            catch (AggregateException)
            {
                // Something that is being closed did not know; the others are shown.
            }

            return PrometheusText.Write(Families());
        }
    }

    public void Dispose() => _listener.Dispose();

    private MetricFamily[] Families()
    {
        lock (_gate) return [.. _families];
    }

    private static IReadOnlyList<double> BoundsOf(Instrument instrument) => instrument switch
    {
        Histogram<double> { Advice.HistogramBucketBoundaries: { } bounds } => bounds,
        Histogram<long> { Advice.HistogramBucketBoundaries: { } bounds } => [.. bounds.Select(static bound => (double)bound)],
        _ => s_bounds,
    };

    private static MetricKind? KindOf(Instrument instrument)
    {
        Type type = instrument.GetType();
        if (!type.IsGenericType) return null;
        Type form = type.GetGenericTypeDefinition();
        if (form == typeof(Counter<>)) return MetricKind.Counter;
        if (form == typeof(ObservableCounter<>)) return MetricKind.ObservedCounter;
        if (form == typeof(UpDownCounter<>)) return MetricKind.Sum;
        if (form == typeof(Histogram<>)) return MetricKind.Histogram;
        return form == typeof(ObservableUpDownCounter<>) || form == typeof(ObservableGauge<>) || form == typeof(Gauge<>) ? MetricKind.Gauge : null;
    }
}
