using System.Buffers;
using Automerge.Columns;

namespace Automerge.Documents;

/// <summary>The changes of a document being read: whose they are and which operation counters belong to them.</summary>
/// <remarks>One owner, one thread; pooled memory, given back by <see cref="Dispose"/>.</remarks>
internal sealed class ChangeTable : IDisposable
{
    private readonly int[] _actors;
    private readonly uint[] _maxOps;
    private readonly int[] _opCounts;        // from Seal on: first position in the operation order

    // Per actor the rows of its changes, ascending in maxOp: rows of actor a are _rowsByActor[_firstByActor[a] .. _firstByActor[a + 1]].
    private readonly int[] _rowsByActor;
    private readonly int[] _firstByActor;
    private readonly int[] _lastFound;

    private ChangeTable(int count, int actorCount)
    {
        Count = count;
        _actors = ArrayPool<int>.Shared.Rent(count);
        _maxOps = ArrayPool<uint>.Shared.Rent(count);
        _opCounts = ArrayPool<int>.Shared.Rent(count + 1);
        _rowsByActor = ArrayPool<int>.Shared.Rent(count);
        _firstByActor = new int[actorCount + 1];
        _lastFound = new int[actorCount];
        _opCounts.AsSpan(0, count + 1).Clear();
    }

    public int Count { get; }

    /// <summary>Reads actor, seq and maxOp of all rows; checks that every actor counts its changes 1, 2, 3…</summary>
    public static ChangeTable Read(DocumentColumns columns, int actorCount, int rowsMax)
    {
        ReadOnlySpan<byte> actors = columns.Get(ColumnSpec.Actor);
        if (!IntegerColumnReader.TryCount(actors, signed: false, rowsMax, out long count)) DocumentFault.Throw("actor column damaged or longer than allowed");
        ChangeTable table = new((int)count, actorCount);
        try
        {
            table.Fill(new(actors, signed: false, 0), new(columns.Get(ColumnSpec.Sequence), 0), new(columns.Get(ColumnSpec.MaxOp), 0));
            return table;
        }
        catch
        {
            table.Dispose();
            throw;
        }
    }

    public int Actor(int row) => _actors[row];

    public uint MaxOp(int row) => _maxOps[row];

    /// <summary>The row of the change that an operation is in. There is one.</summary>
    public int RowOf(int actor, uint counter) => Find(actor, counter);

    /// <summary>Adds an operation to the change that its id belongs to; returns that change's row.</summary>
    public int Assign(int actor, uint counter)
    {
        int found = Find(actor, counter);
        _opCounts[found]++;
        return found;
    }

    /// <summary>Adds further operations to a change; it must have room for them.</summary>
    public void AssignMore(int row, int count) => _opCounts[row] += count;

    /// <summary>How many operations with counters after, or before, that of an actor's operation its change can have.</summary>
    /// <param name="actor">Whose operation was assigned last.</param>
    /// <param name="counter">The operation's.</param>
    /// <param name="step">1: after; -1: before.</param>
    public long Room(int actor, uint counter, int step)
    {
        int found = _lastFound[actor];
        if (step > 0) return (long)_maxOps[_rowsByActor[found]] - counter;
        long before = found == _firstByActor[actor] ? 0 : _maxOps[_rowsByActor[found - 1]];
        return counter - before - 1;
    }

    /// <summary>After the last <see cref="Assign"/>: turns counts into positions.</summary>
    public void Seal()
    {
        int position = 0;
        for (int row = 0; row <= Count; row++)
        {
            int count = _opCounts[row];
            _opCounts[row] = position;
            position += count;
        }
    }

    /// <summary>Operations of all changes, after <see cref="Seal"/>.</summary>
    public int OperationCount => _opCounts[Count];

    public int FirstOp(int row) => _opCounts[row];

    public int OpCount(int row) => _opCounts[row + 1] - _opCounts[row];

    /// <summary>Counter of a change's first operation, or of the next one for an empty change; below 1 when too many were found.</summary>
    public long StartOp(int row) => (long)_maxOps[row] - OpCount(row) + 1;

    public void Dispose()
    {
        ArrayPool<int>.Shared.Return(_actors);
        ArrayPool<uint>.Shared.Return(_maxOps);
        ArrayPool<int>.Shared.Return(_opCounts);
        ArrayPool<int>.Shared.Return(_rowsByActor);
    }

    private void Fill(IntegerColumnReader actors, DeltaColumnReader sequences, DeltaColumnReader maxOps)
    {
        uint[] made = new uint[_lastFound.Length];
        uint[] reached = new uint[_lastFound.Length];
        for (int row = 0; row < Count; row++)
        {
            actors.TryNext(out long actor);
            if ((ulong)actor >= (ulong)made.Length) DocumentFault.Throw("actor index out of range");
            if (!sequences.TryNext(out long sequence) | !maxOps.TryNext(out long maxOp) || maxOp < 0) DocumentFault.Throw("change columns damaged");
            if (sequence != ++made[actor]) DocumentFault.Throw("sequence numbers of an actor are not 1, 2, 3…");
            if (maxOp < reached[actor]) DocumentFault.Throw("maxOp below that of the actor's previous change");
            reached[actor] = (uint)maxOp;
            _actors[row] = (int)actor;
            _maxOps[row] = (uint)maxOp;
        }

        if (!actors.AtEnd || !sequences.AtEnd || !maxOps.AtEnd) DocumentFault.Throw("change columns differ in length");

        // 3.5.0 never writes such an actor, and panics when it reads one in most documents.
        if (made.AsSpan().Contains(0u)) DocumentFault.Throw("an actor is listed that made no change");
        for (int actor = 0; actor < made.Length; actor++)
        {
            _firstByActor[actor + 1] = _firstByActor[actor] + (int)made[actor];
            _lastFound[actor] = _firstByActor[actor];
        }

        Span<int> next = _lastFound.AsSpan();
        for (int row = 0; row < Count; row++) _rowsByActor[next[_actors[row]]++] = row;
        _firstByActor.AsSpan(0, _lastFound.Length).CopyTo(_lastFound);
    }

    // Operations come in document order, in which neighbours mostly belong to the same change of an actor or to the next.
    private int Find(int actor, uint counter)
    {
        int first = _firstByActor[actor], end = _firstByActor[actor + 1];
        ref int last = ref _lastFound[actor];
        for (int position = last; position < Math.Min(last + 2, end); position++)
        {
            if (!Holds(position, first, counter)) continue;
            last = position;
            return _rowsByActor[position];
        }

        int low = first, high = end;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_maxOps[_rowsByActor[middle]] >= counter) high = middle;
            else low = middle + 1;
        }

        if (low == end) DocumentFault.Throw("an operation belongs to no change");
        last = low;
        return _rowsByActor[low];
    }

    private bool Holds(int position, int first, uint counter) =>
        _maxOps[_rowsByActor[position]] >= counter && (position == first || _maxOps[_rowsByActor[position - 1]] < counter);
}
