using System.Buffers;
using System.Runtime.InteropServices;
using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>One operation of a document being read: a row, or a delete found in successor lists. 44 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OpRow
{
    /// <summary><see cref="KeyActor"/> of the list head.</summary>
    public const int HeadKey = -1;

    /// <summary><see cref="KeyActor"/> of a map key: <see cref="Key"/> is an index into the table's strings.</summary>
    public const int MapKey = -2;

    public uint Counter;
    public int Change;
    public int Object;
    public int KeyActor;
    public uint Key;

    /// <summary>Length of the value's bytes &lt;&lt; 4 | type.</summary>
    public uint Metadata;
    public int ValueOffset;
    public int PredecessorStart;
    public int PredecessorCount;

    /// <summary>Index into the table's mark names plus one; 0: none.</summary>
    public int MarkName;
    public OpAction Action;
    public bool Insert;
    public bool Expand;
}

/// <summary>
/// All operations of a document, in walk order, and the order in which they belong to changes. Operation ids are
/// <c>counter &lt;&lt; 32 | actor index</c>: numeric order is Lamport order, since actors are listed in byte order.
/// </summary>
/// <remarks>One owner, one thread; pooled memory, given back by <see cref="Dispose"/>.</remarks>
internal sealed class OpTable : IDisposable
{
    private OpRow[] _rows;
    private ulong[] _predecessors;
    private int[] _order = [];

    /// <param name="columns">Where key, mark and value bytes are; outlives this table.</param>
    /// <param name="rowsMax">Upper bound of rows and deletes.</param>
    /// <param name="predecessorsMax">Upper bound of predecessors.</param>
    public OpTable(DocumentColumns columns, int rowsMax, int predecessorsMax)
    {
        Columns = columns;
        _rows = ArrayPool<OpRow>.Shared.Rent(rowsMax);
        _predecessors = ArrayPool<ulong>.Shared.Rent(predecessorsMax);
    }

    public DocumentColumns Columns { get; }

    public int Count { get; private set; }

    public int PredecessorCount { get; private set; }

    public ReadOnlySpan<OpRow> Rows => _rows.AsSpan(0, Count);

    public ReadOnlySpan<ulong> Predecessors => _predecessors.AsSpan(0, PredecessorCount);

    /// <summary>Indexes into <see cref="Rows"/>, change by change, each change's operations by counter.</summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(0, Count);

    /// <summary>Ids of objects in document order; the first is the root.</summary>
    public List<ulong> Objects { get; } = [0];

    /// <summary>Map keys, in the columns' bytes.</summary>
    public List<(int Offset, int Length)> Strings { get; } = [];

    /// <summary>Mark names, in the columns' bytes.</summary>
    public List<(int Offset, int Length)> MarkNames { get; } = [];

    public ref OpRow Add() => ref _rows[Count++];

    public ref OpRow At(int index) => ref _rows[index];

    public void AddPredecessor(ulong id) => _predecessors[PredecessorCount++] = id;

    /// <summary>Sorts operations into their changes; each change's must be exactly the counters up to its maxOp.</summary>
    public void Arrange(ChangeTable changes)
    {
        _order = ArrayPool<int>.Shared.Rent(Count);
        Span<int> order = _order.AsSpan(0, Count);
        order.Fill(-1);
        ReadOnlySpan<OpRow> rows = Rows;
        for (int i = 0; i < rows.Length; i++)
        {
            ref readonly OpRow row = ref rows[i];
            long position = (long)row.Counter - changes.StartOp(row.Change);
            if (position < 0) DocumentFault.Throw("missing operations");
            ref int slot = ref order[changes.FirstOp(row.Change) + (int)position];
            if (slot >= 0) DocumentFault.Throw("an operation id occurs twice");
            slot = i;
        }
    }

    public void Dispose()
    {
        ArrayPool<OpRow>.Shared.Return(_rows);
        ArrayPool<ulong>.Shared.Return(_predecessors);
        if (_order.Length > 0) ArrayPool<int>.Shared.Return(_order);
        _rows = [];
        _predecessors = [];
        _order = [];
        Count = 0;
        PredecessorCount = 0;
    }
}
