using System.Text;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Fuzzing.Tests.Frames;

/// <summary>RFC 6455 read the slow, obvious way, from all bytes at once: what the quick reader must make of them however they arrive.</summary>
internal static class PlainFrames
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    /// <returns>The events, and the code of the error that ends them; null when there is none.</returns>
    public static (List<string> Events, CloseCode? Error) Read(byte[] bytes, int messageLengthMax)
    {
        List<string> events = [];
        List<byte> message = [];
        int kind = 0, at = 0;
        while (bytes.Length - at >= 2)
        {
            bool fin = bytes[at] >= 0x80, isMasked = bytes[at + 1] >= 0x80;
            int reserved = (bytes[at] >> 4) & 7, opcode = bytes[at] & 15, length7 = bytes[at + 1] & 0x7f;
            bool isControl = opcode >= 8;
            if (reserved != 0 || !isMasked || opcode is (> 2 and < 8) or > 10 || (isControl && (!fin || length7 > 125))) return (events, CloseCode.ProtocolError);
            int lengthBytes = length7 switch { 126 => 2, 127 => 8, _ => 0 };
            if (bytes.Length - at < 2 + lengthBytes + 4) break;
            ulong length = (ulong)length7;
            if (lengthBytes > 0)
            {
                length = 0;
                for (int i = 0; i < lengthBytes; i++) length = (length << 8) | bytes[at + 2 + i];
                if (length >> 63 != 0 || length < (lengthBytes == 2 ? 126UL : 65536UL)) return (events, CloseCode.ProtocolError);
            }

            int key = at + 2 + lengthBytes, start = key + 4;
            ulong here = Math.Min(length, (ulong)(bytes.Length - start));
            if (isControl)
            {
                if (here < length) break;
                if (opcode == 8) return ReadClose(events, Unmask(bytes, key, start, (int)length));
                events.Add($"{(opcode == 9 ? "Ping" : "Pong")} {Convert.ToHexString(Unmask(bytes, key, start, (int)length))}");
                at = start + (int)length;
                continue;
            }

            if ((opcode == 0) != (kind != 0)) return (events, CloseCode.ProtocolError);
            if (opcode != 0) kind = opcode;
            if (length > (ulong)(messageLengthMax - message.Count)) return (events, CloseCode.MessageTooBig);
            if (here < length) break;
            message.AddRange(Unmask(bytes, key, start, (int)length));
            at = start + (int)length;
            if (!fin) continue;
            if (kind == 1 && !IsUtf8([.. message])) return (events, CloseCode.InvalidPayload);
            events.Add($"{(kind == 1 ? "Text" : "Binary")} {Convert.ToHexString([.. message])}");
            message.Clear();
            kind = 0;
        }

        return (events, null);
    }

    private static (List<string> Events, CloseCode? Error) ReadClose(List<string> events, byte[] payload)
    {
        int code = payload.Length < 2 ? 1005 : (payload[0] << 8) | payload[1];
        if (payload.Length == 1 || (payload.Length > 1 && !(code is >= 1000 and <= 1014 and not (1004 or 1005 or 1006) or >= 3000 and < 5000))) return (events, CloseCode.ProtocolError);
        byte[] reason = payload.Length < 2 ? [] : payload[2..];
        if (!IsUtf8(reason)) return (events, CloseCode.InvalidPayload);
        events.Add($"Close {code} {Convert.ToHexString(reason)}");
        return (events, null);
    }

    private static byte[] Unmask(byte[] bytes, int key, int start, int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(bytes[start + i] ^ bytes[key + (i % 4)]))];

    private static bool IsUtf8(byte[] bytes)
    {
        try
        {
            Strict.GetCharCount(bytes);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }
}
