using System.Text.Unicode;
using Automerge.Operations;

namespace Automerge.Documents;

public sealed partial class DocumentView
{
    /// <summary>Finds the element that shows at an index.</summary>
    /// <param name="sequence">A list or text.</param>
    /// <param name="index">In a text, in <paramref name="unit"/>.</param>
    /// <param name="unit">Says nothing in lists.</param>
    /// <param name="place">Where it is, until the next change.</param>
    /// <param name="inside">How far in the element the index is: a text's element may be several units wide.</param>
    /// <returns>false: there is nothing at the index.</returns>
    internal bool TryFindAt(SequenceObject sequence, int index, TextUnit unit, out ElementPlace place, out int inside)
    {
        bool utf16 = sequence.IsText && unit == TextUnit.Utf16;
        if (_showing.IsNow) return sequence.TryFindAt(index, utf16, out place, out inside);
        (place, inside) = (default, 0);
        if (index < 0) return false;
        SequenceWalk walk = new(_showing, sequence);
        while (walk.MoveNext())
        {
            int width = walk.Width(utf16);
            if (index >= width)
            {
                index -= width;
                continue;
            }

            (int element, inside) = walk.Register is not null ? (0, index) : WithinRun(walk, index, utf16);
            place = walk.PlaceOf(walk.Start + element);
            return true;
        }

        return false;
    }

    /// <summary>Where what shows before an element ends: the index at which the element shows if it does.</summary>
    internal int IndexOf(SequenceObject sequence, in ElementPlace place, TextUnit unit)
    {
        bool utf16 = sequence.IsText && unit == TextUnit.Utf16;
        if (_showing.IsNow)
        {
            SequenceSum sum = sequence.SumBefore(place);
            return utf16 ? sum.Utf16 : sum.Width;
        }

        int index = 0;
        SequenceWalk walk = new(_showing, sequence, WalkStops.All);
        while (walk.MoveNext() && !walk.IsAt(place)) index += walk.Width(utf16);
        int elements = Math.Clamp(place.Element - walk.Start, 0, walk.Count);
        if (!utf16 || walk.Run.Surrogates == 0) return index + elements;
        ReadOnlySpan<byte> bytes = walk.Bytes;
        return index + elements + ElementRun.CountSurrogates(bytes[..walk.Run.OffsetOf(elements, bytes)]);
    }

    private int WidthOf(SequenceObject sequence, TextUnit unit)
    {
        bool utf16 = sequence.IsText && unit == TextUnit.Utf16;
        if (_showing.IsNow) return utf16 ? sequence.Sum.Utf16 : sequence.Sum.Width;
        int width = 0;
        SequenceWalk walk = new(_showing, sequence);
        while (walk.MoveNext()) width += walk.Width(utf16);
        return width;
    }

    private string TextOf(SequenceObject text)
    {
        return string.Create(WidthOf(text, TextUnit.Utf16), (_showing, text), static (chars, of) =>
        {
            SequenceWalk walk = new(of._showing, of.text);
            while (walk.MoveNext())
            {
                Utf8.ToUtf16(walk.Text, chars, out _, out int written);
                chars = chars[written..];
            }
        });
    }

    // Which of the elements of a run of characters is at an index, and how far in it.
    private static (int Element, int Inside) WithinRun(in SequenceWalk walk, int index, bool utf16)
    {
        if (!utf16 || walk.Run.Surrogates == 0) return (index, 0);
        int element = 0;
        ReadOnlySpan<byte> bytes = walk.Bytes;
        for (int at = 0; ; element++)
        {
            int length = ElementRun.Utf8Length(bytes[at]);
            int units = length == 4 ? 2 : 1;
            if (index < units) return (element, index);
            index -= units;
            at += length;
        }
    }
}
