using System.Buffers.Binary;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Ratatoskr.Interop.Tests.Peers;
using Ratatoskr.Interop.Tests.Servers;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>How a connection ended, and what was said on it before.</summary>
/// <param name="IsOpen">It has not ended: enough was heard.</param>
/// <param name="Code">Of the close frame; null when there was none.</param>
/// <param name="Reason">Its words.</param>
/// <param name="Frames">Data frames by message type; errors by their code, as <c>error:code</c>.</param>
/// <param name="Pongs">Control frames.</param>
internal sealed record Ending(bool IsOpen, int? Code, string Reason, IReadOnlyDictionary<string, int> Frames, int Pongs)
{
    public int Count(string type) => Frames.GetValueOrDefault(type);

    public override string ToString() =>
        string.Join(", ", [
            .. Frames.OrderBy(pair => pair.Key).Select(pair => $"{pair.Value} {pair.Key}"),
            .. Pongs > 0 ? [$"{Pongs} pongs"] : Array.Empty<string>(),
            .. IsOpen ? Array.Empty<string>() : [Code is null ? "cut" : $"close {Code} ({Reason})"],
        ]);
}

/// <summary>
/// A WebSocket on a blocking socket: bytes made in advance go out as they are, so that an attack costs its client less than its server, and a measured
/// peer has nothing between itself and the socket.
/// </summary>
/// <remarks>One thread writes and one reads.</remarks>
internal sealed class Wire : IDisposable
{
    private const int PatienceMs = 60_000;

    private readonly Socket _socket;
    private readonly Stream _stream;
    private readonly Dictionary<string, int> _frames = [];
    private byte[] _buffer = new byte[4096];
    private int _start, _end;
    private int? _code;
    private string _reason = "";
    private readonly Lock _sending = new();
    private int _pongs;

    private Wire(Socket socket, Stream stream) => (_socket, _stream) = (socket, stream);

    public string PeerId { get; } = $"wire-{Guid.NewGuid():N}";

    /// <summary>The server's peer id, empty before the join.</summary>
    public string ServerId { get; private set; } = "";

    /// <summary>Whether pings that are read are answered.</summary>
    public bool AnswersPings { get; set; } = true;

    public int PingsSeen { get; private set; }

