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
        for (SequenceLeaf? leaf = First; leaf is not null; leaf = leaf.Next)
        {
            for (int i = 0; i < leaf.Count; i++)
            {
                int width = WidthAt(leaf, i, past, utf16);
                if (index >= width)
                {
                    index -= width;
                    continue;
                }

                for (int element = 0; ; element++)
                {
                    place = new ElementPlace(leaf, i, element);
                    width = IsVisible(place, past) ? WidthOf(place, past, utf16) : 0;
                    inside = index;
                    if (index < width) return true;
                    index -= width;
                }
            }
        }

        place = default;
        inside = 0;
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
        ref ElementRun run = ref place.InRun;
        if (run.Register is not null) return run.Register.Winner(past, _actors) >= 0;
        return past.Covers(run.Id.Plus(place.Element)) && (run.Deleted.IsNone || !past.Covers(run.Deleted.Plus(run.DeleteStep * place.Element)));
    }

    private int WidthAt(SequenceLeaf leaf, int run, CausalPast past, bool utf16)
    {
        ref ElementRun elements = ref leaf.Runs[run];
        ElementPlace place = new(leaf, run, 0);
        if (elements.Register is not null) return IsVisible(place, past) ? WidthOf(place, past, utf16) : 0;

        // Ids ascend, deletes ascend or descend: where both ends agree all between do.
        bool inserted = past.Covers(elements.Id), deleted = !elements.Deleted.IsNone && past.Covers(elements.Deleted);
        if (inserted == past.Covers(elements.Last) && (elements.Deleted.IsNone || deleted == past.Covers(elements.LastDeleted)))
            return !inserted || deleted ? 0 : elements.Count + (utf16 ? elements.Surrogates : 0);

        int width = 0;
        for (int i = 0; i < elements.Count; i++)
        {
            place = place with { Element = i };
            if (IsVisible(place, past)) width += WidthOf(place, past, utf16);
        }

        return width;
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
                if (ShowsAny(leaf, run, past)) return LastOf(_marksPassed);
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

    private bool ShowsAny(SequenceLeaf leaf, int run, CausalPast past)
    {
        if (past.IsEverything) return leaf.Runs[run].IsVisible;
        for (int i = 0; i < leaf.Runs[run].Count; i++)
        {
            if (IsVisible(new ElementPlace(leaf, run, i), past)) return true;
        }

        return false;
    }

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
