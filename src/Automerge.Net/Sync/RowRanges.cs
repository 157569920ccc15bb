using System.Diagnostics;

namespace Automerge.Sync;

/// <summary>
/// A set of rows as ascending, disjoint, non-adjacent ranges: what has been sent to a peer is a few long runs, whatever the length of the history.
/// </summary>
/// <remarks>A mutable struct: only ever a field, never copied.</remarks>
internal struct RowRanges
{
    // start, end (exclusive), start, end, …
    private int[]? _bounds;
    private int _length;

    public readonly bool IsEmpty => _length == 0;

    public readonly int RangeCount => _length / 2;

    public readonly int Lowest => _length == 0 ? int.MaxValue : _bounds![0];

    public readonly int MemoryBytes => _bounds is null ? 0 : 24 + (_bounds.Length * sizeof(int));

    public void Clear()
    {
        _length = 0;
        if (_bounds is { Length: > 16 }) _bounds = null;
    }

    public readonly bool Contains(int row)
    {
        // The first bound above the row is an end exactly if the row is inside.
        return (BoundsAtOrBelow(row) & 1) == 1;
    }

    /// <summary>Adds the rows from <paramref name="start"/> up to, not including, <paramref name="end"/>.</summary>
    public void Add(int start, int end)
    {
        Debug.Assert(start >= 0 && start <= end, "a range runs upwards");
        if (start == end) return;

        // Bounds inside or touching the new range go; the range's own bound goes where the place is even (outside of what stays).
        int first = BoundsBelow(start);
        int last = BoundsAtOrBelow(end);
        bool opens = (first & 1) == 0;
        bool closes = (last & 1) == 0;
        int inserted = (opens ? 1 : 0) + (closes ? 1 : 0);
        int length = first + inserted + (_length - last);
        if (length > (_bounds?.Length ?? 0)) Array.Resize(ref _bounds, Math.Max(length, _length == 0 ? 2 : 2 * _length));
        _bounds.AsSpan(last, _length - last).CopyTo(_bounds.AsSpan(first + inserted));
        if (opens) _bounds![first++] = start;
        if (closes) _bounds![first] = end;
        _length = length;
    }

    /// <summary>Adds ascending or unordered rows, runs at a time.</summary>
    public void Add(ReadOnlySpan<int> rows)
    {
        for (int i = 0; i < rows.Length;)
        {
            int end = i + 1;
            while (end < rows.Length && rows[end] == rows[end - 1] + 1) end++;
            Add(rows[i], rows[end - 1] + 1);
            i = end;
        }
    }

    private readonly int BoundsAtOrBelow(int row) => BoundsBelow(row + 1);

    // How many bounds are less than the row.
    private readonly int BoundsBelow(int row)
    {
        int low = 0;
        int high = _length;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_bounds![middle] < row) low = middle + 1;
            else high = middle;
        }

        return low;
    }
}
