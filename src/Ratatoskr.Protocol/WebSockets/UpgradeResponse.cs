using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text;
using System.Text.Unicode;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>Answers to an <see cref="UpgradeRequest"/>: 101 without extensions or subprotocol, or a refusal that closes.</summary>
public static class UpgradeResponse
{
    /// <summary>Bytes; room for every answer.</summary>
    public const int LengthMax = 640;

    private const int ReasonLengthMax = 256;
    private const int KeyTextLength = 24;
    private const int AcceptLength = 28;

    /// <summary>Writes 101; returns its length.</summary>
    /// <param name="key"><see cref="UpgradeRequest.Key"/>.</param>
    public static int Write(Span<byte> destination, string key)
    {
        Span<byte> accept = stackalloc byte[AcceptLength];
        WriteAccept(accept, key);
        int length = 0;
        Append(destination, ref length, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "u8);
        Append(destination, ref length, accept);
        Append(destination, ref length, "\r\n\r\n"u8);
        return length;
    }

    /// <summary>The value of <c>Sec-WebSocket-Accept</c>, for an answer that someone else writes.</summary>
    /// <param name="key">24 characters, as in <see cref="UpgradeRequest.Key"/>.</param>
    public static string Accept(string key)
    {
        Span<byte> accept = stackalloc byte[AcceptLength];
        WriteAccept(accept, key);
        return Encoding.ASCII.GetString(accept);
    }

    /// <summary>Writes a refusal with its reason as plain text; the connection is closed behind it. Returns its length.</summary>
    /// <param name="status">400, 401, 403, 404, 408, 426, 429 or 503; 426 names the version we speak.</param>
    /// <param name="reason">ASCII; cut after 256 characters.</param>
    public static int WriteRefusal(Span<byte> destination, int status, ReadOnlySpan<char> reason)
    {
        reason = reason[..Math.Min(reason.Length, ReasonLengthMax)];
        string version = status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" : "";
        string connection = status == 426 ? "Upgrade, close" : "close";
        bool fits = Utf8.TryWrite(
            destination,
            $"HTTP/1.1 {status} {Phrase(status)}\r\nConnection: {connection}\r\n{version}Content-Type: text/plain\r\nContent-Length: {reason.Length}\r\n\r\n",
            out int length);
        if (!fits || destination.Length - length < reason.Length) ThrowHelper.DestinationTooShort();
        return length + Encoding.ASCII.GetBytes(reason, destination[length..]);
    }

    // RFC 6455 §4.2.2: base64 of SHA-1 of the key and a fixed GUID.
    [SuppressMessage("Security", "CA5350", Justification = "The RFC names SHA-1; it guards nothing here but against caches.")]
    private static void WriteAccept(Span<byte> accept, string key)
    {
        ReadOnlySpan<byte> guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8;
        Span<byte> text = stackalloc byte[KeyTextLength + guid.Length];
        if (key.Length != KeyTextLength) throw new ArgumentException("not the key of a checked request", nameof(key));
        Encoding.ASCII.GetBytes(key, text);
        guid.CopyTo(text[KeyTextLength..]);
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
        SHA1.HashData(text, hash);
        Base64.EncodeToUtf8(hash, accept, out _, out _);
    }

    private static void Append(Span<byte> destination, ref int length, ReadOnlySpan<byte> bytes)
    {
        if (!bytes.TryCopyTo(destination[length..])) ThrowHelper.DestinationTooShort();
        length += bytes.Length;
    }

    private static string Phrase(int status) => status switch
    {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        408 => "Request Timeout",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Refused",
    };
}
