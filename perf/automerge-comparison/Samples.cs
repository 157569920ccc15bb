using System.Diagnostics;
using System.Globalization;

namespace Automerge.Comparison;

/// <summary>Takes samples: times in milliseconds, memory in MiB.</summary>
internal static class Samples
{
    // CPU time of all threads instead of time on the clock: for a machine that is busy with other things.
    private static readonly bool OfCpu = Environment.GetEnvironmentVariable("COMPARISON_CLOCK") == "cpu";

    private static readonly TimeSpan WarmUpTime = TimeSpan.FromSeconds(4);

    /// <summary>The time of each of several runs.</summary>
    public static double[] Timed(int times, Action<int> action)
    {
        double[] samples = new double[times];
        for (int i = 0; i < times; i++)
        {
            double start = Now();
            action(i);
            samples[i] = Now() - start;
        }

        return samples;
    }

    /// <summary>As <see cref="Timed"/>, of a warm process, each from a heap that holds nothing of the run before.</summary>
    public static double[] Warm(int times, Action action)
    {
        WarmUp(action);
        double[] samples = new double[times];
        for (int i = 0; i < times; i++)
        {
            GC.Collect();
            samples[i] = Timed(1, _ => action())[0];
        }

        return samples;
    }

    /// <summary>Does something for as long as the runtime still compiles anew what is called often; node/works.mjs does the same.</summary>
    public static void WarmUp(Action action)
    {
        long start = Stopwatch.GetTimestamp();
        do action();
        while (Stopwatch.GetElapsedTime(start) < WarmUpTime);
    }

    /// <summary>
    /// Resident memory of this process, above what it was before: at its highest while something is done, and after a collection while its result is kept.
    /// Linux only: the kernel keeps the highest value (VmHWM) and forgets it when asked to.
    /// </summary>
    public static (double Peak, double Resident) Memory(Func<object> action)
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        File.WriteAllText("/proc/self/clear_refs", "5");
        double before = StatusMebibytes("VmRSS");
        object kept = action();
        double peak = StatusMebibytes("VmHWM");
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        double after = StatusMebibytes("VmRSS");
        GC.KeepAlive(kept);
        return (peak - before, after - before);
    }

    public static double Median(IEnumerable<double> samples)
    {
        double[] sorted = [.. samples.Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    private static double Now() => OfCpu ? Environment.CpuUsage.TotalTime.TotalMilliseconds : Stopwatch.GetTimestamp() * 1000.0 / Stopwatch.Frequency;

    private static double StatusMebibytes(string field)
    {
        string line = File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal));
        return double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture) / 1024;
    }
}
