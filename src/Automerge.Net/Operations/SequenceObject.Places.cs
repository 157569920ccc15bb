using System.Text;
using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>Where something can be inserted, and where things were in the past.</summary>
internal sealed partial class SequenceObject
{
    private readonly List<LocalId> _marksPassed = [];

    /// <summary>How wide the sequence was in a past.</summary>
    public int WidthAt(CausalPast past, bool utf16)
    {
        if (past.IsEverything) return WidthOf(Root.Sum, utf16);
        int width = 0;
        for (SequenceLeaf? leaf = First; leaf is not null; leaf = leaf.Next)
        {
            for (int i = 0; i < leaf.Count; i++) width += WidthAt(leaf, i, past, utf16);
        }

        return width;
    }

    /// <summary>As <see cref="TryFindAt(int, bool, out ElementPlace, out int)"/>, in a past: a walk from the beginning.</summary>
    public bool TryFindAt(int index, bool utf16, CausalPast past, out ElementPlace place, out int inside)
    {
        if (past.IsEverything) return TryFindAt(index, utf16, out place, out inside);
        (place, inside) = (default, 0);
        if (index < 0) return false;
        for (SequenceLeaf? leaf = First; leaf is not null; leaf = leaf.Next)
        {
            for (int i = 0; i < leaf.Count; i++)
            {
                int width = WidthAt(leaf, i, past, utf16);
                if (index < width)
                {
                    FindInRun(leaf, i, index, past, utf16, out place, out inside);
                    return true;
                }

                index -= width;
            }
        }

        return false;
    }

    /// <summary>How wide one visible element is.</summary>
    public int WidthOf(in ElementPlace place, CausalPast past, bool utf16)
    {
        if (!IsText) return 1;
        ref ElementRun run = ref place.InRun;
        if (run.Register is null) return utf16 && run.Surrogates > 0 && ValueOf(place).Length == 4 ? 2 : 1;
        ref RegisterOp op = ref run.Register[run.Register.Winner(past, _actors)];
        if (op.Action != OpAction.Set || op.Value.Type != ScalarCode.String) return 1;
        int units = Encoding.UTF8.GetCharCount(op.Value.Bytes);
        return utf16 ? units : units - ElementRun.CountSurrogates(op.Value.Bytes);
    }

    /// <summary>The bytes of an element that has no register.</summary>
    public static ReadOnlySpan<byte> ValueOf(in ElementPlace place)
    {
        ref ElementRun run = ref place.InRun;
        ReadOnlySpan<byte> bytes = place.Leaf.BytesOf(place.Run);
        bytes = bytes[run.OffsetOf(place.Element, bytes)..];
        return bytes.IsEmpty ? bytes : bytes[..(int)(run.MetadataAt(bytes[0]) >> 4)];
    }

    /// <summary>
    /// Finds what an insert at an index goes after: the visible element before the index, not what is deleted behind it; unless marks stand there that do not grow,
    /// or grow backwards, at this place, then the last of these (3.5.0's rule; a mark both ends of which stand there does not count).
    /// </summary>
    /// <param name="index">From 0 to the length; moved behind the element if it is inside one.</param>
    /// <param name="utf16">What it counts.</param>
    /// <param name="past">What the author of the insert knows.</param>
    /// <param name="after">The place; null: the head.</param>
    /// <returns>false: beyond the end.</returns>
    public bool TryFindReference(ref int index, bool utf16, CausalPast past, out ElementPlace? after)
    {
        after = null;
        if (index > 0)
        {
            if (!TryFindAt(index - 1, utf16, past, out ElementPlace before, out int inside)) return false;
            index += WidthOf(before, past, utf16) - inside - 1;
            after = before;
        }

        if (index < 0) return false;
        if (Root.Sum.Marks > 0 && LastMarkBehind(after, past) is { IsNone: false } mark && TryFind(mark, out ElementPlace place)) after = place;
        return true;
    }

    /// <summary>Whether an element showed in a past.</summary>
    private bool IsVisible(in ElementPlace place, CausalPast past)
    {
        (int start, int count) = place.InRun.VisibleIn(past, _actors);
        return place.Element >= start && place.Element < start + count;
    }

