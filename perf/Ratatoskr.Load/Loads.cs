using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ratatoskr.Load;

/// <summary>Something done many times to one server, and what was measured of it in each round.</summary>
internal abstract class Load(string title, ServerUnderLoad server)
{
    private const int ReceiveBytes = 64 << 10;

    private readonly List<Measurement> _rounds = [];

    public string Title => title;

    public IReadOnlyList<Measurement> Rounds => _rounds;

    public Measurement Median => Measurement.Median(_rounds);

    protected ServerUnderLoad Server => server;

    public void Round(bool counts)
    {
        Measurement measured = Run();
        server.WaitUntilIdle();                                // servers share a core: the next load is not to meet what this one closed
        if (counts) _rounds.Add(measured);
    }

    protected abstract Measurement Run();

    protected Socket Connect()
    {
        // No packet waits for another here, so delaying need not be turned off: a call less for each connect.
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(IPAddress.Loopback, server.Port);
        return socket;
    }

    protected static byte[] NewBuffer() => new byte[ReceiveBytes];

    // Receives behind what is there already.
    protected static int Receive(Socket socket, byte[] buffer, int count)
    {
        int received = socket.Receive(buffer.AsSpan(count));
        return received > 0 ? count + received : throw new IOException($"closed after {Encoding.Latin1.GetString(buffer, 0, count)}");
    }
}

/// <summary>Connects, says hello and waits to be welcomed, several at the same time on one thread. Connections stay open until the round ends, and close uncounted.</summary>
/// <param name="token">null: a stock client's hello.</param>
internal sealed class HandshakeLoad(string title, ServerUnderLoad server, LoadOptions options, string? token) : Load(title, server)
{
    private readonly byte[] _upgrade = Hello.Upgrade(server.Port);
    private int _round;

    protected override Measurement Run()
    {
        int round = ++_round;
        byte[][] hellos = [.. Enumerable.Range(0, options.Connects).Select(i => Hello.Frames($"load-{Environment.ProcessId}-{round}-{i}", token))];
        int[] connections = new int[options.Connects];
        using RawSockets sockets = new();
        Measurement measured = Measurement.Run(Server, 1, options.Connects, (_, times) => ShakeAll(sockets, hellos, connections, times.Span));
        foreach (int socket in connections) RawSockets.Close(socket);
        return measured;
    }

    private void ShakeAll(RawSockets sockets, byte[][] hellos, int[] connections, Span<double> times)
    {
        Span<int> ready = stackalloc int[options.Parallel];
        Handshake[] all = new Handshake[hellos.Length];
        int begun = 0, over = 0;
        while (begun < Math.Min(options.Parallel, all.Length)) Begin();
        while (over < all.Length)
        {
            int count = sockets.Wait(ready);
            for (int i = 0; i < count; i++)
            {
                Handshake handshake = all[ready[i]];
                if (!handshake.GoOn()) continue;
                times[handshake.Index] = Stopwatch.GetElapsedTime(handshake.Started).TotalMicroseconds;
                over++;
                if (begun < all.Length) Begin();
            }
        }

        void Begin()
        {
            long started = Stopwatch.GetTimestamp();
            int socket = sockets.Connect(Server.Port, begun);
            RawSockets.Send(socket, _upgrade);
            connections[begun] = socket;
            all[begun] = new Handshake(begun, socket, started, hellos[begun]);
            begun++;
        }
    }

    private sealed class Handshake(int index, int socket, long started, byte[] hello)
    {
        private const int AnswerBytesMax = 1024;

        private readonly byte[] _answer = new byte[AnswerBytesMax];
        private int _count;
        private bool _isUpgraded;
        private bool _isOver;

        public int Index => index;

        public long Started => started;

        /// <summary>Something has come. What comes later is not looked at: the server may ping, and hang up when nobody answers.</summary>
        /// <returns>Whether it is through now.</returns>
        public bool GoOn()
        {
            if (_isOver) return false;
            _count += RawSockets.Receive(socket, _answer.AsSpan(_count));
            ReadOnlySpan<byte> answer = _answer.AsSpan(0, _count);
            if (!_isUpgraded)
            {
                if (answer.IndexOf("\r\n\r\n"u8) < 0) return false;
                if (!answer.StartsWith("HTTP/1.1 101"u8)) throw new IOException(Encoding.Latin1.GetString(answer));
                RawSockets.Send(socket, hello);
                (_isUpgraded, _count) = (true, 0);
                return false;
            }

            if (answer.IndexOf(Hello.Error) >= 0) throw new IOException(Encoding.Latin1.GetString(answer));
            return _isOver = answer.IndexOf(Hello.Peer) >= 0;
        }
    }
}

/// <summary>Asks for paths in turn over connections that stay, one request at a time on each.</summary>
/// <param name="operations">Requests in one round.</param>
internal sealed class RequestLoad(string title, ServerUnderLoad server, int parallel, int operations, string? token, params string[] paths) : Load(title, server)
{
    private readonly byte[][] _requests = [.. paths.Select(path => Encoding.ASCII.GetBytes(
        $"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.Port}\r\n{(token is null ? "" : $"Authorization: Bearer {token}\r\n")}\r\n"))];

    /// <summary>Bytes of the last answer, without its head.</summary>
    public int BodyLength { get; private set; }

    protected override Measurement Run() => Measurement.Run(Server, parallel, operations, (first, times) =>
    {
        byte[] buffer = NewBuffer();
        using Socket socket = Connect();
        for (int i = 0; i < times.Length; i++)
        {
            long started = Stopwatch.GetTimestamp();
            socket.Send(_requests[(first + i) % _requests.Length]);
            BodyLength = ReceiveAnswer(socket, buffer);
            times.Span[i] = Stopwatch.GetElapsedTime(started).TotalMicroseconds;
        }
    });

    private static int ReceiveAnswer(Socket socket, byte[] buffer)
    {
        int count = 0, head;
        while ((head = buffer.AsSpan(0, count).IndexOf("\r\n\r\n"u8)) < 0) count = Receive(socket, buffer, count);
        head += 4;
        if (!buffer.AsSpan(0, head).StartsWith("HTTP/1.1 200"u8)) throw new IOException(Encoding.Latin1.GetString(buffer, 0, count));
        if (ContentLength(buffer.AsSpan(0, head)) is not { } length) return ReceiveChunks(socket, buffer, head, count);
        for (int missing = head + length - count; missing > 0;)
        {
            int received = socket.Receive(buffer);
            missing = received > 0 ? missing - received : throw new IOException("closed within an answer");
        }

        return length;
    }

    // Only tiny answers come like this: their last chunk is the end of what has been received.
    private static int ReceiveChunks(Socket socket, byte[] buffer, int head, int count)
    {
        while (!buffer.AsSpan(head, count - head).EndsWith("0\r\n\r\n"u8)) count = Receive(socket, buffer, count);
        return count - head;
    }

    private static int? ContentLength(ReadOnlySpan<byte> head)
    {
        ReadOnlySpan<byte> name = "Content-Length: "u8;
        int at = head.IndexOf(name);
        if (at < 0) return null;
        ReadOnlySpan<byte> value = head[(at + name.Length)..];
        return int.Parse(value[..value.IndexOf((byte)'\r')], NumberStyles.None, CultureInfo.InvariantCulture);
    }
}
