using System.Globalization;

namespace Automerge.Documents;

/// <summary>One step from an old text to a new one.</summary>
/// <param name="OldStart">Where in the old text it begins, in UTF-16 units.</param>
/// <param name="OldLength">How much of the old text it is about.</param>
/// <param name="NewStart">Where in the new text.</param>
/// <param name="NewLength">How much of the new text.</param>
/// <param name="IsEqual">Whether the two are the same; otherwise one of them is empty.</param>
internal readonly record struct DifferenceStep(int OldStart, int OldLength, int NewStart, int NewLength, bool IsEqual);

/// <summary>
/// A shortest way from one text to another by deleting and inserting, in what people see as characters (grapheme clusters). Myers' algorithm in linear space, walking
/// its diagonals in the order in which 3.5.0 does, so that the same texts give the same edits.
/// </summary>
/// <remarks>E. W. Myers, "An O(ND) difference algorithm and its variations", Algorithmica 1 (1986), section 4b.</remarks>
internal sealed class TextDifference
{
    /// <summary>
    /// Half of the edits that are looked for between two texts without anything in common: beyond, the stretch is replaced whole. The search costs the square of this,
    /// 4 M steps, and nobody types 4,096 edits at once.
    /// </summary>
    private const int HalfEditsMax = 2048;

    private readonly List<DifferenceStep> _steps = [];
    private readonly int[] _old;
    private readonly int[] _new;
    private readonly int[] _oldOffsets;
    private readonly int[] _newOffsets;

    // Furthest places reached on each diagonal, forward from the beginning and backward from the end.
    private readonly int[] _forward;
    private readonly int[] _backward;
    private readonly int _middle;

    private TextDifference(ReadOnlySpan<char> oldText, ReadOnlySpan<char> newText)
    {
        Dictionary<string, int> clusters = [];
        (_old, _oldOffsets) = Split(oldText, clusters);
        (_new, _newOffsets) = Split(newText, clusters);
        _middle = Math.Min(HalfEditsMax, ((_old.Length + _new.Length + 1) / 2) + 1) + 1;
        _forward = new int[(2 * _middle) + 1];
        _backward = new int[(2 * _middle) + 1];
    }

    /// <summary>The steps, from the beginning to the end.</summary>
    public static List<DifferenceStep> Between(ReadOnlySpan<char> oldText, ReadOnlySpan<char> newText)
    {
        TextDifference difference = new(oldText, newText);
        difference.Solve(0, difference._old.Length, 0, difference._new.Length);
        return difference._steps;
    }

    // Numbers equal clusters equally: those of one unit by the unit.
    private static (int[] Clusters, int[] Offsets) Split(ReadOnlySpan<char> text, Dictionary<string, int> numbers)
    {
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> lookup = numbers.GetAlternateLookup<ReadOnlySpan<char>>();
        List<int> clusters = new(text.Length), offsets = new(text.Length + 1);
        int at = 0;
        while (at < text.Length)
        {
            int length = StringInfo.GetNextTextElementLength(text[at..]);
            ReadOnlySpan<char> cluster = text.Slice(at, length);
            int number = cluster[0];
            if (length > 1 && !lookup.TryGetValue(cluster, out number)) lookup[cluster] = number = char.MaxValue + 1 + numbers.Count;
            clusters.Add(number);
            offsets.Add(at);
            at += length;
        }

        offsets.Add(at);
        return ([.. clusters], [.. offsets]);
    }

