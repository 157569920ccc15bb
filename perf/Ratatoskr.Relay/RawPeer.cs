using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Relay;

/// <summary>A WebSocket client that costs next to nothing: a blocking socket and one buffer.</summary>
/// <remarks>One thread reads; any may send, one at a time.</remarks>
internal sealed class RawPeer : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly byte[] _buffer = new byte[1 << 20];
    private int _start;
    private int _end;

    public RawPeer(int port, string peerId)
    {
        PeerId = peerId;
        _socket.Connect(IPAddress.Loopback, port);
        _socket.Send(Encoding.ASCII.GetBytes(
            $"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
        int headEnd;
        while ((headEnd = _buffer.AsSpan(0, _end).IndexOf("\r\n\r\n"u8)) < 0) Fill();
        _start = headEnd + 4;
    }

    public string PeerId { get; }

    /// <summary>A whole binary message, masked with zeros: RFC 6455 asks for a mask, and any will do.</summary>
    public static byte[] Frame(ReadOnlySpan<byte> message)
    {
        byte[] frame = new byte[(message.Length < 126 ? 6 : 8) + message.Length];
        frame[0] = 0x82;
        if (message.Length < 126)
        {
            frame[1] = (byte)(0x80 | message.Length);
        }
        else
        {
            frame[1] = 0x80 | 126;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), checked((ushort)message.Length));
        }

        message.CopyTo(frame.AsSpan(frame.Length - message.Length));
        return frame;
    }

    /// <summary>automerge-repo's hello.</summary>
    /// <returns>The server's peer id.</returns>
    public string Join()
    {
        byte[] join = new byte[512];
        Send(Frame(join.AsSpan(0, MessageWriter.WriteJoin(join, Encoding.ASCII.GetBytes(PeerId), default))));
        ReadOnlySpan<byte> answer = Read();
        if (MessageReader.Read(answer, out RepoMessage peer, out string? why) != ReadOutcome.Message || peer.Kind != MessageKind.Peer) throw new InvalidDataException(why ?? $"{peer.Kind} instead of peer");
        return Encoding.ASCII.GetString(peer.SenderId.In(answer));
    }

    public void Send(ReadOnlySpan<byte> frame)
    {
        while (!frame.IsEmpty) frame = frame[_socket.Send(frame)..];
    }

    /// <summary>The next message; good until the next call. Waits for it.</summary>
    public ReadOnlySpan<byte> Read()
    {
        while (true)
        {
            ReadOnlySpan<byte> bytes = _buffer.AsSpan(_start, _end - _start);
            if (bytes.Length >= 2)
            {
                int header = bytes[1] switch { 126 => 4, 127 => 10, _ => 2 };
                if (bytes.Length >= header)
                {
                    int length = bytes[1] switch
                    {
                        126 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
                        127 => checked((int)BinaryPrimitives.ReadUInt64BigEndian(bytes[2..])),
                        _ => bytes[1],
                    };
                    if (bytes.Length >= header + length)
                    {
                        _start += header + length;
                        if ((bytes[0] & 0x0F) == 2) return bytes.Slice(header, length);
                        if ((bytes[0] & 0x0F) == 8) throw new IOException("the server has closed: " + Encoding.UTF8.GetString(bytes.Slice(header + 2, length - 2)));
                        continue;
                    }
                }
            }

            Fill();
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        int read = _socket.Receive(_buffer.AsSpan(_end));
        if (read == 0) throw new IOException("the server has hung up");
        _end += read;
    }
}
