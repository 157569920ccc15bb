using System.Diagnostics;
using Automerge.Changes;

namespace Automerge.Operations;

internal sealed partial class SequenceObject
{
    /// <summary>
    /// Inserts after an element, or at the head if there is none: further right if elements there have greater ids, which is how all replicas come to one order.
    /// </summary>
    /// <param name="after">The place of <see cref="ElementRun.Reference"/>; null: the head.</param>
    /// <param name="run">The elements; of one or more.</param>
    /// <param name="bytes">Their values.</param>
    public void Insert(ElementPlace? after, in ElementRun run, ReadOnlySpan<byte> bytes) => InsertAt(GapAfter(after, run.Id), run, bytes);

    /// <summary>Appends in list order, as a document's rows are read: no place is looked for.</summary>
    public void Append(in ElementRun run, ReadOnlySpan<byte> bytes) => InsertAt(new ElementPlace(Last, Last.Count, 0), run, bytes);

    /// <summary>Deletes elements of one run that are deleted for the first time and have no register, with consecutive deletes.</summary>
    /// <param name="place">The first of them.</param>
    /// <param name="delete">Its delete.</param>
    /// <param name="count">How many; not beyond the end of the run.</param>
    public void Delete(ElementPlace place, LocalId delete, int count = 1)
    {
        place = Isolate(place, count);
        ref ElementRun run = ref place.InRun;
        Debug.Assert(run.Register is null && run.Deleted.IsNone, "a register says more than one delete");
        SequenceSum visible = SumOf(run);
        run.Deleted = delete;
        run.DeleteStep = 1;
        AddSum(place.Leaf, SumOf(run) - visible);
        Join(place.Leaf, place.Run);
    }

    /// <summary>Gives an element a register, if it has none, holding what its run said.</summary>
    public Register RegisterOf(ref ElementPlace place)
    {
        if (place.InRun.Register is { } register) return register;
        place = Isolate(place);
        ref ElementRun run = ref place.InRun;
        int offset = place.Leaf.OffsetOf(place.Run);
        ReadOnlySpan<byte> bytes = place.Leaf.Bytes.AsSpan(offset, run.Bytes);
        register = new Register();
        StoredValue value = new(run.MetadataAt(bytes.IsEmpty ? (byte)0 : bytes[0]), bytes);
        register.Add(new RegisterOp { Id = run.Id, Action = OpAction.Set, Insert = true, Value = value, Successor = run.Deleted }, _actors);
        place.Leaf.CloseBytes(offset, run.Bytes);
        run = new ElementRun { Id = run.Id, Reference = run.Reference, Count = 1, Register = register };
        return register;
    }

    /// <summary>After a register was changed: corrects the sums by what it was before.</summary>
    public void Changed(in ElementPlace place, in SequenceSum before) => AddSum(place.Leaf, SumOf(place.InRun) - before);

    /// <summary>Takes an insert back.</summary>
    public void Remove(ElementPlace place)
    {
        place = Isolate(place);
        SequenceLeaf leaf = place.Leaf;
        AddSum(leaf, default(SequenceSum) - SumOf(place.InRun));
        leaf.CloseBytes(leaf.OffsetOf(place.Run), place.InRun.Bytes);
        leaf.CloseRun(place.Run);
        if (place.Run > 0) Join(leaf, place.Run - 1);
    }

    /// <summary>Takes the one delete of an element without register back.</summary>
    public void Undelete(ElementPlace place)
    {
        place = Isolate(place);
        ref ElementRun run = ref place.InRun;
        SequenceSum hidden = SumOf(run);
        run.Deleted = default;
        AddSum(place.Leaf, SumOf(run) - hidden);
        Join(place.Leaf, place.Run);
    }

    // Where an element with this id goes. A gap is a place whose element it goes before; a run's count as element means behind it.
    private ElementPlace GapAfter(ElementPlace? after, LocalId id)
    {
        SequenceLeaf leaf = First;
        int run = 0;
        if (after is { } place)
        {
            leaf = place.Leaf;
            run = place.Run + 1;
            int element = place.Element + 1;
            // Ids ascend in a run: where one is greater all further ones are, and all refer to those before.
            if (element < place.InRun.Count && _actors.IsLess(place.InRun.Id.Plus(element), id)) return place with { Element = element };
        }

        while (true)
        {
            for (; run < leaf.Count; run++)
            {
                if (_actors.IsLess(leaf.Runs[run].Id, id)) return new ElementPlace(leaf, run, 0);
            }

            if (leaf.Next is null || (leaf.Next.Count > 0 && _actors.IsLess(leaf.Next.Runs[0].Id, id))) return new ElementPlace(leaf, leaf.Count, 0);
            if (NextWithLess(leaf, id) is not { } next) return new ElementPlace(Last, Last.Count, 0);
            leaf = next;
            run = 0;
        }
    }

    // The next leaf that may have an insert with a lesser id.
    private SequenceLeaf? NextWithLess(SequencePart part, LocalId id)
    {
        for (SequenceNode? parent = part.Parent; parent is not null; part = parent, parent = parent.Parent)
        {
            for (int i = parent.IndexOf(part) + 1; i < parent.Count; i++)
            {
                SequencePart child = parent.Children[i];
                if (!_actors.IsLess(child.Least, id)) continue;
                if (child is SequenceLeaf leaf) return leaf;
                // Down again: its first child is the one before which we begin.
                parent = (SequenceNode)child;
                i = -1;
            }
        }

        return null;
    }

