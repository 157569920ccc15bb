using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Ratatoskr.Server.Composition;
using Ratatoskr.Server.Configuration;

namespace Ratatoskr.Server.Tests.Monitoring;

/// <summary>docs/metrics.md and docs/limits.md speak of the instruments that there are, and docs/metrics.md of all of them.</summary>
public sealed partial class DocumentedMetricsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_instrument_is_documented_with_its_unit_and_labels_and_nothing_else_is()
    {
        using MeterListener listener = Listen(out Dictionary<string, string> units, out Dictionary<string, SortedSet<string>> labels);
        await using RunningServer server = await RunningServer.StartAsync(options => options with { AccessMode = AccessMode.Accounts });
        listener.RecordObservableInstruments();
        Dictionary<string, Row> documented = Rows(await ReadAsync("metrics.md")).ToDictionary(static row => row.Name);

        Assert.Equal(units.Keys.Order(StringComparer.Ordinal), documented.Keys.Order(StringComparer.Ordinal));
        foreach ((string name, Row row) in documented)
        {
            Assert.True(units[name] == row.Unit, $"{name}: {units[name]}, and documented {row.Unit}");
            if (labels.TryGetValue(name, out SortedSet<string>? own)) Assert.True(own.SetEquals(row.Labels), $"{name}: {string.Join(", ", own)}, and documented {string.Join(", ", row.Labels)}");
        }

        Exposition shown = await server.MetricsAsync();
        Assert.Equal(shown.Types.Keys.Order(StringComparer.Ordinal), documented.Values.Select(static row => row.PrometheusName).Order(StringComparer.Ordinal));
        foreach (Row row in documented.Values) Assert.True(shown.Types[row.PrometheusName] == row.Type, $"{row.PrometheusName}: {shown.Types[row.PrometheusName]}, and documented {row.Type}");
    }

    [Fact]
    public async Task Values_of_labels_are_documented_and_no_others()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options with { AccessMode = AccessMode.Accounts });
        Exposition shown = await server.MetricsAsync();
        string document = await ReadAsync("metrics.md");
        Dictionary<string, string> names = Rows(document).ToDictionary(static row => row.Name, static row => row.PrometheusName);
        SortedSet<string> documented = [], there = [];
        foreach (Match line in LabelLine().Matches(document))
        {
            foreach (string value in line.Groups["values"].Value.Split(", ")) documented.Add($"{names[line.Groups["name"].Value]}{{{line.Groups["label"].Value}=\"{value.Trim('`')}\"}}");
        }

        foreach (string series in shown.Series)
        {
            if (series.StartsWith("ratatoskr_", StringComparison.Ordinal) && series.EndsWith('}') && !series.Contains("le=", StringComparison.Ordinal) && !series.Contains("version=", StringComparison.Ordinal)) there.Add(series);
        }

        Assert.Equal(there, documented);
    }

    [Fact]
    public async Task Limits_name_metrics_that_there_are()
    {
        await using RunningServer server = await RunningServer.StartAsync(options => options with { AccessMode = AccessMode.Accounts });
        Exposition shown = await server.MetricsAsync();
        string[] named = [.. MetricName().Matches(await ReadAsync("limits.md")).Select(static match => match.Groups["name"].Value).Distinct()];
        Assert.True(named.Length > 20, $"{named.Length} metrics");
        Assert.All(named, name => Assert.Contains(name, shown.Types.Keys));

        // Every row of its tables says which; a dash would have to say why.
        foreach (Match row in LimitRow().Matches(await ReadAsync("limits.md"))) Assert.True(MetricName().IsMatch(row.Value), row.Value);
    }

    private static MeterListener Listen(out Dictionary<string, string> units, out Dictionary<string, SortedSet<string>> labels)
    {
        Dictionary<string, string> knownUnits = units = new(StringComparer.Ordinal);
        Dictionary<string, SortedSet<string>> knownLabels = labels = new(StringComparer.Ordinal);
        Lock gate = new();
        MeterListener listener = new()
        {
            InstrumentPublished = (instrument, listener) =>
            {
                bool isOurs = instrument.Meter.Name.StartsWith(Instruments.OursPrefix, StringComparison.Ordinal);
                if (!isOurs && !(Instruments.Frameworks.TryGetValue(instrument.Meter.Name, out IReadOnlySet<string>? names) && names.Contains(instrument.Name))) return;
                lock (gate) knownUnits[instrument.Name] = instrument.Unit ?? "";
                if (isOurs) listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, _, tags, _) => Note(instrument, tags));
        listener.SetMeasurementEventCallback<double>((instrument, _, tags, _) => Note(instrument, tags));
        listener.Start();
        return listener;

        void Note(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags)
        {
            SortedSet<string> keys = [];
            foreach (KeyValuePair<string, object?> tag in tags) keys.Add(tag.Key);
            lock (gate) knownLabels[instrument.Name] = keys;
        }
    }

    private static Task<string> ReadAsync(string document)
    {
        DirectoryInfo folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Ratatoskr.sln"))) folder = folder.Parent!;
        return File.ReadAllTextAsync(Path.Combine(folder.FullName, "docs", document), Cancel);
    }

    private static IEnumerable<Row> Rows(string document)
    {
        foreach (Match row in MetricRow().Matches(document))
        {
            string[] labels = row.Groups["labels"].Value.Split(", ", StringSplitOptions.RemoveEmptyEntries);
            yield return new Row(row.Groups["name"].Value, row.Groups["prometheus"].Value, row.Groups["type"].Value, row.Groups["unit"].Value, [.. labels.Select(static label => label.Trim('`'))]);
        }
    }

    // | `ratatoskr.frames.sent` | `ratatoskr_frames_sent_total` | counter | {frame} | `type` | … |
    [GeneratedRegex(@"^\| `(?<name>[a-z._]+)` \| `(?<prometheus>[a-z_]+)` \| (?<type>counter|gauge|histogram) \| (?<unit>[^|]*?) \| (?<labels>[^|]*?) \| ", RegexOptions.Multiline)]
    private static partial Regex MetricRow();

    // - `ratatoskr.frames.sent` `type`: `binary`, `close`
    [GeneratedRegex(@"^- `(?<name>[a-z._]+)` `(?<label>[a-z_]+)`: (?<values>.+)$", RegexOptions.Multiline)]
    private static partial Regex LabelLine();

    [GeneratedRegex(@"`(?<name>(?:ratatoskr|dotnet|http_server|kestrel|process)_[a-z_]+?)(?:\{[^}]*\})?`")]
    private static partial Regex MetricName();

    // A row of data: not the head, not the line under it.
    [GeneratedRegex(@"^\| (?!what \|)(?!---).*\|$", RegexOptions.Multiline)]
    private static partial Regex LimitRow();

    private sealed record Row(string Name, string PrometheusName, string Type, string Unit, string[] Labels);
}
