using System.Diagnostics.Metrics;

namespace Ratatoskr.Engine.Metering;

/// <summary>
/// How every part of the server makes its instruments: what is counted often is a <see cref="Tally"/> that listeners read when they want to know, never a
/// measurement per message. A name ends without its unit and without "total", which exporters append.
/// </summary>
public static class MeterExtensions
{
    /// <summary>Bounds of durations in seconds, from a commit to memory to one that waits for a busy disk.</summary>
    public static readonly IReadOnlyList<double> DurationBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

    /// <summary>A sum that only rises.</summary>
    /// <param name="unit">As UCUM writes it: <c>By</c>, <c>s</c>, or a word in braces for things.</param>
    public static Tally CreateTally(this Meter meter, string name, string unit, string description)
    {
        ArgumentNullException.ThrowIfNull(meter);
        Tally tally = new();
        meter.CreateObservableCounter(name, () => tally.Total, unit, description);
        return tally;
    }

    /// <summary>The same, by a label.</summary>
    public static TallySet<TLabel> CreateTallies<TLabel>(this Meter meter, string name, string unit, string label, string description)
        where TLabel : struct, Enum
    {
        ArgumentNullException.ThrowIfNull(meter);
        TallySet<TLabel> tallies = new(label);
        meter.CreateObservableCounter(name, tallies.Read, unit, description);
        return tallies;
    }

    /// <summary>A number of things that come and go.</summary>
    public static Tally CreateLevel(this Meter meter, string name, string unit, string description)
    {
        ArgumentNullException.ThrowIfNull(meter);
        Tally tally = new();
        meter.CreateObservableUpDownCounter(name, () => tally.Total, unit, description);
        return tally;
    }

    /// <summary>The same, known to somebody else already.</summary>
    /// <param name="read">Any thread.</param>
    public static void ShowLevel(this Meter meter, string name, string unit, string description, Func<long> read)
    {
        ArgumentNullException.ThrowIfNull(meter);
        meter.CreateObservableUpDownCounter(name, read, unit, description);
    }

    /// <summary>The same, by a label.</summary>
    public static void ShowLevels<TLabel>(this Meter meter, string name, string unit, string label, string description, Func<TLabel, long> read)
        where TLabel : struct, Enum
    {
        ArgumentNullException.ThrowIfNull(meter);
        TLabel[] values = Enum.GetValues<TLabel>();
        KeyValuePair<string, object?>[] labels = TallySet<TLabel>.LabelsOf(label);
        meter.CreateObservableUpDownCounter(name, () => values.Select((value, i) => new Measurement<long>(read(value), labels[i])), unit, description);
    }

    /// <summary>A bound, a size or another number that cannot be added up over servers in a way that means something.</summary>
    /// <param name="read">Any thread.</param>
    public static void ShowGauge(this Meter meter, string name, string unit, string description, Func<long> read)
    {
        ArgumentNullException.ThrowIfNull(meter);
        meter.CreateObservableGauge(name, read, unit, description);
    }

    /// <summary>Seconds that something has taken; for what happens a few hundred times a second at most, as each is a measurement.</summary>
    public static Histogram<double> CreateDuration(this Meter meter, string name, string description)
    {
        ArgumentNullException.ThrowIfNull(meter);
        return meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = DurationBounds });
    }
}
