using System.Globalization;
using System.Text;

namespace Ratatoskr.Http.Monitoring;

/// <summary>
/// The text exposition format 0.0.4. Names and units become Prometheus's as OpenTelemetry's compatibility rules say: dots to underscores, the unit spelled out and
/// appended, <c>_total</c> behind counters; units in braces say nothing.
/// </summary>
internal static class PrometheusText
{
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>Families of one name (the same instrument of two meters) become one; of those of one name and another kind the first counts.</summary>
    public static string Write(IEnumerable<MetricFamily> families)
    {
        StringBuilder text = new(16 * 1024);
        foreach (IGrouping<string, MetricFamily> group in families.GroupBy(NameOf).OrderBy(static group => group.Key, StringComparer.Ordinal))
        {
            MetricFamily first = group.First();
            text.Append("# HELP ").Append(group.Key).Append(' ').Append(Escape(first.Description, quotes: false)).Append('\n');
            text.Append("# TYPE ").Append(group.Key).Append(' ').Append(TypeOf(first.Kind)).Append('\n');
            IEnumerable<(string Labels, MetricSeries Series)> series = group.Where(family => TypeOf(family.Kind) == TypeOf(first.Kind))
                .SelectMany(static family => family.Snapshot())
                .Select(static series => (LabelsOf(series), series))
                .DistinctBy(static line => line.Item1)
                .OrderBy(static line => line.Item1, StringComparer.Ordinal);
            foreach ((string labels, MetricSeries one) in series)
            {
                if (one.Buckets is { } buckets) WriteHistogram(text, group.Key, labels, first.Bounds, buckets, one.Value);
                else WriteLine(text, group.Key, "", labels, "", one.Value);
            }
        }

        return text.ToString();
    }

    /// <summary>What Prometheus calls it.</summary>
    public static string NameOf(MetricFamily family)
    {
        string name = Legal(family.Name);
        string unit = family.Unit switch
        {
            null or "" or "1" => "",
            "By" => "bytes",
            "s" => "seconds",
            "ms" => "milliseconds",
            ['{', ..] => "",
            { } other => Legal(other),
        };
        if (unit.Length > 0 && !name.EndsWith("_" + unit, StringComparison.Ordinal)) name += "_" + unit;
        return TypeOf(family.Kind) == "counter" && !name.EndsWith("_total", StringComparison.Ordinal) ? name + "_total" : name;
    }

    private static string TypeOf(MetricKind kind) => kind switch
    {
        MetricKind.Counter or MetricKind.ObservedCounter => "counter",
        MetricKind.Histogram => "histogram",
        _ => "gauge",
    };

    private static void WriteHistogram(StringBuilder text, string name, string labels, IReadOnlyList<double> bounds, long[] buckets, double sum)
    {
        long count = 0;
        for (int i = 0; i < buckets.Length; i++)
        {
            count += buckets[i];
            string bound = i < bounds.Count ? Number(bounds[i]) : "+Inf";
            WriteLine(text, name, "_bucket", labels, $"le=\"{bound}\"", count);
        }

        WriteLine(text, name, "_sum", labels, "", sum);
        WriteLine(text, name, "_count", labels, "", count);
    }

    private static void WriteLine(StringBuilder text, string name, string suffix, string labels, string last, double value)
    {
        text.Append(name).Append(suffix);
        if (labels.Length + last.Length > 0)
        {
            text.Append('{').Append(labels);
            if (labels.Length > 0 && last.Length > 0) text.Append(',');
            text.Append(last).Append('}');
        }

        text.Append(' ').Append(Number(value)).Append('\n');
    }

    private static string LabelsOf(MetricSeries series)
    {
        StringBuilder text = new();
        foreach ((string key, object? value) in series.Labels)
        {
            if (text.Length > 0) text.Append(',');
            string content = value is bool truth ? (truth ? "true" : "false") : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            text.Append(Legal(key)).Append("=\"").Append(Escape(content, quotes: true)).Append('"');
        }

        return text.ToString();
    }

    private static string Number(double value) => value switch
    {
        double.PositiveInfinity => "+Inf",
        double.NegativeInfinity => "-Inf",
        _ => value.ToString("R", CultureInfo.InvariantCulture),
    };

    // Letters, digits and underscores, no digit in front.
    private static string Legal(string name)
    {
        string legal = string.Create(name.Length, name, static (to, from) =>
        {
            for (int i = 0; i < to.Length; i++) to[i] = char.IsAsciiLetterOrDigit(from[i]) ? from[i] : '_';
        });
        return legal is ['0' or '1' or '2' or '3' or '4' or '5' or '6' or '7' or '8' or '9', ..] ? "_" + legal : legal;
    }

    private static string Escape(string text, bool quotes)
    {
        text = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? text.Replace("\"", "\\\"", StringComparison.Ordinal) : text;
    }
}
