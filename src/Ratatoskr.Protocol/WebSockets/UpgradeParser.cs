using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>
/// Parses the head of an HTTP/1.1 request (RFC 9112): first loosely, whether it is an upgrade to WebSocket at all, and only then strictly,
/// so that we never judge what belongs to the HTTP stack.
/// </summary>
/// <remarks>Strict means: no bare LF, no folded lines, no control characters, token names, one of each field that may come once.</remarks>
internal static class UpgradeParser
{
    private const int KeyTextLength = 24;
    private const int KeyLength = 16;

    private static ReadOnlySpan<byte> Method => "GET "u8;

    // RFC 9110 §5.6.2.
    private static readonly SearchValues<byte> s_tokenBytes =
        SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8);

    // RFC 9110 §5.5: visible ASCII, blank, tab and the upper half are allowed; the rest is not.
    private static readonly SearchValues<byte> s_forbiddenInValue =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Where(b => b != '\t').Select(b => (byte)b), 0x7f]);

    /// <summary>false as soon as the method cannot be GET.</summary>
    public static bool MayBeUpgrade(in ReadOnlySequence<byte> input)
    {
        Span<byte> start = stackalloc byte[Method.Length];
        start = start[..(int)Math.Min(input.Length, Method.Length)];
        input.Slice(0, start.Length).CopyTo(start);
        return Method.StartsWith(start);
    }

    /// <inheritdoc cref="UpgradeRequest.Parse"/>
    public static UpgradeOutcome Parse(
        ReadOnlySpan<byte> bytes, UpgradeLimits limits, out UpgradeRequest? request, out int headLength, out UpgradeRefusal refusal)
    {
        request = null;
        refusal = default;
        switch (Survey(bytes, limits, out headLength))
        {
            case UpgradeOutcome.Upgrade:
                break;
            case UpgradeOutcome.NeedMore when bytes.Length < limits.HeadLengthMax:
                return UpgradeOutcome.NeedMore;
            default:
                return UpgradeOutcome.NotAnUpgrade;
        }

        refusal = Judge(bytes[..headLength], out request);
        return request is null ? UpgradeOutcome.Malformed : UpgradeOutcome.Upgrade;
    }

    // Finds the end of the head, taking any line ending, and whether a line says `Upgrade: websocket`.
    private static UpgradeOutcome Survey(ReadOnlySpan<byte> bytes, UpgradeLimits limits, out int headLength)
    {
        bool upgrade = false;
        headLength = 0;
        for (int count = 0; count <= limits.HeaderCountMax + 1; count++)
        {
            int feed = bytes[headLength..].IndexOf((byte)'\n');
            if (feed < 0) return UpgradeOutcome.NeedMore;
            ReadOnlySpan<byte> line = bytes.Slice(headLength, feed).TrimEnd((byte)'\r');
            headLength += feed + 1;
            if (count == 0) continue;       // the request line
            if (line.IsEmpty) return upgrade ? UpgradeOutcome.Upgrade : UpgradeOutcome.NotAnUpgrade;
            int colon = line.IndexOf((byte)':');
            if (colon > 0 && Ascii.EqualsIgnoreCase(line[..colon], "upgrade"u8)) upgrade |= HasToken(line[(colon + 1)..], "websocket"u8);
        }

        return UpgradeOutcome.NotAnUpgrade;
    }

    private static UpgradeRefusal Judge(ReadOnlySpan<byte> head, out UpgradeRequest? request)
    {
        request = null;
        if (!TryTakeLine(ref head, out ReadOnlySpan<byte> line)) return Bad("line does not end with CR LF");
        if (!TryReadRequestLine(line, out string target, out string? wrong)) return Bad(wrong);

        scoped UpgradeFields fields = default;
        while (true)
        {
            if (!TryTakeLine(ref head, out line)) return Bad("line does not end with CR LF");
            if (line.IsEmpty) break;
            if (!TryReadHeader(line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value, out wrong)) return Bad(wrong);
            if (!fields.TryTake(name, value)) return Bad("a header comes twice that may come once");
        }

        if (fields.Host.IsEmpty) return Bad("Host is missing");
        if (fields.HasBody) return Bad("an upgrade has no body");
        if (!fields.ConnectionSaysUpgrade) return Bad("Connection does not say Upgrade");
        if (!fields.Version.SequenceEqual("13"u8)) return new UpgradeRefusal(426, "Sec-WebSocket-Version must be 13");
        if (!IsKey(fields.Key)) return Bad("Sec-WebSocket-Key is not base64 of 16 bytes");
        int question = target.IndexOf('?', StringComparison.Ordinal);
        request = new UpgradeRequest(question < 0 ? target : target[..question], question < 0 ? "" : target[(question + 1)..], fields);
        return default;
    }

    // GET SP /path?query SP HTTP/1.1
    private static bool TryReadRequestLine(ReadOnlySpan<byte> line, out string target, out string wrong)
    {
        target = "";
        wrong = "request line is not GET, a path and HTTP/1.1";
        if (!line.StartsWith(Method)) return false;
        line = line[Method.Length..];
        int blank = line.IndexOf((byte)' ');
        if (blank <= 0 || !line[(blank + 1)..].SequenceEqual("HTTP/1.1"u8)) return false;
        line = line[..blank];
        if (line[0] != '/' || line.IndexOfAnyExceptInRange((byte)0x21, (byte)0x7e) >= 0 || line.Contains((byte)'#')) return false;
        target = Encoding.ASCII.GetString(line);
        return true;
    }

    private static bool TryReadHeader(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value, out string wrong)
    {
        name = value = default;
        wrong = "folded header line";
        if (line[0] is (byte)' ' or (byte)'\t') return false;
        wrong = "header name is not a token";
        int colon = line.IndexOf((byte)':');
        if (colon <= 0 || line[..colon].ContainsAnyExcept(s_tokenBytes)) return false;
        wrong = "control character in a header";
        value = line[(colon + 1)..].Trim(" \t"u8);
        if (value.ContainsAny(s_forbiddenInValue)) return false;
        name = line[..colon];
        return true;
    }

    private static bool TryTakeLine(ref ReadOnlySpan<byte> head, out ReadOnlySpan<byte> line)
    {
        int feed = head.IndexOf((byte)'\n');
        line = default;
        if (feed < 1 || head[feed - 1] != '\r') return false;
        line = head[..(feed - 1)];
        head = head[(feed + 1)..];
        return true;
    }

    // A comma-separated list, in any case, with blanks.
    internal static bool HasToken(ReadOnlySpan<byte> list, ReadOnlySpan<byte> token)
    {
        foreach (Range part in list.Split((byte)','))
        {
            if (Ascii.EqualsIgnoreCase(list[part].Trim(" \t"u8), token)) return true;
        }

        return false;
    }

    private static bool IsKey(ReadOnlySpan<byte> text)
    {
        Span<byte> bytes = stackalloc byte[KeyLength + 2];
        return text.Length == KeyTextLength && Base64.DecodeFromUtf8(text, bytes, out _, out int written) == OperationStatus.Done && written == KeyLength;
    }

    private static UpgradeRefusal Bad(string reason) => new(400, reason);
}
