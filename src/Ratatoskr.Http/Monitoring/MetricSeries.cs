using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Metrics;

namespace Ratatoskr.Http.Monitoring;

/// <summary>How measurements of an instrument become the value of a series.</summary>
internal enum MetricKind : byte
{
    /// <summary>Measurements are added up; only ever rises.</summary>
    Counter,

    /// <summary>Measurements are totals; only ever rises.</summary>
    ObservedCounter,

    /// <summary>Measurements are added up.</summary>
    Sum,

    /// <summary>Measurements are the value.</summary>
    Gauge,

    Histogram,
}

/// <summary>One instrument, and the series it has: one per set of labels, at most <see cref="SeriesMax"/>.</summary>
/// <remarks>Safe on any thread. Recording allocates when a label set is new, and not again.</remarks>
internal sealed class MetricFamily(Instrument instrument, MetricKind kind, IReadOnlyList<double> bounds)
{
    /// <summary>Routes times methods times statuses of the API stay far below; what is beyond goes into one series, marked as OpenTelemetry does.</summary>
    public const int SeriesMax = 1_000;

    private static readonly KeyValuePair<string, object?>[] s_overflow = [new("otel.metric.overflow", true)];

    private readonly Lock _gate = new();
    private readonly Dictionary<KeyValuePair<string, object?>[], MetricSeries> _series = new(LabelComparer.Instance);

    public string Name => instrument.Name;

    public string? Unit => instrument.Unit;

    public string Description => instrument.Description ?? instrument.Name;

    public MetricKind Kind => kind;

    /// <summary>Upper bounds of a histogram's buckets, the infinite one left out.</summary>
    public IReadOnlyList<double> Bounds => bounds;

    public void Record(double value, ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        lock (_gate)
        {
            MetricSeries series = Find(labels);
            switch (kind)
            {
                case MetricKind.Counter or MetricKind.Sum:
                    series.Value += value;
                    break;
                case MetricKind.ObservedCounter or MetricKind.Gauge:
                    series.Value = value;
                    break;
                case MetricKind.Histogram:
                    series.Value += value;
                    series.Buckets![BucketOf(value)]++;
                    break;
            }
        }
    }

    /// <summary>Before instruments are asked: what they do not speak of any more is gone.</summary>
    public void ForgetObserved()
    {
        if (!instrument.IsObservable) return;
        lock (_gate) _series.Clear();
    }

    /// <summary>Copies, in no order.</summary>
    public MetricSeries[] Snapshot()
    {
        lock (_gate) return [.. _series.Values.Select(static series => series.Copy())];
    }

    private MetricSeries Find(ReadOnlySpan<KeyValuePair<string, object?>> labels)
    {
        var byLabels = _series.GetAlternateLookup<ReadOnlySpan<KeyValuePair<string, object?>>>();
        if (byLabels.TryGetValue(labels, out MetricSeries? known)) return known;
        KeyValuePair<string, object?>[] own = _series.Count < SeriesMax ? labels.ToArray() : s_overflow;
        if (own == s_overflow && _series.TryGetValue(own, out known)) return known;
        MetricSeries series = new(own, kind == MetricKind.Histogram ? new long[bounds.Count + 1] : null);
        _series.Add(own, series);
        return series;
    }

    private int BucketOf(double value)
    {
        int bucket = 0;
        while (bucket < bounds.Count && value > bounds[bucket]) bucket++;
        return bucket;
    }

    // Instruments name their labels in one order, so that order counts as part of the set.
    private sealed class LabelComparer
        : IEqualityComparer<KeyValuePair<string, object?>[]>, IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, KeyValuePair<string, object?>[]>
    {
        public static readonly LabelComparer Instance = new();

        public bool Equals(KeyValuePair<string, object?>[]? x, KeyValuePair<string, object?>[]? y) => Equals(x.AsSpan(), y!);

        public int GetHashCode([DisallowNull] KeyValuePair<string, object?>[] labels) => GetHashCode(labels.AsSpan());

        public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> labels) => labels.ToArray();

        public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> labels, KeyValuePair<string, object?>[] other)
        {
            if (labels.Length != other.Length) return false;
            for (int i = 0; i < labels.Length; i++)
            {
                if (labels[i].Key != other[i].Key || !Equals(labels[i].Value, other[i].Value)) return false;
            }

            return true;
        }

        public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> labels)
        {
            HashCode hash = default;
            foreach ((string key, object? value) in labels)
            {
                hash.Add(key);
                hash.Add(value);
            }

            return hash.ToHashCode();
        }
    }
}

/// <summary>The value of an instrument under one set of labels.</summary>
/// <param name="labels">Never changed.</param>
/// <param name="buckets">A histogram's, each its own count (not cumulative); the last is for what is above every bound.</param>
internal sealed class MetricSeries(KeyValuePair<string, object?>[] labels, long[]? buckets)
{
    public ReadOnlySpan<KeyValuePair<string, object?>> Labels => labels;

    /// <summary>A histogram's sum.</summary>
    public double Value { get; set; }

    public long[]? Buckets => buckets;

    public MetricSeries Copy() => new(labels, buckets is null ? null : [.. buckets]) { Value = Value };
}
