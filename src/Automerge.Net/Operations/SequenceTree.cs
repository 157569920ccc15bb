using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Automerge.Operations;

/// <summary>What a part of a sequence adds up to.</summary>
/// <param name="Elements">Elements, deleted ones and marks included.</param>
/// <param name="Width">What shows: elements of a list, Unicode scalars of a text.</param>
/// <param name="Utf16">The same in UTF-16 units.</param>
/// <param name="Marks">Elements that begin or end marks.</param>
internal readonly record struct SequenceSum(int Elements, int Width, int Utf16, int Marks)
{
    public static SequenceSum operator +(SequenceSum left, SequenceSum right) =>
        new(left.Elements + right.Elements, left.Width + right.Width, left.Utf16 + right.Utf16, left.Marks + right.Marks);

    public static SequenceSum operator -(SequenceSum left, SequenceSum right) =>
        new(left.Elements - right.Elements, left.Width - right.Width, left.Utf16 - right.Utf16, left.Marks - right.Marks);
}

/// <summary>A leaf or node of a sequence's tree.</summary>
internal abstract class SequencePart
{
    public SequenceNode? Parent;
    public SequenceSum Sum;

    /// <summary>No insert in here has a lesser id. (After an insert was taken back there may be none as small.)</summary>
    public LocalId Least;
}

/// <summary>Some dozens of runs with their values' bytes: text lies in document order.</summary>
internal sealed class SequenceLeaf : SequencePart
{
    public const int RunsMax = 32;

    /// <summary>Bytes of values from which a leaf of several runs is split: bounds what an insert moves.</summary>
    public const int BytesAim = 4096;

    public readonly SequenceObject Owner;
    public ElementRun[] Runs = new ElementRun[2];
    public int Count;
    public byte[] Bytes = [];
    public int ByteCount;

    /// <summary>The leaves before and after this one.</summary>
    public SequenceLeaf? Previous;
    public SequenceLeaf? Next;

    public SequenceLeaf(SequenceObject owner)
    {
        Owner = owner;
        owner.Memory.Bytes += MemoryBytes;
    }

    /// <summary>170: this object, its arrays' headers, and its share of the nodes above.</summary>
    public long MemoryBytes => 170 + (Unsafe.SizeOf<ElementRun>() * (long)Runs.Length) + Bytes.Length;

    public int OffsetOf(int run)
    {
        int offset = 0;
        for (int i = 0; i < run; i++) offset += Runs[i].Bytes;
        return offset;
    }

    public ReadOnlySpan<byte> BytesOf(int run) => Bytes.AsSpan(OffsetOf(run), Runs[run].Bytes);

    /// <summary>The run that holds an element, and its place in it.</summary>
    public bool TryFind(LocalId id, out int run, out int element)
    {
        for (run = 0; run < Count; run++)
        {
            element = Runs[run].Find(id);
            if (element >= 0) return true;
        }

        element = -1;
        return false;
    }

    public void OpenBytes(int offset, int count)
    {
        if (ByteCount + count > Bytes.Length) Resize(ref Bytes, Math.Max(Math.Max(ByteCount + count, 16), Math.Min(2 * Bytes.Length, Bytes.Length + BytesAim)));
        Bytes.AsSpan(offset, ByteCount - offset).CopyTo(Bytes.AsSpan(offset + count));
        ByteCount += count;
    }

    public void CloseBytes(int offset, int count)
    {
        Bytes.AsSpan(offset + count, ByteCount - offset - count).CopyTo(Bytes.AsSpan(offset));
        ByteCount -= count;
    }

    public void OpenRun(int run)
    {
        Debug.Assert(Count < RunsMax, "the leaf is full");
        if (Count == Runs.Length) Resize(ref Runs, 2 * Count);
        Runs.AsSpan(run, Count - run).CopyTo(Runs.AsSpan(run + 1));
        Count++;
    }

    public void CloseRun(int run)
    {
        Runs.AsSpan(run + 1, Count - run - 1).CopyTo(Runs.AsSpan(run));
        Runs[--Count] = default;
    }

    /// <summary>Moves the runs from a place on to a leaf behind this one; sums are the caller's to correct.</summary>
    public SequenceLeaf Split(int at)
    {
        SequenceLeaf right = new(Owner) { Previous = this, Next = Next };
        int offset = OffsetOf(at);
        Resize(ref right.Runs, Math.Max(2, Count - at), right);
        Resize(ref right.Bytes, ByteCount - offset, right);
        Runs.AsSpan(at, Count - at).CopyTo(right.Runs);
        Bytes.AsSpan(offset, ByteCount - offset).CopyTo(right.Bytes);
        (right.Count, right.ByteCount) = (Count - at, ByteCount - offset);
        Runs.AsSpan(at, Count - at).Clear();
        (Count, ByteCount) = (at, offset);
        if (Bytes.Length > BytesAim + offset) Resize(ref Bytes, offset);
        if (Next is not null) Next.Previous = right;
        Next = right;
        return right;
    }

    private void Resize<T>(ref T[] array, int length, SequenceLeaf? leaf = null)
    {
        leaf ??= this;
        long before = leaf.MemoryBytes;
        Array.Resize(ref array, length);
        Owner.Memory.Bytes += leaf.MemoryBytes - before;
    }
}

/// <summary>An inner node.</summary>
internal sealed class SequenceNode : SequencePart
{
    public const int ChildrenMax = 16;

    public readonly SequencePart[] Children = new SequencePart[ChildrenMax];
    public int Count;

    public int IndexOf(SequencePart child) => Array.IndexOf(Children, child, 0, Count);

    public void Add(int at, SequencePart child)
    {
        Children.AsSpan(at, Count - at).CopyTo(Children.AsSpan(at + 1));
        Children[at] = child;
        child.Parent = this;
        Count++;
    }

    /// <summary>Moves the children from a place on into a new node; sums are the caller's to correct.</summary>
    public SequenceNode Split(int at)
    {
        SequenceNode right = new();
        for (int i = at; i < Count; i++) right.Add(i - at, Children[i]);
        Children.AsSpan(at, Count - at).Clear();
        Count = at;
        return right;
    }
}
