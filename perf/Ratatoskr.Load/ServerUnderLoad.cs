using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Ratatoskr.Load;

/// <summary>A server in a process and a data folder of its own, held to one core. Killed and its folder removed at the end.</summary>
internal sealed class ServerUnderLoad : IDisposable
{
    // A tick of /proc/<pid>/stat: USER_HZ is 100 on every Linux that .NET runs on.
    private const double MicrosecondsPerTick = 10_000;
    private static readonly TimeSpan StartTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan SettleTimeout = TimeSpan.FromSeconds(5);

    private readonly Process _process;
    private readonly string _folder;

    private ServerUnderLoad(Process process, string folder, int port) => (_process, _folder, Port) = (process, folder, port);

    public int Port { get; }

    /// <summary>Time on a processor so far, in user and kernel mode.</summary>
    public double CpuMicroseconds
    {
        get
        {
            // The command's name stands in brackets and may contain anything; fields 14 and 15 are the times (proc_pid_stat(5)).
            string stat = File.ReadAllText($"/proc/{_process.Id}/stat");
            string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) * MicrosecondsPerTick;
        }
    }

    /// <summary>Bytes of memory that are its own or mapped, now and at their most.</summary>
    public (long Now, long Peak) Memory
    {
        get
        {
            string[] status = File.ReadAllLines($"/proc/{_process.Id}/status");
            return (Kilobytes("VmRSS:") << 10, Kilobytes("VmHWM:") << 10);

            long Kilobytes(string name) => long.Parse(status.First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2], CultureInfo.InvariantCulture);
        }
    }

    /// <summary>The most begins anew (proc_pid_clear_refs(5)).</summary>
    public void ForgetPeakOfMemory() => File.WriteAllText($"/proc/{_process.Id}/clear_refs", "5");

    /// <param name="command">A program and its arguments, with spaces between them.</param>
    /// <param name="environment">Beside PORT and DATA_DIR.</param>
    public static ServerUnderLoad Start(string command, string cpu, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        int port = FreePort();
        string folder = Directory.CreateTempSubdirectory("ratatoskr-load-").FullName;
        ProcessStartInfo start = new("taskset", ["-c", cpu, .. command.Split(' ', StringSplitOptions.RemoveEmptyEntries)]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PORT"] = port.ToString(CultureInfo.InvariantCulture);
        start.Environment["DATA_DIR"] = folder;
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        Process process = Process.Start(start) ?? throw new InvalidOperationException($"{command} did not start");
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        ServerUnderLoad server = new(process, folder, port);
        try
        {
            server.WaitUntilItIsReady(command);
            return server;
        }
        catch
        {
            server.Dispose();
            throw;
        }
    }

    /// <summary>Waits until it has done what a load left behind, closing thousands of connections for one.</summary>
    public void WaitUntilIdle()
    {
        const int SampleMs = 100;
        long started = Stopwatch.GetTimestamp();
        double before = double.NegativeInfinity;
        while (Stopwatch.GetElapsedTime(started) < SettleTimeout)
        {
            double now = CpuMicroseconds;
            if (now - before <= MicrosecondsPerTick) return;
            before = now;
            Thread.Sleep(SampleMs);
        }
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.WaitForExit();
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void WaitUntilItIsReady(string command)
    {
        long started = Stopwatch.GetTimestamp();
        while (!IsReady())
        {
            if (_process.HasExited) throw new InvalidOperationException($"{command} ended with {_process.ExitCode}");
            if (Stopwatch.GetElapsedTime(started) > StartTimeout) throw new TimeoutException($"{command} is not ready on {Port}");
            Thread.Sleep(20);
        }
    }

    // Ours listens first and is ready when its store is open; the reference knows no such question and answers it in its own way.
    private bool IsReady()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Connect(IPAddress.Loopback, Port);
            socket.Send("GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"u8);
            byte[] answer = new byte[12];
            int length = socket.Receive(answer);
            return length > 0 && !answer.AsSpan().EndsWith("503"u8);
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }
}
