using System.Globalization;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>What a server says it has counted, by the lines of <c>/metrics</c>: name and labels.</summary>
internal static class ServerCounters
{
    public static async Task<IReadOnlyDictionary<string, double>> ReadAsync(TestServer server)
    {
        using SocketsHttpHandler handler = new() { UseProxy = false, SslOptions = TlsTrust.Anyone("localhost") };
        using HttpClient http = new(handler);
        string text = await http.GetStringAsync(server.HttpUrl + "/metrics");
        Dictionary<string, double> values = [];
        foreach (string line in text.Split('\n'))
        {
            int space = line.LastIndexOf(' ');
            if (space > 0 && line[0] != '#') values[line[..space]] = double.Parse(line[(space + 1)..], CultureInfo.InvariantCulture);
        }

        return values;
    }

    /// <summary>How much more there is of what begins so.</summary>
    public static long Grown(IReadOnlyDictionary<string, double> before, IReadOnlyDictionary<string, double> after, string prefix) =>
        (long)after.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal)).Sum(pair => pair.Value - before.GetValueOrDefault(pair.Key));
}
