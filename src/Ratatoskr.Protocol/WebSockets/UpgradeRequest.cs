using System.Buffers;
using System.Text;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>A sound upgrade to WebSocket (RFC 6455 §4.1): a GET over HTTP/1.1 with a valid key, version 13 and no body.</summary>
/// <remarks>Header values are Latin-1 text without surrounding blanks; nothing is decoded further.</remarks>
public sealed class UpgradeRequest
{
    internal UpgradeRequest(string path, string query, in UpgradeFields fields)
    {
        Path = path;
        Query = query;
        Host = Encoding.Latin1.GetString(fields.Host);
        Key = Encoding.Latin1.GetString(fields.Key);
        Origin = fields.HasOrigin ? Encoding.Latin1.GetString(fields.Origin) : null;
        Authorization = fields.HasAuthorization ? Encoding.Latin1.GetString(fields.Authorization) : null;
        ForwardedFor = fields.ForwardedFor;
    }

    /// <summary>From the first slash to the question mark, percent-encoding as sent.</summary>
    public string Path { get; }

    /// <summary>Behind the question mark, percent-encoding as sent; empty if there is none.</summary>
    public string Query { get; }

    /// <summary>Host and perhaps port, as the client wrote it.</summary>
    public string Host { get; }

    /// <summary>Base64 of 16 bytes; goes into the answer.</summary>
    public string Key { get; }

    /// <summary>The page that opens the socket; null from anything but a browser.</summary>
    public string? Origin { get; }

    /// <summary>A secret: never logged.</summary>
    public string? Authorization { get; }

    /// <summary>As sent, several lines joined: to be believed from trusted proxies only.</summary>
    public string? ForwardedFor { get; }

    /// <summary>Looks at the first bytes of a connection. Nothing is consumed.</summary>
    /// <param name="request">With <see cref="UpgradeOutcome.Upgrade"/>.</param>
    /// <param name="headLength">With <see cref="UpgradeOutcome.Upgrade"/>: bytes up to and with the empty line; frames may follow.</param>
    /// <param name="refusal">With <see cref="UpgradeOutcome.Malformed"/>.</param>
    public static UpgradeOutcome Parse(
        in ReadOnlySequence<byte> input, UpgradeLimits limits, out UpgradeRequest? request, out int headLength, out UpgradeRefusal refusal)
    {
        request = null;
        headLength = 0;
        refusal = default;
        if (!UpgradeParser.MayBeUpgrade(input)) return UpgradeOutcome.NotAnUpgrade;

        int length = (int)Math.Min(input.Length, limits.HeadLengthMax);
        ReadOnlySequence<byte> head = input.Slice(0, length);
        if (head.IsSingleSegment) return UpgradeParser.Parse(head.FirstSpan, limits, out request, out headLength, out refusal);

        byte[] joined = ArrayPool<byte>.Shared.Rent(length);
        try
        {
            head.CopyTo(joined);
            return UpgradeParser.Parse(joined.AsSpan(0, length), limits, out request, out headLength, out refusal);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(joined, clearArray: true);        // may have held a token
        }
    }
}
