using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
using Automerge.Values;

namespace Automerge.Patches;

/// <summary>
/// The marks of one text, as they were and as they are: over what comes, and where they differ over what stays. Costs as much as marks begin and end in the text.
/// </summary>
internal sealed class MarkPatches
{
    private readonly Showing _before;
    private readonly Showing _after;
    private readonly bool _utf16;
    private readonly List<MarkElement> _elements = [];
    private readonly ActiveMarks _over;
    private int _taken;
    private SequenceSum _sum;

    // Stretches that come, ascending, with how wide all before were.
    private readonly List<(int Start, int End, int Before)> _inserted = [];

    public MarkPatches(SequenceObject text, Showing before, Showing after, bool utf16)
    {
        (_before, _after, _utf16) = (before, after, utf16);
        _over = new ActiveMarks(after.Ops);
        if (after.IsNow) CollectNow(text.Root);
        else CollectByWalk(text);
    }

    /// <summary>The marks over an element; elements are asked for in list order.</summary>
    /// <param name="position">Its place among all, deleted ones included.</param>
    public MarkSet Over(int position)
    {
        for (; _taken < _elements.Count && _elements[_taken].Position < position; _taken++)
        {
            if (_after.Exists(_elements[_taken].Register[0].Id)) _over.Take(_elements[_taken].Register[0]);
        }

        return _over.Current();
    }

    /// <summary>Notes a stretch that comes; from left to right.</summary>
    public void NoteInsert(int index, int width)
    {
        if (_inserted.Count > 0 && _inserted[^1].End == index) _inserted[^1] = _inserted[^1] with { End = index + width };
        else _inserted.Add((index, index + width, _inserted.Count == 0 ? 0 : _inserted[^1].Before + _inserted[^1].End - _inserted[^1].Start));
    }

    /// <summary>Where the marks over what stays differ from before, by name and place.</summary>
    public List<Mark> Changed()
    {
        if (!_elements.Exists(IsDifferent)) return [];
        ActiveMarks was = new(_before.Ops), now = new(_after.Ops);
        Dictionary<int, Stretch> stretches = [];
        List<(int Name, Mark Mark)> changed = [];
        foreach (MarkElement element in _elements)
        {
            ref RegisterOp op = ref element.Register[0];
            if (_before.Exists(op.Id)) was.Take(op);
            if (_after.Exists(op.Id)) now.Take(op);
            foreach (int name in was.Touched) Turn(name, element.Index);
            foreach (int name in now.Touched) Turn(name, element.Index);
            was.ClearTouched();
            now.ClearTouched();
        }

        int end = _utf16 ? _sum.Utf16 : _sum.Width;
        foreach ((int name, Stretch open) in stretches) CloseStretch(name, open, end, changed);
        changed.Sort((left, right) => left.Name != right.Name ? _after.Ops.Names.Compare(left.Name, right.Name) : left.Mark.Start.CompareTo(right.Mark.Start));
        return Joined(changed);

        void Turn(int name, int index)
        {
            Stretch next = new(index, was.ValueOf(name), now.ValueOf(name));
            if (stretches.TryGetValue(name, out Stretch open))
            {
                if (open.Was == next.Was && open.Now == next.Now) return;
                CloseStretch(name, open, index, changed);
            }

            stretches[name] = next;
        }
    }

    private bool IsDifferent(MarkElement element) => _before.Exists(element.Register[0].Id) != _after.Exists(element.Register[0].Id);

    private void CloseStretch(int name, in Stretch stretch, int end, List<(int Name, Mark Mark)> changed)
    {
        if (stretch.Was == stretch.Now || end - stretch.Start - InsertedBetween(stretch.Start, end) <= 0) return;
        changed.Add((name, new Mark(stretch.Start, end, _after.Ops.Names.Text(name), stretch.Now ?? Value.Null)));
    }

    private static List<Mark> Joined(List<(int Name, Mark Mark)> ascending)
    {
        List<Mark> joined = [];
        foreach ((_, Mark mark) in ascending)
        {
            Mark last = joined.Count > 0 ? joined[^1] : default;
            if (last.Name == mark.Name && last.End == mark.Start && last.Value == mark.Value) joined[^1] = last with { End = mark.End };
            else joined.Add(mark);
        }

        return joined;
    }

    private int InsertedBetween(int start, int end) => InsertedBefore(end) - InsertedBefore(start);

    private int InsertedBefore(int index)
    {
        int low = 0, high = _inserted.Count - 1;
        while (low <= high)
        {
            int middle = (low + high) >>> 1;
            if (_inserted[middle].Start <= index) low = middle + 1;
            else high = middle - 1;
        }

        return high < 0 ? 0 : _inserted[high].Before + Math.Min(index, _inserted[high].End) - _inserted[high].Start;
    }

    // Skips what has no marks; its sums tell where the next ones are.
    private void CollectNow(SequencePart part)
    {
        if (part.Sum.Marks == 0)
        {
            _sum += part.Sum;
        }
        else if (part is SequenceNode node)
        {
            foreach (SequencePart child in node.Children.AsSpan(0, node.Count)) CollectNow(child);
        }
        else
        {
            SequenceLeaf leaf = (SequenceLeaf)part;
            foreach (ref ElementRun run in leaf.Runs.AsSpan(0, leaf.Count))
            {
                Collect(run);
                _sum += leaf.Owner.SumOf(run);
            }
        }
    }

    private void CollectByWalk(SequenceObject text)
    {
        SequenceWalk walk = new(_after, text, WalkStops.All);
        while (walk.MoveNext())
        {
            Collect(walk.Run);
            _sum += new SequenceSum(walk.Run.Count, walk.Width(utf16: false), walk.Width(utf16: true), 0);
        }
    }

    private void Collect(in ElementRun run)
    {
        if (run.Register is not { } register || register[0].Action != OpAction.Mark) return;
        _elements.Add(new MarkElement(register, _sum.Elements, _utf16 ? _sum.Utf16 : _sum.Width));
    }

    // A mark's beginning or end.
    private readonly record struct MarkElement(Register Register, int Position, int Index);

    // Where the value of a mark was one thing and is another.
    private readonly record struct Stretch(int Start, Value? Was, Value? Now);
}
