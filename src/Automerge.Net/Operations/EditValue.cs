using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Operations;

/// <summary>What a local operation puts somewhere: a scalar as it is encoded, an object to be made, an amount to be added, or nothing (a delete).</summary>
internal readonly ref struct EditValue
{
    private EditValue(OpAction action, uint metadata, ReadOnlySpan<byte> bytes)
    {
        Action = action;
        Metadata = metadata;
        Bytes = bytes;
    }

    public static EditValue Delete => new(OpAction.Delete, 0, default);

    public OpAction Action { get; }

    public uint Metadata { get; }

    public ReadOnlySpan<byte> Bytes { get; }

    public bool Makes => Action is OpAction.MakeMap or OpAction.MakeList or OpAction.MakeText or OpAction.MakeTable;

    /// <param name="code">Of <see cref="ScalarCode"/>.</param>
    /// <param name="bytes">The value's bytes in their one form.</param>
    public static EditValue Scalar(int code, ReadOnlySpan<byte> bytes) => new(OpAction.Set, ((uint)bytes.Length << 4) | (uint)code, bytes);

    public static EditValue Make(OpAction make) => new(make, 0, default);

    /// <param name="signed">The amount as leb.</param>
    public static EditValue Increment(ReadOnlySpan<byte> signed) => new(OpAction.Increment, ((uint)signed.Length << 4) | ScalarCode.Signed, signed);

    /// <summary>Whether a stored scalar says the same, as 3.5.0 compares: type and value, floats as numbers, so that -0 is 0 and NaN is nothing.</summary>
    public bool Equals(uint metadata, ReadOnlySpan<byte> bytes)
    {
        if (((metadata ^ Metadata) & 15) != 0) return false;
        return (Metadata & 15) == ScalarCode.Float ? AsFloat(bytes) == AsFloat(Bytes) : bytes.SequenceEqual(Bytes);
    }

    private static double AsFloat(ReadOnlySpan<byte> bytes) => System.Buffers.Binary.BinaryPrimitives.ReadDoubleLittleEndian(bytes);
}

/// <summary>What came of a local edit. Everything but <see cref="Done"/> changed nothing.</summary>
internal enum EditOutcome : byte
{
    Done,

    /// <summary>The document says so already; there is no operation for it.</summary>
    Unchanged,

    /// <summary>There is no such index.</summary>
    NoSuchIndex,

    /// <summary>Nothing at the place is a counter.</summary>
    NotACounter,
}
