using System.Diagnostics;
using System.Text;
using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>Where an element is: in a leaf, a run of it, and in the run.</summary>
internal readonly record struct ElementPlace(SequenceLeaf Leaf, int Run, int Element)
{
    public ref ElementRun InRun => ref Leaf.Runs[Run];
}

/// <summary>
/// A list or text: its elements in list order, as runs in a tree, so that finding, inserting and deleting cost the logarithm of the length, whoever wrote what.
/// </summary>
/// <remarks>One owner, one thread. Places are valid until the next change.</remarks>
internal sealed partial class SequenceObject : OpObject
{
    private readonly ActorTable _actors;
    private readonly ElementIndex _index;

    public SequenceObject(LocalId id, OpAction made, ActorTable actors, ElementIndex index, MemoryCount memory)
        : base(id, made)
    {
        (_actors, _index, Memory) = (actors, index, memory);
        First = Last = new SequenceLeaf(this);
        First.Least = Greatest;
        Root = First;
    }

    public MemoryCount Memory { get; }

    public SequenceLeaf First { get; }

    public SequenceLeaf Last { get; private set; }

    public SequencePart Root { get; private set; }

    public SequenceSum Sum => Root.Sum;

    public int LeafCount { get; private set; } = 1;

    /// <summary>What all leaves have been counted in <see cref="Memory"/>.</summary>
    public long LeafBytes
    {
        get
        {
            long bytes = 0;
            for (SequenceLeaf? leaf = First; leaf is not null; leaf = leaf.Next) bytes += leaf.MemoryBytes;
            return bytes;
        }
    }

    private static LocalId Greatest => new(uint.MaxValue, 0);

    public bool TryFind(LocalId element, out ElementPlace place)
    {
        place = default;
        SequenceLeaf? leaf = _index.Find(element);
        if (leaf is null || leaf.Owner != this || !leaf.TryFind(element, out int run, out int at)) return false;
        place = new ElementPlace(leaf, run, at);
        return true;
    }

    /// <summary>Sum of everything before an element.</summary>
    public SequenceSum SumBefore(in ElementPlace place)
    {
        SequenceSum sum = default;
        int offset = 0;
        for (int i = 0; i < place.Run; i++)
        {
            sum += SumOf(place.Leaf.Runs[i]);
            offset += place.Leaf.Runs[i].Bytes;
        }

        ref ElementRun run = ref place.InRun;
        if (place.Element > 0)
        {
            int width = run.IsVisible ? place.Element : 0;
            int surrogates = 0;
            if (width > 0 && run.Surrogates > 0)
            {
                ReadOnlySpan<byte> bytes = place.Leaf.Bytes.AsSpan(offset, run.Bytes);
                surrogates = ElementRun.CountSurrogates(bytes[..run.OffsetOf(place.Element, bytes)]);
            }

            sum += new SequenceSum(place.Element, width, width + surrogates, 0);
        }

        SequencePart part = place.Leaf;
        for (SequenceNode? parent = part.Parent; parent is not null; parent = parent.Parent)
        {
            for (int i = 0; parent.Children[i] != part; i++) sum += parent.Children[i].Sum;
            part = parent;
        }

        return sum;
    }

    /// <summary>
    /// The visible element that shows at an index, counted in UTF-16 units or not. For text an element may hold several units: <paramref name="inside"/> tells which.
    /// </summary>
    /// <returns>false: beyond the end.</returns>
    public bool TryFindAt(int index, bool utf16, out ElementPlace place, out int inside)
    {
        place = default;
        inside = 0;
        if (index < 0 || index >= WidthOf(Root.Sum, utf16)) return false;
        SequencePart part = Root;
        while (part is SequenceNode node)
        {
            int child = 0;
            for (; ; child++)
            {
                int width = WidthOf(node.Children[child].Sum, utf16);
                if (index < width) break;
                index -= width;
            }

            part = node.Children[child];
        }

        SequenceLeaf leaf = (SequenceLeaf)part;
        int offset = 0;
        for (int i = 0; i < leaf.Count; i++)
        {
            ref ElementRun run = ref leaf.Runs[i];
            int width = WidthOf(SumOf(run), utf16);
            if (index >= width)
            {
                index -= width;
                offset += run.Bytes;
                continue;
            }

            if (run.Register is not null || !utf16 || run.Surrogates == 0)
            {
                place = new ElementPlace(leaf, i, run.Register is null ? index : 0);
                inside = run.Register is null ? 0 : index;
                return true;
            }

            ReadOnlySpan<byte> bytes = leaf.Bytes.AsSpan(offset, run.Bytes);
            int element = 0;
            for (int at = 0; ; element++)
            {
                int length = ElementRun.Utf8Length(bytes[at]);
                int units = length == 4 ? 2 : 1;
                if (index < units) break;
                index -= units;
                at += length;
            }

            place = new ElementPlace(leaf, i, element);
            inside = index;
            return true;
        }

        throw new UnreachableException("the sums of a sequence are wrong");
    }

    /// <summary>What an element run adds up to.</summary>
    public SequenceSum SumOf(in ElementRun run)
    {
        if (run.Register is null) return run.Deleted.IsNone ? new(run.Count, run.Count, run.Count + run.Surrogates, 0) : new(run.Count, 0, 0, 0);
        int marks = run.Register.Ops[0].Action == OpAction.Mark ? 1 : 0;
        int winner = run.Register.Winner;
        if (winner < 0) return new SequenceSum(1, 0, 0, marks);
        ref RegisterOp op = ref run.Register.Ops[winner];
        if (!IsText || op.Action != OpAction.Set || op.Value.Type != ScalarCode.String) return new SequenceSum(1, 1, 1, marks);
        ReadOnlySpan<byte> text = op.Value.Bytes;
        int utf16 = Encoding.UTF8.GetCharCount(text);
        return new SequenceSum(1, utf16 - ElementRun.CountSurrogates(text), utf16, marks);
    }

    private static int WidthOf(in SequenceSum sum, bool utf16) => utf16 ? sum.Utf16 : sum.Width;
}
