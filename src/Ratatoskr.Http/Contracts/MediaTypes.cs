using System.Text.RegularExpressions;

namespace Ratatoskr.Http.Contracts;

/// <summary>Media types as uploaders name them: any may be stored, and goes out as it came in, so it must be one header value and nothing else.</summary>
internal static partial class MediaTypes
{
    public const int LengthMax = 200;

    // What a browser shows without running anything of it. No SVG, no XML, no PDF.
    private static readonly HashSet<string> s_shown = new(StringComparer.OrdinalIgnoreCase) { "image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp", "text/plain" };

    /// <summary>type/subtype (RFC 6838) with parameters (RFC 9110), in ASCII.</summary>
    public static bool IsValid(string text) => text.Length is > 0 and <= LengthMax && Pattern().IsMatch(text);

    /// <summary>Whether a page may show it in place. All else is downloaded.</summary>
    public static bool MayBeShown(string text)
    {
        ReadOnlySpan<char> bare = text.AsSpan(0, text.AsSpan().IndexOf(';') is var end and >= 0 ? end : text.Length).TrimEnd();
        return s_shown.GetAlternateLookup<ReadOnlySpan<char>>().Contains(bare)
            || bare.StartsWith("audio/", StringComparison.OrdinalIgnoreCase) || bare.StartsWith("video/", StringComparison.OrdinalIgnoreCase);
    }

    [GeneratedRegex("""\A[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*([ \t]*;[ \t]*[A-Za-z0-9!#$%&'*+.^_`|~-]+=([A-Za-z0-9!#$%&'*+.^_`|~-]+|"([ !#-\[\]-~]|\\[ -~])*"))*\z""", RegexOptions.CultureInvariant)]
    private static partial Regex Pattern();
}
