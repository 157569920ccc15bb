using System.Diagnostics;

namespace Ratatoskr.Load;

/// <summary>One round of one load. Times per operation are in µs.</summary>
/// <param name="ServerBusy">CPU seconds of the server per second. Well below 1, the client was what held things up: compare <paramref name="ServerCpu"/> then.</param>
internal readonly record struct Measurement(double PerSecond, double P50, double P99, double ServerCpu, double ClientCpu, double ServerBusy)
{
    /// <summary>Runs a load on threads that block: the cheapest client there is.</summary>
    /// <param name="worker">Does its share and notes how long each operation took, in µs, into its span.</param>
    public static Measurement Run(ServerUnderLoad server, int threads, int operations, Action<int, Memory<double>> worker)
    {
        double[] times = new double[operations];
        Exception? failure = null;
        Thread[] workers = new Thread[threads];
        using ManualResetEventSlim start = new();
        for (int i = 0; i < threads; i++)
        {
            int thread = i, first = (int)((long)operations * i / threads), last = (int)((long)operations * (i + 1) / threads);
            workers[i] = new Thread(() =>
            {
                start.Wait();
                try
                {
                    worker(first, times.AsMemory(first, last - first));
                }
                catch (Exception e)
                {
                    failure ??= e;
                }
            })
            { IsBackground = true };
            workers[i].Start();
        }

        double serverBefore = server.CpuMicroseconds;
        TimeSpan clientBefore = Process.GetCurrentProcess().TotalProcessorTime;
        long started = Stopwatch.GetTimestamp();
        start.Set();
        foreach (Thread thread in workers) thread.Join();
        double elapsed = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        double serverCpu = server.CpuMicroseconds - serverBefore, clientCpu = (Process.GetCurrentProcess().TotalProcessorTime - clientBefore).TotalMicroseconds;
        if (failure is not null) throw new InvalidOperationException($"the load failed: {failure.Message}", failure);
        Array.Sort(times);
        return new Measurement(
            operations / elapsed * 1e6, times[operations / 2], times[operations * 99 / 100], serverCpu / operations, clientCpu / operations, serverCpu / elapsed);
    }

    /// <summary>The median of each figure by itself.</summary>
    public static Measurement Median(IReadOnlyList<Measurement> rounds) => new(
        Median(rounds.Select(m => m.PerSecond)),
        Median(rounds.Select(m => m.P50)),
        Median(rounds.Select(m => m.P99)),
        Median(rounds.Select(m => m.ServerCpu)),
        Median(rounds.Select(m => m.ClientCpu)),
        Median(rounds.Select(m => m.ServerBusy)));

    /// <summary>What an operation cost the server in the round that was disturbed least: other work on the machine only ever adds.</summary>
    public static double LeastServerCpu(IReadOnlyList<Measurement> rounds) => rounds.Min(m => m.ServerCpu);

    public static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
