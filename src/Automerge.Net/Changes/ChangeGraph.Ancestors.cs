using System.Runtime.InteropServices;

namespace Automerge.Changes;

public sealed partial class ChangeGraph
{
    // Rows to look at one by one before the ancestry index is made: 1024 rows cost about 5 µs.
    private const int ScanRowsMax = 1024;

    // Marks are always left clean, so one set serves all graphs of a thread.
    [ThreadStatic]
    private static RowMarks? s_marks;

    private AncestryIndex? _ancestry;

    private static RowMarks Marks => s_marks ??= new RowMarks();

    private long AncestryBytes => _ancestry?.MemoryBytes ?? 0;

    /// <summary>Whether <paramref name="ancestor"/> is <paramref name="row"/> itself or in its past.</summary>
    public bool IsAncestor(int ancestor, int row)
    {
        CheckRow(ancestor);
        CheckRow(row);
        return ReachesBack(MemoryMarshal.CreateReadOnlySpan(ref row, 1), ancestor);
    }

    /// <summary>Whether <paramref name="row"/> is one of <paramref name="heads"/> or in the past of one. Unknown hashes cover nothing.</summary>
    public bool Covers(ReadOnlySpan<ChangeHash> heads, int row)
    {
        CheckRow(row);
        using RowBuffer tips = RowsOf(heads);
        return ReachesBack(tips.Rows, row);
    }

    /// <summary>Whether these heads cover every change, which is so when all heads of the graph are among them.</summary>
    public bool CoversAll(ReadOnlySpan<ChangeHash> heads)
    {
        if (heads.SequenceEqual(Heads)) return true;
        if (heads.Length < _headCount) return false;
        using RowBuffer tips = RowsOf(heads);
        RowMarks marks = Marks;
        int found = 0;
        foreach (int tip in tips.Rows)
        {
            if (_rows[tip].FirstChild == NoChild && marks.Mark(tip)) found++;
        }

        marks.Clear();
        return found == _headCount;
    }

    /// <summary>Whether the dependencies of <paramref name="row"/> cover every row before it: its author had all there was.</summary>
    public bool CoversAllBefore(int row)
    {
        CheckRow(row);
        if (row == 0) return true;
        ReadOnlySpan<int> deps = Deps(row);
        int heads = 0;
        for (int i = 0; i < deps.Length; i++)
        {
            if (_rows[deps[i]].FirstChild == row && !(_hasRepeatedDeps && deps[..i].Contains(deps[i]))) heads++;
        }

        return heads == _rows[row - 1].HeadCount;
    }

    /// <summary>
    /// Appends to <paramref name="rows"/>, ascending, every row from <paramref name="from"/> on, and before <paramref name="end"/>, that is neither one of
    /// <paramref name="heads"/> nor in the past of one. Unknown hashes cover nothing.
    /// </summary>
    /// <remarks>
    /// Costs as many steps as there are rows down to the newest moment whose heads are all covered: for heads the graph itself had at some time
    /// that is the number of rows since, however long the history before.
    /// </remarks>
    public void CollectNotCoveredBy(ReadOnlySpan<ChangeHash> heads, List<int> rows, int from = 0, int end = int.MaxValue)
    {
        ArgumentNullException.ThrowIfNull(rows);
        ArgumentOutOfRangeException.ThrowIfNegative(from);
        ArgumentOutOfRangeException.ThrowIfNegative(end);
        using RowBuffer tips = RowsOf(heads);
        int newest = Max(tips.Rows);
        int start = rows.Count;
        if (newest >= from)
        {
            BackwardScan scan = new(this, tips.Rows, newest);
            while (scan.Open > 0 && scan.Row >= from)
            {
                int row = scan.Row;
                if (!scan.Step()) rows.Add(row);
            }

            scan.Dispose();
            CollectionsMarshal.AsSpan(rows)[start..].Reverse();
        }

        int first = Math.Max(newest + 1, from);
        end = Math.Min(end, Count);
        if (first >= end) return;
        int kept = rows.Count;
        CollectionsMarshal.SetCount(rows, kept + end - first);
        Span<int> suffix = CollectionsMarshal.AsSpan(rows)[kept..];
        for (int i = 0; i < suffix.Length; i++) suffix[i] = first + i;
    }

    // Whether one of the tips is the row or has it in its past.
    private bool ReachesBack(ReadOnlySpan<int> tips, int ancestor)
    {
        int newest = -1;
        foreach (int tip in tips)
        {
            // After a row that was the only head everything before it is its past: the usual case of a history with merges.
            if (tip == ancestor || (tip > ancestor && _rows[tip].HeadCount == 1)) return true;
            newest = Math.Max(newest, tip);
        }

        if (newest < ancestor) return false;
        if (_ancestry is not null) return _ancestry.Reaches(tips, ancestor);

        BackwardScan scan = new(this, tips, newest);
        int limit = Math.Max(ancestor, newest - ScanRowsMax);
        while (scan.Open > 0 && scan.Row > limit) scan.Step();
        bool everythingBelow = scan.Open == 0;
        bool decided = everythingBelow || scan.Row == ancestor || scan.IsMarked(ancestor);
        bool covered = everythingBelow || scan.IsMarked(ancestor);
        scan.Dispose();
        if (decided) return covered;

        _ancestry = new AncestryIndex(this);
        return _ancestry.Reaches(tips, ancestor);
    }

    private void NoteAncestry(int row) => _ancestry?.Note(row);

    private RowBuffer RowsOf(ReadOnlySpan<ChangeHash> hashes)
    {
        RowBuffer buffer = new(hashes.Length);
        foreach (ref readonly ChangeHash hash in hashes)
        {
            int row = Find(hash);
            if (row >= 0) buffer.Add(row);
        }

        return buffer;
    }

    private static int Max(ReadOnlySpan<int> rows)
    {
        int max = -1;
        foreach (int row in rows) max = Math.Max(max, row);
        return max;
    }

    // Takes rows away one by one, newest first, knowing which are covered by the tips and how many heads of what is left are not.
    // When that number is 0 everything left is covered. Exact, because every descendant of a row has been taken away before it.
    private ref struct BackwardScan
    {
        private readonly ChangeGraph _graph;
        private readonly RowMarks _covered;

        public BackwardScan(ChangeGraph graph, ReadOnlySpan<int> tips, int newest)
        {
            _graph = graph;
            _covered = Marks;
            Row = newest;
            Open = graph._rows[newest].HeadCount;
            foreach (int tip in tips)
            {
                if (_covered.Mark(tip) && graph._rows[tip].FirstChild > newest) Open--;
            }
        }

        // The row that the next step takes away.
        public int Row { get; private set; }

        // Heads of the rows up to Row that are not covered.
        public int Open { get; private set; }

        public readonly bool IsMarked(int row) => _covered.IsMarked(row);

        // Takes a row away and tells whether it was covered.
        public bool Step()
        {
            int row = Row--;
            bool covered = _covered.Unmark(row);
            if (!covered) Open--;
            ReadOnlySpan<int> deps = _graph.Deps(row);
            for (int i = 0; i < deps.Length; i++)
            {
                int dep = deps[i];
                if (covered) _covered.Mark(dep);
                else if (_graph._rows[dep].FirstChild == row && !_covered.IsMarked(dep) && !IsRepeated(deps, i)) Open++;
            }

            return covered;
        }

        public readonly void Dispose() => _covered.Clear();

        private readonly bool IsRepeated(ReadOnlySpan<int> deps, int at) => _graph._hasRepeatedDeps && deps[..at].Contains(deps[at]);
    }
}
