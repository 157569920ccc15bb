using System.Diagnostics.Metrics;

namespace Ratatoskr.Server.Composition;

/// <summary>What <c>/metrics</c> and OTLP show: all of ours, and of the framework's what an operator can use (docs/metrics.md).</summary>
internal static class Instruments
{
    /// <summary>Our meters: <c>Ratatoskr.Transport</c> and its like.</summary>
    public const string OursPrefix = "Ratatoskr.";

    /// <summary>By meter. All have labels with few values: a route is its template, never a path.</summary>
    public static readonly IReadOnlyDictionary<string, IReadOnlySet<string>> Frameworks = new Dictionary<string, IReadOnlySet<string>>
    {
        ["System.Runtime"] = new HashSet<string>
        {
            "dotnet.process.cpu.time", "dotnet.process.memory.working_set", "dotnet.gc.collections", "dotnet.gc.heap.total_allocated",
            "dotnet.gc.last_collection.heap.size", "dotnet.gc.pause.time",
            "dotnet.monitor.lock_contentions", "dotnet.exceptions",
        },
        ["Microsoft.AspNetCore.Hosting"] = new HashSet<string> { "http.server.request.duration", "http.server.active_requests" },
        ["Microsoft.AspNetCore.Server.Kestrel"] = new HashSet<string> { "kestrel.active_connections", "kestrel.rejected_connections", "kestrel.active_tls_handshakes" },
    };

    /// <param name="instrument">Any of this process.</param>
    /// <param name="meters">Those of this host: a process may have several hosts, as in tests.</param>
    public static bool AreShown(Instrument instrument, IMeterFactory meters)
    {
        Meter meter = instrument.Meter;
        if (meter.Scope is not null && meter.Scope != meters) return false;
        return (meter.Name.StartsWith(OursPrefix, StringComparison.Ordinal) && meter.Scope == meters)
            || (Frameworks.TryGetValue(meter.Name, out IReadOnlySet<string>? shown) && shown.Contains(instrument.Name));
    }
}
