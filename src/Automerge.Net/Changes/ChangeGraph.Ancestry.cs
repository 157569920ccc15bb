using System.Runtime.InteropServices;

namespace Automerge.Changes;

public sealed partial class ChangeGraph
{
    /// <summary>
    /// Vector clocks of some rows, so that a search for an ancestor ends after a few steps on every path. Made only when a search got long,
    /// which takes branches that stay apart for more than a thousand changes.
    /// </summary>
    /// <remarks>
    /// A clock says how far a row covers each actor; it is enough, because an actor's changes are each in the past of the next.
    /// Clocks cost at most 4 bytes a row in all: with many actors they stand further apart.
    /// </remarks>
    private sealed class AncestryIndex
    {
        // Steps from a row to clocks on all paths, aimed at.
        private const int DistanceAim = 64;
        private const int BytesPerRow = 4;
        private const int BytesAlways = 4096;

        private readonly ChangeGraph _graph;
        private readonly List<int> _pending = [];
        private readonly List<uint[]> _clocks = [];

        // Per row: the place of its clock, or -1 - the estimated number of rows between it and clocks.
        private readonly List<int> _places;
        private long _clockBytes;

        public AncestryIndex(ChangeGraph graph)
        {
            _graph = graph;
            _places = new List<int>(graph.Count);
            for (int row = 0; row < graph.Count; row++) Note(row);
        }

        public long MemoryBytes => 200 + _clockBytes + ((long)(_places.Capacity + _pending.Capacity) * sizeof(int)) + ((long)_clocks.Capacity * 8);

        public void Note(int row)
        {
            // Paths that meet are counted twice: an estimate from above, kept from overflowing.
            int distance = 1;
            foreach (int dep in _graph.Deps(row)) distance = Math.Min(distance + DistanceOf(dep), int.MaxValue / 2);

            long bytes = 24 + ((long)_graph._actorCount * sizeof(uint));
            if (distance <= DistanceAim || _clockBytes + bytes > BytesAlways + ((long)BytesPerRow * row))
            {
                _places.Add(-1 - distance);
                return;
            }

            _clockBytes += bytes;
            uint[] clock = ClockOf(row);
            _places.Add(_clocks.Count);
            _clocks.Add(clock);
        }

        public bool Reaches(ReadOnlySpan<int> tips, int ancestor)
        {
            int actor = _graph._rows[ancestor].Actor;
            uint seq = _graph._rows[ancestor].Seq;
            RowMarks seen = Marks;
            bool found = false;
            Push(tips, seen, ancestor);
            while (!found && _pending.Count > 0)
            {
                int row = Pop();
                if (row == ancestor) found = true;
                else if (_places[row] >= 0) found = actor < _clocks[_places[row]].Length && _clocks[_places[row]][actor] >= seq;
                else Push(_graph.Deps(row), seen, ancestor);
            }

            _pending.Clear();
            seen.Clear();
            return found;
        }

        private int DistanceOf(int row) => _places[row] >= 0 ? 1 : -1 - _places[row];

        private uint[] ClockOf(int row)
        {
            uint[] clock = new uint[_graph._actorCount];
            RowMarks seen = Marks;
            _pending.Add(row);
            while (_pending.Count > 0)
            {
                int at = Pop();
                ref readonly Row entry = ref _graph._rows[at];
                clock[entry.Actor] = Math.Max(clock[entry.Actor], entry.Seq);
                if (at < row && _places[at] >= 0) Join(clock, _clocks[_places[at]]);
                else Push(_graph.Deps(at), seen, 0);
            }

            seen.Clear();
            return clock;
        }

        private static void Join(uint[] clock, uint[] other)
        {
            for (int i = 0; i < other.Length; i++) clock[i] = Math.Max(clock[i], other[i]);
        }

        private void Push(ReadOnlySpan<int> rows, RowMarks seen, int oldest)
        {
            foreach (int row in rows)
            {
                if (row >= oldest && seen.Mark(row)) _pending.Add(row);
            }
        }

        private int Pop()
        {
            int row = _pending[^1];
            CollectionsMarshal.SetCount(_pending, _pending.Count - 1);
            return row;
        }
    }
}
