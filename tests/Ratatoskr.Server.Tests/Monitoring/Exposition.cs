using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Ratatoskr.Server.Tests.Monitoring;

/// <summary>The text format of Prometheus, version 0.0.4, read as strictly as its description allows: whatever a scraper might refuse fails here.</summary>
internal sealed partial class Exposition
{
    private readonly Dictionary<string, double> _samples = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);

    private Exposition()
    {
    }

    /// <summary>Type by family.</summary>
    public IReadOnlyDictionary<string, string> Types => _types;

    /// <summary>Every line's name and labels, as they stand.</summary>
    public IReadOnlyCollection<string> Series => _samples.Keys;

    /// <summary>The sum over all label sets that have this one among them.</summary>
    /// <param name="label">As <c>reason="gone"</c>; null for all.</param>
    public double this[string name, string? label = null] => _samples
        .Where(sample => sample.Key == name || (sample.Key.StartsWith(name + "{", StringComparison.Ordinal) && (label is null || sample.Key.Contains(label, StringComparison.Ordinal))))
        .Sum(static sample => sample.Value);

    public static Exposition Read(string text)
    {
        Assert.EndsWith("\n", text, StringComparison.Ordinal);
        Exposition read = new();
        string? family = null;
        foreach (string line in text[..^1].Split('\n'))
        {
            if (Help().Match(line) is { Success: true } help)
            {
                family = help.Groups[1].Value;
                Assert.DoesNotContain(family, read._types.Keys);
                continue;
            }

            if (Type().Match(line) is { Success: true } type)
            {
                Assert.Equal(family, type.Groups[1].Value);          // directly behind its help, so once
                read._types.Add(family!, type.Groups[2].Value);
                continue;
            }

            Match sample = Sample().Match(line);
            Assert.True(sample.Success, line);
            read.Add(family, sample, line);
        }

        foreach ((string name, string type) in read._types)
        {
            Assert.True(type == "counter" == name.EndsWith("_total", StringComparison.Ordinal), name);
            if (type == "histogram") read.CheckHistogram(name);
        }

        return read;
    }

    private void Add(string? family, Match sample, string line)
    {
        string name = sample.Groups["name"].Value;
        Assert.True(family is not null && _types.TryGetValue(family, out _), line);
        bool isPart = _types[family!] == "histogram" && (name == family + "_bucket" || name == family + "_sum" || name == family + "_count");
        Assert.True(isPart || (name == family && _types[family!] != "histogram"), line);
        string[] labels = [.. sample.Groups["label"].Captures.Select(static capture => capture.Value)];
        Assert.Equal(labels.Length, labels.Distinct().Count());
        string value = sample.Groups["value"].Value;
        double number = value switch
        {
            "+Inf" => double.PositiveInfinity,
            "-Inf" => double.NegativeInfinity,
            _ => double.Parse(value, NumberStyles.Float, CultureInfo.InvariantCulture),
        };
        Assert.True(_types[family!] == "gauge" || number >= 0, line);
        Assert.True(_samples.TryAdd(name + sample.Groups["labels"].Value, number), line);
    }

    // Buckets rise, and the last has everything.
    private void CheckHistogram(string name)
    {
        var byLabels = _samples.Where(sample => sample.Key.StartsWith(name + "_bucket{", StringComparison.Ordinal))
            .GroupBy(static sample => LastLabel().Replace(sample.Key, ""));
        foreach (IGrouping<string, KeyValuePair<string, double>> group in byLabels)
        {
            double before = 0;
            foreach ((_, double count) in group)
            {
                Assert.True(count >= before, group.Key);
                before = count;
            }

            Assert.EndsWith("le=\"+Inf\"}", group.Last().Key, StringComparison.Ordinal);
            string count_ = new StringBuilder(group.Key).Replace(name + "_bucket", name + "_count").Append(group.Key.EndsWith('{') ? "" : "}").ToString().TrimEnd('{');
            Assert.Equal(_samples[count_], before);
        }
    }

    [GeneratedRegex("""^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\\n]|\\\\|\\n)+$""")]
    private static partial Regex Help();

    [GeneratedRegex("""^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$""")]
    private static partial Regex Type();

    [GeneratedRegex("""^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(?<labels>(\{(?<label>[a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\\n]|\\\\|\\"|\\n)*"(?:,(?<label>[a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\\n]|\\\\|\\"|\\n)*")*\})?) (?<value>-?[0-9.]+(?:[eE][+-]?[0-9]+)?|\+Inf|-Inf|NaN)$""")]
    private static partial Regex Sample();

    [GeneratedRegex(""",?le="[^"]*"\}$""")]
    private static partial Regex LastLabel();
}