    /// <summary>Opens a TCP connection and says nothing.</summary>
    /// <param name="port">Of the server.</param>
    /// <param name="from">The loopback address to come from.</param>
    /// <param name="tls">Whoever's certificate it is.</param>
    public static Wire Connect(int port, string from = "127.0.0.1", bool tls = false)
    {
        Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = PatienceMs, SendTimeout = PatienceMs };
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.Parse(from), 0));
            socket.Connect(IPAddress.Loopback, port);
            NetworkStream plain = new(socket);
            if (!tls) return new Wire(socket, plain);
            SslStream secure = new(plain, leaveInnerStreamOpen: false);
            secure.AuthenticateAsClient(TlsTrust.Anyone("localhost"));
            return new Wire(socket, secure);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    public static Wire Upgrade(int port, string from = "127.0.0.1", string headers = "", bool tls = false)
    {
        Wire wire = Connect(port, from, tls);
        wire.Send(Encoding.ASCII.GetBytes(
            $"GET /sync HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
            $"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"));
        string answer = wire.ReadHead();
        Assert.StartsWith("HTTP/1.1 101 ", answer, StringComparison.Ordinal);
        Assert.DoesNotContain("permessage-deflate", answer, StringComparison.OrdinalIgnoreCase);
        return wire;
    }

    public static Wire Join(TestServer server, string? token = null) => Join(server.Port, server.UsesTls, token);

    public static Wire Join(int port, bool tls, string? token)
    {
        Wire wire = Upgrade(port, headers: token is null ? "" : $"Authorization: Bearer {token}\r\n", tls: tls);
        wire.Send(Message(Frame.Join(wire.PeerId)));
        while (wire.NextMessage() is { } message)
        {
            Frame frame = Frame.Parse(message);
            if (frame.Type != "peer") continue;
            wire.ServerId = frame.SenderId!;
            return wire;
        }

        throw new ConnectionClosedException($"no peer message: {wire.UntilClosed()}");
    }

    /// <summary>A frame as clients send them, with a mask of zeros.</summary>
    public static byte[] Framed(byte first, ReadOnlySpan<byte> payload)
    {
        byte[] frame = new byte[payload.Length + 14];
        int length = WriteHeader(frame, first, payload.Length);
        payload.CopyTo(frame.AsSpan(length));
        return frame[..(length + payload.Length)];
    }

    public static byte[] Message(ReadOnlySpan<byte> payload) => Framed(0x82, payload);

    /// <summary>Only the header of a binary message of that length.</summary>
    public static byte[] Header(long length)
    {
        byte[] header = new byte[14];
        return header[..WriteHeader(header, 0x82, length)];
    }

    public byte[] Document(string type, string documentId, ReadOnlySpan<byte> data) => Message(Frame.Document(type, PeerId, ServerId, documentId, data));

    public byte[] Sync(string documentId, SyncMessage message) => Document("sync", documentId, message.Encode());

    /// <summary>Whole frames only: whoever reads may answer a ping at any time.</summary>
    /// <exception cref="IOException">The connection is gone.</exception>
    public void Send(ReadOnlySpan<byte> bytes)
    {
        lock (_sending) _stream.Write(bytes);
    }

    /// <returns>false: the connection is gone, or takes nothing for <paramref name="withinMs"/>.</returns>
    public bool TrySend(ReadOnlySpan<byte> bytes, int withinMs = PatienceMs)
    {
        try
        {
            _socket.SendTimeout = withinMs;
            Send(bytes);
            return true;
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>The payload of the next data message; null when the connection has ended. Valid until the next call.</summary>
    public ReadOnlyMemory<byte>? NextMessage()
    {
        while (TryReadFrame(out int opcode, out ReadOnlyMemory<byte> payload))
        {
            switch (opcode)
            {
                case 2:
                    return payload;
                case 8:
                    _code = payload.Length >= 2 ? BinaryPrimitives.ReadUInt16BigEndian(payload.Span) : 1005;
                    _reason = payload.Length > 2 ? Encoding.UTF8.GetString(payload.Span[2..]) : "";
                    TrySend(Framed(0x88, payload.Span));
                    break;
                case 9:
                    PingsSeen++;
                    if (AnswersPings) TrySend(Framed(0x8a, payload.Span));
                    break;
                default:
                    _pongs++;
                    break;
            }
        }

        return null;
    }

    /// <summary>Reads until the server has ended the connection.</summary>
    /// <param name="until">Stops before that, when it returns true; asked after every message.</param>
    public Ending UntilClosed(Func<Ending, bool>? until = null)
    {
        while (NextMessage() is { } message)
        {
            string type = TypeOf(message);
            _frames[type] = _frames.GetValueOrDefault(type) + 1;
            Ending sofar = new(true, _code, _reason, _frames, _pongs);
            if (until?.Invoke(sofar) == true) return sofar;
        }

        return new Ending(false, _code, _reason, _frames, _pongs);
    }

    /// <summary>The same on a thread of its own, while the caller sends.</summary>
    public Task<Ending> ReadInBackground() => Task.Factory.StartNew(() => UntilClosed(), TaskCreationOptions.LongRunning);

    /// <summary>Cuts what a server that waits for us would wait for.</summary>
    public void Shutdown()
    {
        try
        {
            _socket.Shutdown(SocketShutdown.Send);
        }
        catch (SocketException)
        {
            // gone already
        }
    }

    /// <summary>All that comes until the other side closes; for what is not a WebSocket.</summary>
    public string UntilEnd()
    {
        StringBuilder text = new();
        while (Fill()) { }
        text.Append(Encoding.Latin1.GetString(_buffer, _start, _end - _start));
        return text.ToString();
    }

    /// <summary>Whether the other side has closed or reset it, as far as is known after waiting so long.</summary>
    public bool HasEnded(int withinMs)
    {
        try
        {
            return _socket.Poll(withinMs * 1000, SelectMode.SelectRead) && _socket.Available == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        _socket.Dispose();
        _stream.Dispose();
    }

    private static string TypeOf(ReadOnlyMemory<byte> message)
    {
        if (message.Length > 4096) return "large";
        Frame frame = Frame.Parse(message);
        return frame.Type is "error" or "auth_error" ? $"{frame.Type}:{frame.Error ?? frame.Message}" : frame.Type;
    }

    private static int WriteHeader(Span<byte> header, byte first, long length)
    {
        header[0] = first;
        switch (length)
        {
            case < 126:
                header[1] = (byte)(0x80 | length);
                return 6;
            case <= ushort.MaxValue:
                header[1] = 0x80 | 126;
                BinaryPrimitives.WriteUInt16BigEndian(header[2..], (ushort)length);
                return 8;
            default:
                header[1] = 0x80 | 127;
                BinaryPrimitives.WriteInt64BigEndian(header[2..], length);
                return 14;
        }
    }

    private string ReadHead()
    {
        while (true)
        {
            int end = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                string head = Encoding.ASCII.GetString(_buffer, _start, end + 4);
                _start += end + 4;
                return head;
            }

            if (!Fill()) return Encoding.ASCII.GetString(_buffer, _start, _end - _start);
        }
    }

    // Servers send one frame a message, not masked.
    private bool TryReadFrame(out int opcode, out ReadOnlyMemory<byte> payload)
    {
        opcode = 0;
        payload = default;
        while (true)
        {
            ReadOnlySpan<byte> bytes = _buffer.AsSpan(_start, _end - _start);
            if (bytes.Length >= 2)
            {
                int header = bytes[1] switch { < 126 => 2, 126 => 4, _ => 10 };
                if (bytes.Length >= header)
                {
                    long length = header switch { 2 => bytes[1], 4 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]), _ => BinaryPrimitives.ReadInt64BigEndian(bytes[2..]) };
                    if (bytes.Length >= header + length)
                    {
                        opcode = bytes[0] & 0xf;
                        payload = _buffer.AsMemory(_start + header, (int)length);
                        _start += header + (int)length;
                        return true;
                    }
                }
            }

            if (!Fill()) return false;
        }
    }

    private bool Fill()
    {
        if (_end == _buffer.Length)
        {
            byte[] larger = _start > _buffer.Length / 2 ? _buffer : new byte[_buffer.Length * 2];
            Buffer.BlockCopy(_buffer, _start, larger, 0, _end - _start);
            (_buffer, _end, _start) = (larger, _end - _start, 0);
        }

        try
        {
            int count = _stream.Read(_buffer.AsSpan(_end));
            _end += count;
            return count > 0;
        }
        catch (IOException e) when (e.InnerException is SocketException { SocketErrorCode: SocketError.TimedOut })
        {
            throw new TimeoutException($"{PeerId} heard nothing for {PatienceMs / 1000} s");
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            return false;           // reset: ended as well
        }
    }
}
