using System.Globalization;

namespace Ratatoskr.Http.Contracts;

/// <summary>Times of the API: ISO 8601 in UTC with milliseconds out; any ISO 8601 date or time in, without a zone taken as UTC.</summary>
internal static class ApiTime
{
    public static string Write(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);

    public static string? Write(DateTimeOffset? time) => time is { } set ? Write(set) : null;

    public static bool TryRead(string text, out DateTimeOffset time)
    {
        time = default;
        return text.Length is >= 10 and <= 40 && text.AsSpan(0, 4).IndexOfAnyExceptInRange('0', '9') < 0 && text[4] == '-'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out time);
    }
}