    // Each call halves the edits that are left, so this goes no deeper than their logarithm.
    private void Solve(int oldStart, int oldEnd, int newStart, int newEnd)
    {
        int prefix = _old.AsSpan(oldStart, oldEnd - oldStart).CommonPrefixLength(_new.AsSpan(newStart, newEnd - newStart));
        Add(oldStart, oldStart + prefix, newStart, newStart + prefix, isEqual: true);
        oldStart += prefix;
        newStart += prefix;
        int suffix = CommonSuffix(oldStart, oldEnd, newStart, newEnd);
        oldEnd -= suffix;
        newEnd -= suffix;

        if (oldStart < oldEnd && newStart < newEnd && TryFindMiddle(oldStart, oldEnd, newStart, newEnd, out int oldMiddle, out int newMiddle))
        {
            Solve(oldStart, oldMiddle, newStart, newMiddle);
            Solve(oldMiddle, oldEnd, newMiddle, newEnd);
        }
        else
        {
            Add(oldStart, oldEnd, newStart, newStart, isEqual: false);
            Add(oldEnd, oldEnd, newStart, newEnd, isEqual: false);
        }

        Add(oldEnd, oldEnd + suffix, newEnd, newEnd + suffix, isEqual: true);
    }

    // Walks from both ends at once until the ways meet: a place that some shortest way passes.
    private bool TryFindMiddle(int oldStart, int oldEnd, int newStart, int newEnd, out int oldMiddle, out int newMiddle)
    {
        int oldLength = oldEnd - oldStart, newLength = newEnd - newStart;
        int delta = oldLength - newLength;
        bool isOdd = (delta & 1) != 0;
        int most = Math.Min(HalfEditsMax, ((oldLength + newLength + 1) / 2) + 1);
        _forward[_middle + 1] = 0;
        _backward[_middle + 1] = 0;
        for (int edits = 0; edits < most; edits++)
        {
            for (int diagonal = edits; diagonal >= -edits; diagonal -= 2)
            {
                int x = Advance(_forward, diagonal, edits), y = x - diagonal;
                (oldMiddle, newMiddle) = (oldStart + x, newStart + y);
                if (x < oldLength && y < newLength) x += _old.AsSpan(oldStart + x, oldLength - x).CommonPrefixLength(_new.AsSpan(newStart + y, newLength - y));
                _forward[_middle + diagonal] = x;
                if (isOdd && Math.Abs(diagonal - delta) <= edits - 1 && x + _backward[_middle + delta - diagonal] >= oldLength) return true;
            }

            for (int diagonal = edits; diagonal >= -edits; diagonal -= 2)
            {
                int x = Advance(_backward, diagonal, edits), y = x - diagonal;
                if (x < oldLength && y < newLength)
                {
                    int same = CommonSuffix(oldStart, oldEnd - x, newStart, newEnd - y);
                    x += same;
                    y += same;
                }

                _backward[_middle + diagonal] = x;
                (oldMiddle, newMiddle) = (oldEnd - x, newEnd - y);
                if (!isOdd && Math.Abs(diagonal - delta) <= edits && x + _forward[_middle + delta - diagonal] >= oldLength) return true;
            }
        }

        (oldMiddle, newMiddle) = (0, 0);
        return false;
    }

    // From the neighbouring diagonal that is further on: down from the one above, or right from the one below.
    private int Advance(int[] reached, int diagonal, int edits)
    {
        int below = _middle + diagonal - 1, above = _middle + diagonal + 1;
        bool fromAbove = diagonal == -edits || (diagonal != edits && reached[below] < reached[above]);
        return fromAbove ? reached[above] : reached[below] + 1;
    }

    private int CommonSuffix(int oldStart, int oldEnd, int newStart, int newEnd)
    {
        int length = 0, most = Math.Min(oldEnd - oldStart, newEnd - newStart);
        while (length < most && _old[oldEnd - 1 - length] == _new[newEnd - 1 - length]) length++;
        return length;
    }

    private void Add(int oldStart, int oldEnd, int newStart, int newEnd, bool isEqual)
    {
        if (oldStart == oldEnd && newStart == newEnd) return;
        int from = _oldOffsets[oldStart], start = _newOffsets[newStart];
        _steps.Add(new DifferenceStep(from, _oldOffsets[oldEnd] - from, start, _newOffsets[newEnd] - start, isEqual));
    }
}
