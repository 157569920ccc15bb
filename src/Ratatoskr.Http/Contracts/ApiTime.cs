using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics;
using System.Globalization;

namespace Ratatoskr.Http.Contracts;

/// <summary>Times of the API: ISO 8601 in UTC with milliseconds out; any ISO 8601 date or time in, without a zone taken as UTC.</summary>
internal static class ApiTime
{
    public static string Write(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    /// <summary>Bytes that <see cref="Write(long, Span{byte})"/> may need.</summary>
    public const int LengthMax = 32;

    /// <summary>The same, of unix milliseconds and in UTF-8.</summary>
    /// <returns>How many bytes.</returns>
    public static int Write(long unixMs, Span<byte> utf8)
    {
        // Seven digits of a second, and the zone that DateTime names for UTC: three of them stay, and Z.
        const int MillisecondsEnd = 23;
        bool written = Utf8Formatter.TryFormat(DateTimeOffset.FromUnixTimeMilliseconds(unixMs).UtcDateTime, utf8, out _, new StandardFormat('O'));
        Debug.Assert(written, "28 bytes for any time");
        utf8[MillisecondsEnd] = (byte)'Z';
        return MillisecondsEnd + 1;
    }

    public static string? Write(DateTimeOffset? time) => time is { } set ? Write(set) : null;

    public static bool TryRead(string text, out DateTimeOffset time)
    {
        time = default;
        return text.Length is >= 10 and <= 40 && text.AsSpan(0, 4).IndexOfAnyExceptInRange('0', '9') < 0 && text[4] == '-'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
    }
}
