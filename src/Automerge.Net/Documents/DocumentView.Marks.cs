using System.Buffers;
using System.Text;
using Automerge.Changes;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Documents;

public sealed partial class DocumentView
{
    /// <summary>The marks of a text: by name in the order of UTF-8 bytes, then by place. Those of one name do not overlap, and neighbours of one value are one.</summary>
    /// <exception cref="DocumentException">There is no such object, or it is no text.</exception>
    public IReadOnlyList<Mark> Marks(ObjectId obj, TextUnit unit = TextUnit.Utf16)
    {
        bool utf16 = unit == TextUnit.Utf16;
        SequenceObject text = FindText(obj);
        if (_showing.IsNow && text.Sum.Marks == 0) return [];
        ActiveMarks active = new(Ops);
        Dictionary<int, List<Mark>> closed = [];
        Dictionary<int, Mark> open = [];
        int index = 0;
        SequenceWalk walk = new(_showing, text, WalkStops.ShownAndMarks);
        while (walk.MoveNext())
        {
            if (walk.IsMark) active.Take(walk.Register![0]);
            int width = walk.Width(utf16);
            if (width == 0) continue;
            foreach (int name in active.Touched) TurnMark(name, active.ValueOf(name), index, open, closed);
            active.ClearTouched();
            index += width;
        }

        foreach (int name in open.Keys) TurnMark(name, null, index, open, closed);
        int[] names = [.. closed.Keys];
        Array.Sort(names, Ops.Names.Compare);
        List<Mark> marks = [];
        foreach (int name in names) marks.AddRange(closed[name]);
        return marks;
    }

    /// <summary>The marks over the character at an index; none beyond the end.</summary>
    /// <remarks>The index is in units, where automerge 3.5.0 counts elements: it looks too far right after characters of two units.</remarks>
    /// <exception cref="DocumentException">There is no such object, or it is no text.</exception>
    public MarkSet MarksAt(ObjectId obj, int index, TextUnit unit = TextUnit.Utf16)
    {
        SequenceObject text = FindText(obj);
        if (!TryFindAt(text, index, unit, out ElementPlace place, out _)) return MarkSet.Empty;
        return MarksBefore(text, place);
    }

    /// <summary>
    /// A text as characters under the same marks, and block markers between them. An object in a text that is no map is a character, U+FFFC.
    /// </summary>
    /// <exception cref="DocumentException">There is no such object, or it is no text.</exception>
    public IReadOnlyList<Span> Spans(ObjectId obj, TextUnit unit = TextUnit.Utf16)
    {
        bool utf16 = unit == TextUnit.Utf16;
        ActiveMarks active = new(Ops);
        List<Span> spans = [];
        ArrayBufferWriter<byte> characters = new();
        MarkSet marks = MarkSet.Empty;
        int start = 0, index = 0;
        SequenceWalk walk = new(_showing, FindText(obj), WalkStops.ShownAndMarks);
        while (walk.MoveNext())
        {
            if (walk.IsMark) active.Take(walk.Register![0]);
            int width = walk.Width(utf16);
            if (width == 0) continue;
            bool isBlock = walk.IsBlock;
            if (isBlock || active.Current() != marks)
            {
                Close();
                marks = active.Current();
                start = index;
            }

            if (isBlock)
            {
                spans.Add(new Span(index, null, Ops.ObjectIdOf(walk.Register![walk.Winner].Id), MarkSet.Empty));
                start = index + width;
            }
            else
            {
                characters.Write(walk.Text);
            }

            index += width;
        }

        Close();
        return spans;

        void Close()
        {
            if (characters.WrittenCount > 0) spans.Add(new Span(start, Encoding.UTF8.GetString(characters.WrittenSpan), default, marks));
            characters.ResetWrittenCount();
        }
    }

    /// <summary>The marks over an element. Costs as much as marks begin and end before it.</summary>
    internal MarkSet MarksBefore(SequenceObject text, in ElementPlace place)
    {
        if (text.Sum.Marks == 0) return MarkSet.Empty;
        ActiveMarks active = new(Ops);
        TakeMarksBefore(place.Leaf, active);
        TakeMarks(place.Leaf, place.Run, active);
        return active.Current();
    }

    // From the root down to the part, whose depth is a logarithm.
    private void TakeMarksBefore(SequencePart part, ActiveMarks active)
    {
        if (part.Parent is not { } parent) return;
        TakeMarksBefore(parent, active);
        for (int i = 0; parent.Children[i] != part; i++) TakeMarksIn(parent.Children[i], active);
    }

    private void TakeMarksIn(SequencePart part, ActiveMarks active)
    {
        if (part.Sum.Marks == 0) return;
        if (part is SequenceLeaf leaf) TakeMarks(leaf, leaf.Count, active);
        else foreach (SequencePart child in ((SequenceNode)part).Children.AsSpan(0, ((SequenceNode)part).Count)) TakeMarksIn(child, active);
    }

    private void TakeMarks(SequenceLeaf leaf, int end, ActiveMarks active)
    {
        for (int i = 0; leaf.Sum.Marks > 0 && i < end; i++)
        {
            if (leaf.Runs[i].Register is { } register && register[0].Action == OpAction.Mark && _showing.Exists(register[0].Id)) active.Take(register[0]);
        }
    }

    // At an index a mark comes to have a value, or none: what was open ends if it had another.
    private void TurnMark(int name, Value? value, int index, Dictionary<int, Mark> open, Dictionary<int, List<Mark>> closed)
    {
        if (open.TryGetValue(name, out Mark before))
        {
            if (value == before.Value) return;
            if (!closed.TryGetValue(name, out List<Mark>? list)) closed.Add(name, list = []);
            list.Add(before with { End = index });
            open.Remove(name);
        }

        if (value is { } begun) open.Add(name, new Mark(index, index, Ops.Names.Text(name), begun));
    }
}
