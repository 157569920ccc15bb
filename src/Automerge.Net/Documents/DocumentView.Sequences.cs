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
        return sequence.TryFindAt(index, sequence.IsText && unit == TextUnit.Utf16, _showing.Past, out place, out inside);
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

    private int WidthOf(SequenceObject sequence, TextUnit unit) => sequence.WidthAt(_showing.Past, sequence.IsText && unit == TextUnit.Utf16);

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
}
