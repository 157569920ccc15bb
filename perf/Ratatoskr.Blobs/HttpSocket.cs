using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Ratatoskr.Blobs;

/// <summary>An HTTP client that costs next to nothing: a blocking socket and one buffer, one request at a time.</summary>
internal sealed class HttpSocket : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[256 << 10];
    private readonly string _headers;
    private int _count;

    public HttpSocket(int port, string token)
    {
        _headers = $"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n";
        _socket.Connect(IPAddress.Loopback, port);
    }

    /// <summary>The head of a request; its body follows.</summary>
    public void SendHead(string method, string path, string contentType, long length) =>
        Send(HeadOf(method, path, contentType, length));

    /// <summary>A request with its body in one go, as a client sends what is small.</summary>
    public void SendWhole(string method, string path, string contentType, ReadOnlySpan<byte> body) => Send([.. HeadOf(method, path, contentType, body.Length), .. body]);

    public void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty) bytes = bytes[_socket.Send(bytes)..];
    }

    /// <summary>A request and the text of its answer.</summary>
    public string Ask(string method, string path, string json = "")
    {
        SendHead(method, path, "application/json", json.Length);
        Send(Encoding.ASCII.GetBytes(json));
        return Answer();
    }

    /// <summary>The text of an answer of success.</summary>
    public string Answer()
    {
        StringBuilder body = new();
        Receive(bytes => body.Append(Encoding.UTF8.GetString(bytes)));
        return body.ToString();
    }

    /// <summary>Takes an answer of success as it comes.</summary>
    public void Receive(Piece piece)
    {
        int head;
        while ((head = _buffer.AsSpan(0, _count).IndexOf("\r\n\r\n"u8)) < 0) Fill(_count);
        head += 4;
        string text = Encoding.ASCII.GetString(_buffer, 0, head);
        long missing = LengthIn(text);
        int first = (int)Math.Min(_count - head, missing);
        piece(_buffer.AsSpan(head, first));
        missing -= first;
        _count = 0;
        while (missing > 0)
        {
            Fill(0);
            piece(_buffer.AsSpan(0, _count));
            missing -= _count;
            _count = 0;
        }

        if (text[9] != '2') throw new IOException($"refused: {text}");
    }

    public void Dispose() => _socket.Dispose();

    public delegate void Piece(ReadOnlySpan<byte> bytes);

    private static long LengthIn(string head)
    {
        const string Name = "Content-Length: ";
        int start = head.IndexOf(Name, StringComparison.OrdinalIgnoreCase);
        if (start < 0) return head.Contains(" 204 ", StringComparison.Ordinal) ? 0 : throw new IOException($"an answer of unknown length: {head}");
        start += Name.Length;
        return long.Parse(head.AsSpan(start, head.IndexOf('\r', start) - start), NumberStyles.None, CultureInfo.InvariantCulture);
    }

    private byte[] HeadOf(string method, string path, string contentType, long length) =>
        Encoding.ASCII.GetBytes($"{method} /api/v1{path} HTTP/1.1\r\n{_headers}Content-Type: {contentType}\r\nContent-Length: {length}\r\n\r\n");

    private void Fill(int from)
    {
        int received = _socket.Receive(_buffer.AsSpan(from));
        _count = received > 0 ? from + received : throw new IOException("the server has hung up");
    }
}
