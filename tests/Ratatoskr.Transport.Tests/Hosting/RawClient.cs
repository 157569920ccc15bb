using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Transport.Tests.Hosting;

/// <summary>One frame as a server sent it.</summary>
internal sealed record ServerFrame(Opcode Opcode, byte[] Payload)
{
    public string Text => Encoding.UTF8.GetString(Payload);

    public int CloseCode => BinaryPrimitives.ReadUInt16BigEndian(Payload);
}

/// <summary>A peer that writes every byte itself, so that it can also write wrong ones.</summary>
internal sealed class RawClient(TcpClient tcp) : IDisposable
{
    // Not a promise of speed: what never comes shall fail its test instead of hanging the run.
    private readonly CancellationTokenSource _patience = new(TimeSpan.FromSeconds(60));
    private readonly Stream _stream = tcp.GetStream();

    public TcpClient Tcp => tcp;

    private CancellationToken Cancel => _patience.Token;

    public static string UpgradeRequest(string target, string extra = "") =>
        $"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        + $"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{extra}\r\n";

    /// <summary>A masked frame.</summary>
    public static byte[] Frame(Opcode opcode, ReadOnlySpan<byte> payload, bool fin = true)
    {
        byte[] frame = new byte[FrameReader.ClientHeaderLengthMax + payload.Length];
        int header = FrameWriter.WriteHeader(frame, opcode, payload.Length);
        if (!fin) frame[0] &= 0x7f;
        frame[1] |= 0x80;
        uint key = 0x1b2c3d4e;
        BinaryPrimitives.WriteUInt32LittleEndian(frame.AsSpan(header), key);
        Span<byte> body = frame.AsSpan(header + 4, payload.Length);
        payload.CopyTo(body);
        Masking.Unmask(body, key, 0);
        return frame[..(header + 4 + payload.Length)];
    }

    public Task WriteAsync(string text) => WriteAsync(Encoding.Latin1.GetBytes(text));

    public async Task WriteAsync(byte[] bytes) => await _stream.WriteAsync(bytes, Cancel);

    /// <summary>Reads up to and with an empty line.</summary>
    public async Task<string> ReadHeadAsync()
    {
        StringBuilder head = new();
        byte[] one = new byte[1];
        while (!head.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            if (await _stream.ReadAsync(one, Cancel) == 0) break;
            head.Append((char)one[0]);
        }

        return head.ToString();
    }

    /// <summary>Reads exactly so many bytes.</summary>
    public async Task<byte[]> ReadAsync(int count)
    {
        byte[] bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes, Cancel);
        return bytes;
    }

    public async Task<string> ReadToEndAsync()
    {
        using MemoryStream all = new();
        await _stream.CopyToAsync(all, Cancel);
        return Encoding.Latin1.GetString(all.ToArray());
    }

    public async Task<ServerFrame> ReadFrameAsync()
    {
        byte[] head = await ReadAsync(2);
        Assert.Equal(0x80, head[0] & 0xf0);     // whole, no reserved bits
        Assert.Equal(0, head[1] & 0x80);        // not masked
        long length = head[1] switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(await ReadAsync(2)),
            127 => BinaryPrimitives.ReadInt64BigEndian(await ReadAsync(8)),
            byte small => small,
        };
        return new ServerFrame((Opcode)(head[0] & 0x0f), await ReadAsync((int)length));
    }

    /// <summary>Whether the server hangs up without another byte. A reset counts.</summary>
    public async Task<bool> IsClosedAsync()
    {
        try
        {
            return await _stream.ReadAsync(new byte[1], Cancel) == 0;
        }
        catch (IOException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        tcp.Dispose();
        _patience.Dispose();
    }
}
