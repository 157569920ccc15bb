using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Server.Configuration;

namespace Ratatoskr.Server.Composition;

/// <summary>The process as such (meter <c>Ratatoskr.Process</c>; docs/metrics.md): what the runtime's own instruments do not say.</summary>
internal static class ProcessMetrics
{
    public const string MeterName = "Ratatoskr.Process";

    /// <param name="meters">Owns the meter.</param>
    /// <param name="isReady">As <c>/ready</c> says.</param>
    public static void Show(IMeterFactory meters, Func<bool> isReady)
    {
        DateTimeOffset start = Process.GetCurrentProcess().StartTime;
        Meter meter = meters.Create(MeterName);
        KeyValuePair<string, object?> version = new("version", CommandLine.Version["ratatoskr ".Length..]);
        meter.CreateObservableGauge("ratatoskr.build.info", () => new Measurement<long>(1, version), "{build}", "always 1; its label says what runs");
        meter.CreateObservableGauge("process.uptime", () => (TimeProvider.System.GetUtcNow() - start).TotalSeconds, "s", "time since the process began");
        meter.ShowGauge("ratatoskr.ready", "{server}", "1 while /ready says that peers may come", () => isReady() ? 1 : 0);
        meter.ShowLevel("ratatoskr.thread_pool.threads", "{thread}", "threads of the pool", static () => ThreadPool.ThreadCount);
        meter.ShowLevel("ratatoskr.thread_pool.queued", "{item}", "work that waits for such a thread", static () => ThreadPool.PendingWorkItemCount);
    }
}
