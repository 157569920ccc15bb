using System.Buffers;
using System.Runtime.InteropServices;
using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>
/// Operations of a document being read: a row, or a delete found in successor lists; or many with consecutive counters in one change that differ only in what
/// follows from that: elements typed one after the other, or deletes of such elements. 48 bytes.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal struct OpRow
{
    /// <summary><see cref="KeyActor"/> of the list head.</summary>
    public const int HeadKey = -1;

    /// <summary><see cref="KeyActor"/> of a map key: <see cref="Key"/> is an index into the table's strings.</summary>
    public const int MapKey = -2;

    /// <summary><see cref="PredecessorStart"/> of deletes whose one predecessor is the insert of the element they act on.</summary>
    public const int KeyIsPredecessor = -1;

    /// <summary>Counter of the first operation.</summary>
    public uint Counter;

    /// <summary>Operations.</summary>
    public int Count;
    public int Change;
    public int Object;
    public int KeyActor;

    /// <summary>Counter of the element the first operation acts on or inserts after, which goes up by <see cref="KeyStep"/> with each; or the map key.</summary>
    public uint Key;

    /// <summary>Length of the value's bytes &lt;&lt; 4 | type.</summary>
    public uint Metadata;
    public int ValueOffset;
    public int PredecessorStart;

    /// <summary>Predecessors of each operation.</summary>
    public int PredecessorCount;

    /// <summary>Index into the table's mark names plus one; 0: none.</summary>
    public int MarkName;
    public OpAction Action;
    public bool Insert;
    public bool Expand;
    public sbyte KeyStep;

    public readonly long KeyAt(int operation) => Key + ((long)operation * KeyStep);
}

/// <summary>
/// All operations of a document, in walk order, and the order in which they belong to changes. Operation ids are
/// <c>counter &lt;&lt; 32 | actor index</c>: numeric order is Lamport order, since actors are listed in byte order.
/// </summary>
/// <remarks>One owner, one thread; pooled memory, given back by <see cref="Dispose"/>.</remarks>
internal sealed class OpTable : IDisposable
{
    private readonly int _rowsMax;
    private readonly int _predecessorsMax;
    private OpRow[] _rows;
    private ulong[] _predecessors;
    private int[] _order = [];

    /// <param name="columns">Where key, mark and value bytes are; outlives this table.</param>
    /// <param name="rowsExpected">Rows to begin with: how many there will be nobody knows, typing takes few.</param>
    /// <param name="rowsMax">Upper bound of rows and deletes.</param>
    /// <param name="predecessorsMax">Upper bound of predecessors.</param>
    public OpTable(DocumentColumns columns, int rowsExpected, int rowsMax, int predecessorsMax)
    {
        Columns = columns;
        (_rowsMax, _predecessorsMax) = (rowsMax, predecessorsMax);
        _rows = ArrayPool<OpRow>.Shared.Rent(Math.Min(rowsMax, rowsExpected));
        _predecessors = ArrayPool<ulong>.Shared.Rent(Math.Min(predecessorsMax, 1024));
    }

    public DocumentColumns Columns { get; }

    public int Count { get; private set; }

    public int PredecessorCount { get; private set; }

    public ReadOnlySpan<OpRow> Rows => _rows.AsSpan(0, Count);

    public ReadOnlySpan<ulong> Predecessors => _predecessors.AsSpan(0, PredecessorCount);

    /// <summary>Operations in all <see cref="Rows"/>.</summary>
    public int OperationCount { get; private set; }

    /// <summary>
    /// Indexes into <see cref="Rows"/>, change by change, each change's operations by counter; those of a row but for its first have none, -1.
    /// </summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(0, OperationCount);

    /// <summary>Ids of objects in document order; the first is the root.</summary>
    public List<ulong> Objects { get; } = [0];

    /// <summary>Map keys, in the columns' bytes.</summary>
    public List<(int Offset, int Length)> Strings { get; } = [];

    /// <summary>Mark names, in the columns' bytes.</summary>
    public List<(int Offset, int Length)> MarkNames { get; } = [];

    public ref OpRow Add()
    {
        if (Count == _rows.Length) Grow(ref _rows, _rowsMax);
        return ref _rows[Count++];
    }

    public ref OpRow At(int index) => ref _rows[index];

    public void AddPredecessor(ulong id)
    {
        if (PredecessorCount == _predecessors.Length) Grow(ref _predecessors, _predecessorsMax);
        _predecessors[PredecessorCount++] = id;
    }

    /// <summary>Sorts operations into their changes; each change's must be exactly the counters up to its maxOp.</summary>
    public void Arrange(ChangeTable changes)
    {
        OperationCount = changes.OperationCount;
        _order = ArrayPool<int>.Shared.Rent(OperationCount);
        Span<int> order = _order.AsSpan(0, OperationCount);
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

        // Each change has as many places as operations: if rows fill them end to end, none is missing and none is there twice.
        for (int at = 0; at < order.Length;)
        {
            if (order[at] < 0) DocumentFault.Throw("missing operations");
            int count = rows[order[at]].Count;
            if (order.Slice(at + 1, count - 1).ContainsAnyExcept(-1)) DocumentFault.Throw("an operation id occurs twice");
            at += count;
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

    private static void Grow<T>(ref T[] array, int max)
    {
        T[] larger = ArrayPool<T>.Shared.Rent(Math.Min(max, 2 * array.Length));
        array.CopyTo(larger, 0);
        ArrayPool<T>.Shared.Return(array);
        array = larger;
    }
}
