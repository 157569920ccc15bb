using System.Diagnostics;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>
/// Neighbouring elements of a list or text that say the same but for counting: inserted by one actor with consecutive counters, each after the one before,
/// each with a scalar and nothing else but, perhaps, one delete, and those consecutive too. Typing makes runs as long as the typing. An element that has more
/// to say (an object, a mark, an update, two deletes, a large value) is a run of one with a <see cref="Register"/>. 56 bytes.
/// </summary>
/// <remarks>The values' bytes are in the leaf, one run's after the other's.</remarks>
internal struct ElementRun
{
    /// <summary><see cref="Metadata"/> of text whose characters differ in length: each is one Unicode scalar, so their first bytes tell them apart.</summary>
    public const uint MixedText = uint.MaxValue;

    /// <summary>Elements: bounds what a walk through the characters of a run costs.</summary>
    public const int CountMax = 1024;

    /// <summary>Bytes of all values.</summary>
    public const int BytesMax = 2048;

    /// <summary>Bytes of a value in a run; longer ones are in registers.</summary>
    public const int ValueBytesMax = 64;

    /// <summary>The first element's insert.</summary>
    public LocalId Id;

    /// <summary>What the first element was inserted after; none: the head.</summary>
    public LocalId Reference;

    /// <summary>The first element's delete; none: nothing is deleted.</summary>
    public LocalId Deleted;

    /// <summary>Everything there is to say of the one element; null for runs proper.</summary>
    public Register? Register;

    public int Count;

    /// <summary>Bytes of the values in the leaf.</summary>
    public int Bytes;

    /// <summary>Metadata of each value, or <see cref="MixedText"/>.</summary>
    public uint Metadata;

    /// <summary>How much wider than its count the text is in UTF-16: characters beyond the basic plane.</summary>
    public int Surrogates;

    /// <summary>What each further element's delete adds to the counter of the one before: 1 or -1.</summary>
    public sbyte DeleteStep;

    public readonly LocalId Last => Id.Plus(Count - 1);

    public readonly LocalId LastDeleted => Deleted.IsNone ? default : Deleted.Plus(DeleteStep * (Count - 1));

    public readonly bool IsVisible => Register is null ? Deleted.IsNone : Register.Winner >= 0;

    /// <summary>Place of an element in the run, or -1.</summary>
    public readonly int Find(LocalId id)
    {
        ulong distance = id.Bits - Id.Bits;
        return (uint)distance == 0 && id.Bits >= Id.Bits && (uint)(distance >> 32) < (uint)Count ? (int)(distance >> 32) : -1;
    }

    /// <summary>Where the value of an element begins among the run's bytes.</summary>
    public readonly int OffsetOf(int element, ReadOnlySpan<byte> bytes)
    {
        if (Metadata != MixedText) return element * (int)(Metadata >> 4);
        if (element == Count) return Bytes;
        int at = 0;
        for (; element > 0; element--) at += Utf8Length(bytes[at]);
        return at;
    }

    /// <summary>Metadata of one element, whose value begins with a byte.</summary>
    public readonly uint MetadataAt(byte first) => Metadata != MixedText ? Metadata : ((uint)Utf8Length(first) << 4) | ScalarCode.String;

    /// <summary>Whether another run can be appended to this one, the two being neighbours. In a text, characters of different lengths go together.</summary>
    public readonly bool Continues(in ElementRun next, bool isText)
    {
        if (Register is not null || next.Register is not null || next.Id != Id.Plus(Count) || next.Reference != Last) return false;
        if (Count + next.Count > CountMax || Bytes + next.Bytes > BytesMax) return false;
        if (Metadata != next.Metadata && !isText) return false;
        if (Deleted.IsNone || next.Deleted.IsNone) return Deleted.IsNone && next.Deleted.IsNone;
        int step = (int)(next.Deleted.Counter - LastDeleted.Counter);
        return next.Deleted.Actor == Deleted.Actor && step is 1 or -1 && (Count == 1 || DeleteStep == step) && (next.Count == 1 || next.DeleteStep == step);
    }

    /// <summary>Takes in a run that <see cref="Continues"/>; its bytes are already behind this one's.</summary>
    public void Append(in ElementRun next)
    {
        Debug.Assert(next.Id == Id.Plus(Count), "the runs do not fit");
        if (!Deleted.IsNone) DeleteStep = (sbyte)(next.Deleted.Counter - LastDeleted.Counter);
        if (Metadata != next.Metadata) Metadata = MixedText;
        Count += next.Count;
        Bytes += next.Bytes;
        Surrogates += next.Surrogates;
    }

    /// <summary>Cuts the run in two at an element; the bytes stay where they are.</summary>
    public ElementRun Split(int element, ReadOnlySpan<byte> bytes)
    {
        Debug.Assert(element > 0 && element < Count, "nothing to split");
        int offset = OffsetOf(element, bytes);
        ElementRun right = this;
        right.Id = Id.Plus(element);
        right.Reference = Id.Plus(element - 1);
        right.Deleted = Deleted.IsNone ? default : Deleted.Plus(DeleteStep * element);
        right.Count = Count - element;
        right.Bytes = Bytes - offset;
        right.Surrogates = Surrogates == 0 ? 0 : CountSurrogates(bytes[offset..Bytes]);
        Count = element;
        Bytes = offset;
        Surrogates -= right.Surrogates;
        return right;
    }

    /// <summary>Bytes of the character that begins with a byte, in valid UTF-8.</summary>
    public static int Utf8Length(byte first) => first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

    public static int CountSurrogates(ReadOnlySpan<byte> utf8)
    {
        int count = 0;
        foreach (byte b in utf8) count += b >= 0xF0 ? 1 : 0;
        return count;
    }
}
