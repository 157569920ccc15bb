using System.Globalization;

namespace Ratatoskr.Http.Contracts;

/// <summary>A part of something, both ends included.</summary>
internal readonly record struct ByteRange(long First, long Last)
{
    public long Length => Last - First + 1;
}

/// <summary>Reads <c>Range</c> (RFC 9110 §14.2).</summary>
internal static class ByteRanges
{
    /// <summary>More than these are no way to read a file; they are answered with all of it.</summary>
    public const int CountMax = 16;

    private const string Unit = "bytes=";

    /// <param name="length">Of the whole; at least 1.</param>
    /// <returns>null: it says nothing, and all is to be sent; empty: there is none of what it wants. In its order otherwise.</returns>
    public static IReadOnlyList<ByteRange>? Read(string header, long length)
    {
        if (!header.StartsWith(Unit, StringComparison.OrdinalIgnoreCase)) return null;
        List<ByteRange> ranges = [];
        int count = 0;
        long total = 0;
        ReadOnlySpan<char> set = header.AsSpan(Unit.Length);
        foreach (Range piece in set.Split(','))
        {
            ReadOnlySpan<char> text = set[piece].Trim(" \t");
            if (text.IsEmpty) continue;                          // a list may have empty elements (§5.6.1.2)
            if (++count > CountMax || !TryRead(text, length, out ByteRange? range)) return null;
            if (range is not { } found) continue;
            ranges.Add(found);
            total += found.Length;
        }

        // Who wants some of it twice gets no more than all of it once.
        return count == 0 || total > length ? null : ranges;
    }

    private static bool TryRead(ReadOnlySpan<char> text, long length, out ByteRange? range)
    {
        range = null;
        int dash = text.IndexOf('-');
        if (dash < 0) return false;
        ReadOnlySpan<char> first = text[..dash], last = text[(dash + 1)..];
        if (first.IsEmpty)
        {
            if (!TryNumber(last, out long suffix)) return false;
            if (suffix > 0) range = new ByteRange(Math.Max(0, length - suffix), length - 1);
            return true;
        }

        long to = long.MaxValue;
        if (!TryNumber(first, out long from) || (!last.IsEmpty && !TryNumber(last, out to)) || to < from) return false;
        if (from < length) range = new ByteRange(from, Math.Min(to, length - 1));
        return true;
    }

    // However many digits: more than there are bytes anywhere is as good as the largest number.
    private static bool TryNumber(ReadOnlySpan<char> digits, out long number)
    {
        number = 0;
        if (digits.IsEmpty || digits.ContainsAnyExceptInRange('0', '9')) return false;
        if (!long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out number)) number = long.MaxValue;
        return true;
    }
}
