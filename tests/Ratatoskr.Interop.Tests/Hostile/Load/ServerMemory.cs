using System.Globalization;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>What a server's process has in memory: looked at fifty times a second, and the most is kept.</summary>
internal sealed class ServerMemory : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(20);

    private readonly TestServer _server;
    private readonly Thread _thread;
    private volatile bool _stopped;
    private long _peak;

    public ServerMemory(TestServer server)
    {
        _server = server;
        Start = _peak = Resident();
        _thread = new Thread(Watch) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Bytes when the watch began.</summary>
    public long Start { get; }

    public long Peak => Volatile.Read(ref _peak);

    public void Dispose()
    {
        _stopped = true;
        _thread.Join();
    }

    private void Watch()
    {
        while (!_stopped && _server.IsRunning)
        {
            _peak = Math.Max(_peak, Resident());
            Thread.Sleep(Period);
        }
    }

    // The second number of statm: resident pages.
    private long Resident()
    {
        try
        {
            return long.Parse(File.ReadAllText($"/proc/{_server.ProcessId}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize;
        }
        catch (IOException)
        {
            return 0;               // it has ended, and whoever waits for it will say so
        }
    }
}
