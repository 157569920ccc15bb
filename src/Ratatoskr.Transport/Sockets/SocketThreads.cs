using Microsoft.Extensions.Logging;

namespace Ratatoskr.Transport.Sockets;

/// <summary>
/// A thread for each processor that waits for its share of the sockets and runs what has waited for them, and work that ends at sockets: after what has come together has been read.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class SocketThreads : IDisposable
{
    private readonly SocketPoller[] _pollers;

    /// <exception cref="IOException">The system has no descriptor left.</exception>
    public SocketThreads(ILogger<SocketThreads> logger) =>
        _pollers = [.. Enumerable.Range(0, Environment.ProcessorCount).Select(i => new SocketPoller($"sockets {i}", logger))];

    /// <summary>Whether the calling thread is one of these.</summary>
    public static bool IsCurrent => SocketPoller.Current is not null;

    internal SocketPoller[] Pollers => _pollers;

    /// <summary>Has work run on the thread of a number, counted around.</summary>
    /// <returns>false: they have ended.</returns>
    public bool TryRun(IThreadPoolWorkItem work, int number) => _pollers[(int)((uint)number % (uint)_pollers.Length)].TryRun(work);

    /// <summary>Has work run on the calling thread when it has read what has come to its sockets together, or some of it.</summary>
    /// <returns>false: it is none of these.</returns>
    public static bool TryRunAfterEvents(IThreadPoolWorkItem work) => SocketPoller.Current is { } current && current.TryRun(work);

    /// <summary>Runs the work of the calling thread now, if it is one of these.</summary>
    public static void RunNow() => SocketPoller.Current?.RunWork();

    public void Dispose()
    {
        foreach (SocketPoller poller in _pollers) poller.Dispose();
    }
}