    private int WidthAt(SequenceLeaf leaf, int run, CausalPast past, bool utf16)
    {
        ref ElementRun elements = ref leaf.Runs[run];
        (int start, int count) = elements.VisibleIn(past, _actors);
        if (count == 0) return 0;
        if (elements.Register is not null) return WidthOf(new ElementPlace(leaf, run, 0), past, utf16);
        if (!utf16 || elements.Surrogates == 0) return count;
        return count + ElementRun.CountSurrogates(BytesOf(leaf, run, start, count));
    }

    // What shows at an index within a run, which is known to be that wide.
    private void FindInRun(SequenceLeaf leaf, int run, int index, CausalPast past, bool utf16, out ElementPlace place, out int inside)
    {
        ref ElementRun elements = ref leaf.Runs[run];
        (int start, int count) = elements.VisibleIn(past, _actors);
        (place, inside) = (new ElementPlace(leaf, run, start), index);
        if (elements.Register is not null) return;
        if (!utf16 || elements.Surrogates == 0)
        {
            (place, inside) = (place with { Element = start + index }, 0);
            return;
        }

        ReadOnlySpan<byte> bytes = BytesOf(leaf, run, start, count);
        for (int at = 0; ; start++)
        {
            int length = ElementRun.Utf8Length(bytes[at]), units = length == 4 ? 2 : 1;
            (place, inside) = (place with { Element = start }, index);
            if (index < units) return;
            index -= units;
            at += length;
        }
    }

    private static ReadOnlySpan<byte> BytesOf(SequenceLeaf leaf, int run, int start, int count)
    {
        ref ElementRun elements = ref leaf.Runs[run];
        ReadOnlySpan<byte> bytes = leaf.BytesOf(run);
        return bytes[elements.OffsetOf(start, bytes)..elements.OffsetOf(start + count, bytes)];
    }

    // The last mark that an insert here goes behind; none: it goes behind the element itself. Looks at what follows until something shows.
    private LocalId LastMarkBehind(ElementPlace? element, CausalPast past)
    {
        _marksPassed.Clear();
        SequenceLeaf? leaf = First;
        int run = 0;
        if (element is { } place)
        {
            leaf = place.Leaf;
            run = place.Run + 1;
            for (int next = place.Element + 1; next < place.InRun.Count; next++)
            {
                if (IsVisible(place with { Element = next }, past)) return default;
            }
        }

        while (leaf is not null)
        {
            for (; run < leaf.Count; run++)
            {
                if (leaf.Runs[run].VisibleIn(past, _actors).Count > 0) return LastOf(_marksPassed);
                if (leaf.Runs[run].Register is { } register && register[0].Action == OpAction.Mark && past.Covers(register[0].Id)) Pass(register[0]);
            }

            leaf = past.IsEverything ? NextWithMarksOrWidth(leaf) : leaf.Next;
            run = 0;
        }

        return LastOf(_marksPassed);
    }

    private void Pass(in RegisterOp mark)
    {
        bool begins = mark.MarkName != 0;
        if (!begins)
        {
            int begin = _marksPassed.IndexOf(mark.Id.Plus(-1));
            if (begin >= 0)
            {
                _marksPassed.RemoveRange(begin, _marksPassed.Count - begin);
                return;
            }
        }

        if (begins == mark.Expand) _marksPassed.Add(mark.Id);
    }

    private static LocalId LastOf(List<LocalId> marks) => marks.Count == 0 ? default : marks[^1];

    // The next leaf in which something shows or is marked: the walk would else be as long as a deleted chapter.
    private static SequenceLeaf? NextWithMarksOrWidth(SequencePart part)
    {
        for (SequenceNode? parent = part.Parent; parent is not null; part = parent, parent = parent.Parent)
        {
            for (int i = parent.IndexOf(part) + 1; i < parent.Count; i++)
            {
                SequencePart child = parent.Children[i];
                if (child.Sum.Marks == 0 && child.Sum.Width == 0) continue;
                if (child is SequenceLeaf leaf) return leaf;
                // Down again: its first child is the one before which we begin.
                parent = (SequenceNode)child;
                i = -1;
            }
        }

        return null;
    }
}