    private void InsertAt(ElementPlace gap, in ElementRun run, ReadOnlySpan<byte> bytes)
    {
        SequenceLeaf leaf = gap.Leaf;
        if (gap.Element == 0 && gap.Run > 0 && leaf.Runs[gap.Run - 1].Continues(run, IsText))
        {
            InsertBytes(leaf, gap.Run, bytes);
            leaf.Runs[gap.Run - 1].Append(run);
        }
        else
        {
            gap = Reserve(gap, gap.Element > 0 ? 2 : 1);
            if (gap.Element > 0) gap = SplitRun(gap);
            leaf = gap.Leaf;
            leaf.OpenRun(gap.Run);
            leaf.Runs[gap.Run] = run;
            InsertBytes(leaf, gap.Run, bytes);
        }

        _index.Assign(run.Id, run.Count, leaf);
        AddSum(leaf, SumOf(run));
        AddLeast(leaf, run.Id);
        if (leaf.ByteCount > SequenceLeaf.BytesAim && leaf.Count > 1) SplitLeaf(leaf);
    }

    private static void InsertBytes(SequenceLeaf leaf, int run, ReadOnlySpan<byte> bytes)
    {
        int offset = leaf.OffsetOf(run);
        leaf.OpenBytes(offset, bytes.Length);
        bytes.CopyTo(leaf.Bytes.AsSpan(offset));
    }

    // Makes the element, or several of its run, a run of its own.
    private ElementPlace Isolate(ElementPlace place, int count = 1)
    {
        if (place.InRun.Count == count) return place;
        place = Reserve(place, 2);
        if (place.Element > 0) place = SplitRun(place) with { Element = 0 };
        if (place.InRun.Count > count) SplitRun(place with { Element = count });
        return place;
    }

    // Cuts before an element; returns the right half.
    private static ElementPlace SplitRun(ElementPlace place)
    {
        SequenceLeaf leaf = place.Leaf;
        ElementRun right = place.InRun.Split(place.Element, leaf.BytesOf(place.Run));
        leaf.OpenRun(place.Run + 1);
        leaf.Runs[place.Run + 1] = right;
        return new ElementPlace(leaf, place.Run + 1, 0);
    }

    // Joins a run with its neighbours in the leaf where they have come to say the same.
    private void Join(SequenceLeaf leaf, int run)
    {
        for (int i = Math.Min(run, leaf.Count - 2); i >= Math.Max(0, run - 1); i--)
        {
            if (!leaf.Runs[i].Continues(leaf.Runs[i + 1], IsText)) continue;
            leaf.Runs[i].Append(leaf.Runs[i + 1]);
            leaf.CloseRun(i + 1);
        }
    }

    private ElementPlace Reserve(ElementPlace place, int runs)
    {
        if (place.Leaf.Count + runs <= SequenceLeaf.RunsMax) return place;
        SequenceLeaf left = place.Leaf;
        SplitLeaf(left);
        return place.Run < left.Count ? place : new ElementPlace(left.Next!, place.Run - left.Count, place.Element);
    }

    private void SplitLeaf(SequenceLeaf left)
    {
        // Appending leaves full leaves behind; anything else halves.
        int at = left == Last && left.Count > 8 ? left.Count - 4 : left.Count / 2;
        SequenceLeaf right = left.Split(at);
        if (left == Last) Last = right;
        LeafCount++;

        Recount(left);
        Recount(right);
        foreach (ref ElementRun run in right.Runs.AsSpan(0, right.Count)) _index.Assign(run.Id, run.Count, right);
        AddPart(left, right);
    }

    private void Recount(SequenceLeaf leaf)
    {
        leaf.Sum = default;
        leaf.Least = Greatest;
        foreach (ref ElementRun run in leaf.Runs.AsSpan(0, leaf.Count))
        {
            leaf.Sum += SumOf(run);
            if (_actors.IsLess(run.Id, leaf.Least)) leaf.Least = run.Id;
        }
    }

    // Sums and least ids above are right already: the two halves add up to what was one.
    private void AddPart(SequencePart left, SequencePart right)
    {
        if (left.Parent is not { } parent)
        {
            SequenceNode root = new() { Count = 2, Sum = left.Sum + right.Sum, Least = _actors.IsLess(left.Least, right.Least) ? left.Least : right.Least };
            root.Children[0] = left;
            root.Children[1] = right;
            left.Parent = right.Parent = root;
            Root = root;
            return;
        }

        int at = parent.IndexOf(left) + 1;
        if (parent.Count < SequenceNode.ChildrenMax)
        {
            parent.Add(at, right);
            return;
        }

        // As with leaves: appending leaves full nodes behind.
        int half = at == parent.Count ? parent.Count - 1 : parent.Count / 2;
        SequenceNode other = parent.Split(half);
        if (at <= half) parent.Add(at, right);
        else other.Add(at - half, right);
        Recount(parent);
        Recount(other);
        AddPart(parent, other);
    }

    private void Recount(SequenceNode node)
    {
        node.Sum = default;
        node.Least = Greatest;
        foreach (SequencePart child in node.Children.AsSpan(0, node.Count))
        {
            node.Sum += child.Sum;
            if (_actors.IsLess(child.Least, node.Least)) node.Least = child.Least;
        }
    }

    private static void AddSum(SequencePart part, in SequenceSum sum)
    {
        for (SequencePart? at = part; at is not null; at = at.Parent) at.Sum += sum;
    }

    private void AddLeast(SequencePart part, LocalId id)
    {
        for (SequencePart? at = part; at is not null && _actors.IsLess(id, at.Least); at = at.Parent) at.Least = id;
    }
}
