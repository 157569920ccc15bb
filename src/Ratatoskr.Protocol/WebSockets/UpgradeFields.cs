using System.Text;

namespace Ratatoskr.Protocol.WebSockets;

/// <summary>The header fields of an upgrade that mean something to us, where they stand in its head; the others are looked at and passed over.</summary>
internal ref struct UpgradeFields
{
    private Once _seen;

    // Those that may come once; twice they would be read differently by us and by whoever stands before us.
    [Flags]
    private enum Once : byte
    {
        None = 0,
        Host = 1,
        Origin = 2,
        Authorization = 4,
        Key = 8,
        Version = 16,
        ContentLength = 32,
    }

    public ReadOnlySpan<byte> Host { get; private set; }

    public ReadOnlySpan<byte> Key { get; private set; }

    public ReadOnlySpan<byte> Version { get; private set; }

    public ReadOnlySpan<byte> Origin { get; private set; }

    public ReadOnlySpan<byte> Authorization { get; private set; }

    /// <summary>Lines are joined as RFC 9110 §5.3 allows; null when there are none.</summary>
    public string? ForwardedFor { get; private set; }

    public bool ConnectionSaysUpgrade { get; private set; }

    public bool HasBody { get; private set; }

    public readonly bool HasOrigin => (_seen & Once.Origin) != 0;

    public readonly bool HasAuthorization => (_seen & Once.Authorization) != 0;

    /// <summary>Takes one header line.</summary>
    /// <param name="name">In any case.</param>
    /// <param name="value">Without surrounding blanks.</param>
    /// <returns>false: it has come before and may come once.</returns>
    public bool TryTake(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        switch (name.Length)
        {
            case 4 when Ascii.EqualsIgnoreCase(name, "Host"u8):
                Host = value;
                return IsFirst(Once.Host);
            case 6 when Ascii.EqualsIgnoreCase(name, "Origin"u8):
                Origin = value;
                return IsFirst(Once.Origin);
            case 10 when Ascii.EqualsIgnoreCase(name, "Connection"u8):
                ConnectionSaysUpgrade |= UpgradeParser.HasToken(value, "upgrade"u8);
                return true;
            case 13 when Ascii.EqualsIgnoreCase(name, "Authorization"u8):
                Authorization = value;
                return IsFirst(Once.Authorization);
            case 14 when Ascii.EqualsIgnoreCase(name, "Content-Length"u8):
                HasBody |= !value.SequenceEqual("0"u8);
                return IsFirst(Once.ContentLength);
            case 15 when Ascii.EqualsIgnoreCase(name, "X-Forwarded-For"u8):
                string line = Encoding.Latin1.GetString(value);
                ForwardedFor = ForwardedFor is null ? line : ForwardedFor + ", " + line;
                return true;
            case 17 when Ascii.EqualsIgnoreCase(name, "Sec-WebSocket-Key"u8):
                Key = value;
                return IsFirst(Once.Key);
            case 17 when Ascii.EqualsIgnoreCase(name, "Transfer-Encoding"u8):
                HasBody = true;
                return true;
            case 21 when Ascii.EqualsIgnoreCase(name, "Sec-WebSocket-Version"u8):
                Version = value;
                return IsFirst(Once.Version);
            default:
                return true;
        }
    }

    private bool IsFirst(Once field)
    {
        bool isFirst = (_seen & field) == 0;
        _seen |= field;
        return isFirst;
    }
}
