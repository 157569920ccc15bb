using System.Diagnostics;
using System.Runtime.InteropServices;
using Automerge.Changes;

namespace Automerge.Documents;

/// <summary>
/// Settles the operations of one key or element: every (successor, row) pair gives the successor a predecessor; successors
/// without a row are deletes.
/// </summary>
/// <remarks>One thread. A group costs O(n log n) in its rows and successors, however hostile.</remarks>
internal sealed class GroupResolver(OpTable table, ChangeTable changes)
{
    private readonly List<ulong> _rows = [];
    private readonly List<Edge> _edges = [];

    /// <summary>Adds the row that the table gets next.</summary>
    public void AddRow(ulong id)
    {
        // The insert of an element and the rows of a key: ids ascend, so a successor's row comes after its predecessor's.
        if (_rows.Count > 0 && id <= _rows[^1]) DocumentFault.Throw("operations of a key out of order");
        _rows.Add(id);
    }

    /// <summary>The row added last stands for more elements now; the group is of the last of them.</summary>
    public void ReplaceRow(ulong id) => _rows[^1] = id;

    public void AddSuccessor(ulong successor, ulong row) => _edges.Add(new Edge(successor, row));

    /// <summary>Ends the group.</summary>
    public void Close()
    {
        if (_edges.Count > 0) Resolve();
        if (_rows.Count > 0) CheckShapes();
        _rows.Clear();
        _edges.Clear();
    }

    private void Resolve()
    {
        int firstRow = table.Count - _rows.Count;
        Span<Edge> edges = CollectionsMarshal.AsSpan(_edges);
        if (edges.Length > 1) edges.Sort();
        ReadOnlySpan<ulong> rows = CollectionsMarshal.AsSpan(_rows);

        int row = 0;
        for (int i = 0; i < edges.Length;)
        {
            ulong successor = edges[i].Successor;
            while (row < rows.Length && rows[row] < successor) row++;
            bool hasRow = row < rows.Length && rows[row] == successor;
            bool isAlone = i + 1 == edges.Length || edges[i + 1].Successor != successor;
            if (!hasRow && isAlone && edges[i].Row == rows[0] && table.At(firstRow).Insert)
            {
                AddDelete(successor, firstRow).PredecessorStart = OpRow.KeyIsPredecessor;
                i++;
                continue;
            }

            int start = table.PredecessorCount;
            for (; i < edges.Length && edges[i].Successor == successor; i++) table.AddPredecessor(edges[i].Row);
            int count = table.PredecessorCount - start;
            ref OpRow op = ref hasRow ? ref table.At(firstRow + row) : ref AddDelete(successor, firstRow);
            op.PredecessorStart = start;
            op.PredecessorCount = count;
        }
    }

    // A delete has the object and key of the rows it deletes; in a list that is the id of the element's insert.
    private ref OpRow AddDelete(ulong id, int firstRow)
    {
        OpRow deleted = table.At(firstRow);
        ref OpRow op = ref table.Add();
        op = default;
        op.Counter = (uint)(id >> 32);
        op.Count = 1;
        op.PredecessorCount = 1;
        op.Change = changes.Assign((int)(uint)id, op.Counter);
        op.Object = deleted.Object;
        op.KeyActor = deleted.Insert ? (int)(uint)_rows[0] : deleted.KeyActor;
        op.Key = deleted.Insert ? (uint)(_rows[0] >> 32) : deleted.Key;
        op.Action = OpAction.Delete;
        return ref op;
    }

    private void CheckShapes()
    {
        // Deletes may have been added behind the group's rows.
        int first = table.Count - 1;
        while (table.At(first).Action == OpAction.Delete) first--;
        first -= _rows.Count - 1;
        Debug.Assert(first >= 0, "fewer operations than rows");
        for (int i = first; i < first + _rows.Count; i++)
        {
            ref readonly OpRow op = ref table.At(i);
            string? fault = OpShape.Check((long)op.Action, op.Insert, op.KeyActor == OpRow.MapKey, op.KeyActor == OpRow.HeadKey, op.Metadata, op.PredecessorCount, op.Expand, op.MarkName != 0);
            if (fault is not null) DocumentFault.Throw(fault);
        }
    }

    private readonly record struct Edge(ulong Successor, ulong Row) : IComparable<Edge>
    {
        public int CompareTo(Edge other) => Successor != other.Successor ? Successor.CompareTo(other.Successor) : Row.CompareTo(other.Row);
    }
}
