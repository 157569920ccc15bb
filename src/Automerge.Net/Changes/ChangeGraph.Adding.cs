using System.Buffers;
using System.Diagnostics;

namespace Automerge.Changes;

public sealed partial class ChangeGraph
{
    // Most changes have one or two dependencies; this many rows are looked up on the stack.
    private const int DepsOnStack = 64;

    /// <summary>
    /// Adds a change from an untrusted source if it keeps the rules that make a document loadable everywhere (format §10, rule 3):
    /// dependencies known, sequence unbroken, the actor's previous change in its past, operation ids after those of its past and not far ahead.
    /// </summary>
    /// <param name="hash">The change's hash, computed by the caller from its bytes.</param>
    /// <param name="deps">The hashes it depends on, as the change lists them.</param>
    /// <param name="actor">The author's id.</param>
    /// <param name="seq">The change's number among its author's, from 1.</param>
    /// <param name="startOp">Counter of its first operation, from 1.</param>
    /// <param name="opCount">Operations in it.</param>
    public GraphVerdict TryAdd(in ChangeHash hash, ReadOnlySpan<ChangeHash> deps, ReadOnlySpan<byte> actor, uint seq, uint startOp, uint opCount) =>
        Judge(hash, deps, actor, seq, startOp, opCount, add: true);

    /// <summary>What <see cref="TryAdd"/> would say, without adding the change: a row is never taken back, so what else may refuse the change is asked in between.</summary>
    /// <param name="hash">The change's hash.</param>
    /// <param name="deps">The hashes it depends on.</param>
    /// <param name="actor">The author's id.</param>
    /// <param name="seq">The change's number among its author's.</param>
    /// <param name="startOp">Counter of its first operation.</param>
    /// <param name="opCount">Operations in it.</param>
    public GraphVerdict Check(in ChangeHash hash, ReadOnlySpan<ChangeHash> deps, ReadOnlySpan<byte> actor, uint seq, uint startOp, uint opCount) =>
        Judge(hash, deps, actor, seq, startOp, opCount, add: false);

    private GraphVerdict Judge(in ChangeHash hash, ReadOnlySpan<ChangeHash> deps, ReadOnlySpan<byte> actor, uint seq, uint startOp, uint opCount, bool add)
    {
        if (Find(hash) >= 0) return GraphVerdict.Duplicate;
        if (startOp == 0 || (ulong)startOp + opCount - 1 > uint.MaxValue) return GraphVerdict.CounterOutOfRange;
        if (deps.Length > _limits.DepsMax) return GraphVerdict.TooManyDeps;

        // Before the dependencies: a number already taken stays taken, so such a change must not wait in a queue.
        int actorIndex = FindActor(actor);
        int previous = actorIndex < 0 ? -1 : _actors[actorIndex].Tip;
        uint lastSeq = previous < 0 ? 0 : _rows[previous].Seq;
        if (seq <= lastSeq) return GraphVerdict.DuplicateSeq;

        int[]? rented = deps.Length > DepsOnStack ? ArrayPool<int>.Shared.Rent(deps.Length) : null;
        Span<int> depRows = rented is null ? stackalloc int[DepsOnStack] : rented;
        depRows = depRows[..deps.Length];
        try
        {
            GraphVerdict verdict = LookUp(deps, depRows, out uint maxOpOfDeps);
            if (verdict != GraphVerdict.Added) return verdict;
            if (seq != lastSeq + 1) return GraphVerdict.SeqGap;
            if (startOp <= maxOpOfDeps) return GraphVerdict.StartOpNotAfterDeps;
            if (opCount == 0 && startOp != maxOpOfDeps + 1) return GraphVerdict.EmptyAfterGap;
            if (startOp > (ulong)MaxOp + 1 + _limits.StartOpSlack) return GraphVerdict.GapTooLarge;
            if (_headCount + 1 - HeadsAmong(depRows) > _limits.HeadsMax) return GraphVerdict.TooManyHeads;
            if (previous >= 0 && !ReachesBack(depRows, previous)) return GraphVerdict.PreviousNotAncestor;

            if (!add) return GraphVerdict.Added;
            if (actorIndex < 0) actorIndex = AddActor(actor);
            Append(hash, depRows, actorIndex, seq, startOp, (uint)(startOp + (ulong)opCount - 1));
            return GraphVerdict.Added;
        }
        finally
        {
            if (rented is not null) ArrayPool<int>.Shared.Return(rented);
        }
    }

    /// <summary>The index of an actor id, which is remembered if it is new.</summary>
    public int InternActor(ReadOnlySpan<byte> id)
    {
        int actor = FindActor(id);
        return actor >= 0 ? actor : AddActor(id);
    }

    /// <summary>
    /// Adds a change whose hash, dependencies and operation ids have been verified elsewhere, as a document's reader does.
    /// Sequence and ancestry of the actor are still checked: everything else here relies on them and 3.5.0 does not check the latter.
    /// </summary>
    /// <param name="hash">The change's hash; not yet in the graph.</param>
    /// <param name="depRows">Rows of its dependencies, in the change's order.</param>
    /// <param name="actor">From <see cref="InternActor"/>.</param>
    /// <param name="seq">The change's number among its author's.</param>
    /// <param name="startOp">Counter of its first operation.</param>
    /// <param name="maxOp">Counter of its last operation; <paramref name="startOp"/> - 1 when it has none.</param>
    /// <returns>Added, Duplicate, SeqGap, PreviousNotAncestor or TooManyHeads.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A row or the actor does not exist.</exception>
    public GraphVerdict AddTrusted(in ChangeHash hash, ReadOnlySpan<int> depRows, int actor, uint seq, uint startOp, uint maxOp)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)actor, (uint)_actorCount);
        foreach (int dep in depRows) ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)dep, (uint)Count, nameof(depRows));

        if (Find(hash) >= 0) return GraphVerdict.Duplicate;
        int previous = _actors[actor].Tip;
        if (seq != (previous < 0 ? 1 : _rows[previous].Seq + 1)) return GraphVerdict.SeqGap;
        if (_headCount + 1 - HeadsAmong(depRows) > ushort.MaxValue) return GraphVerdict.TooManyHeads;
        if (previous >= 0 && !ReachesBack(depRows, previous)) return GraphVerdict.PreviousNotAncestor;
        Append(hash, depRows, actor, seq, startOp, maxOp);
        return GraphVerdict.Added;
    }

    /// <summary>Takes memory for changes to come, exactly, so that none is copied or left over on the way.</summary>
    public void Reserve(int changes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(changes);
        int capacity = checked(Count + changes);
        if (capacity > _rows.Length)
        {
            Array.Resize(ref _rows, capacity);
            Array.Resize(ref _hashes, capacity);
        }

        int slots = _table.Length;
        while (capacity * 4L > slots * 3L) slots = Math.Max(4, 2 * slots);
        if (slots > _table.Length) GrowTable(slots);
    }

    /// <summary>The first rows, for another thread: see <see cref="GraphPrefix"/>.</summary>
    public GraphPrefix FirstRows(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)count, (uint)Count, nameof(count));
        return new GraphPrefix((ChangeGraph)MemberwiseClone(), count);
    }

    internal ChangeGraph CopyFirst(int count, ulong key, ChangeGraphLimits limits)
    {
        ChangeGraph copy = new(key, limits);
        for (int actor = 0; actor < _actorCount; actor++) copy.AddActor(_actors[actor].Id);
        copy.Reserve(count);
        for (int row = 0; row < count; row++)
        {
            ref readonly Row entry = ref _rows[row];
            copy.Append(_hashes[row], Deps(row), entry.Actor, entry.Seq, entry.StartOp, entry.MaxOp);
        }

        return copy;
    }

    private GraphVerdict LookUp(ReadOnlySpan<ChangeHash> deps, Span<int> rows, out uint maxOp)
    {
        maxOp = 0;
        bool ascending = true;
        for (int i = 0; i < deps.Length; i++)
        {
            int row = Find(deps[i]);
            if (row < 0) return GraphVerdict.MissingDeps;
            rows[i] = row;
            maxOp = Math.Max(maxOp, _rows[row].MaxOp);
            if (i > 0 && deps[i - 1].CompareTo(deps[i]) >= 0) ascending = false;
        }

        // Ascending hashes, as all writers list them, cannot repeat.
        return ascending || !HasRepeats(rows) ? GraphVerdict.Added : GraphVerdict.DuplicateDep;
    }

    private static bool HasRepeats(ReadOnlySpan<int> rows)
    {
        if (rows.Length < 2) return false;
        if (rows.Length == 2) return rows[0] == rows[1];
        int[] rented = ArrayPool<int>.Shared.Rent(rows.Length);
        Span<int> sorted = rented.AsSpan(0, rows.Length);
        rows.CopyTo(sorted);
        sorted.Sort();
        bool repeats = false;
        for (int i = 1; i < sorted.Length; i++) repeats |= sorted[i] == sorted[i - 1];
        ArrayPool<int>.Shared.Return(rented);
        return repeats;
    }

    private int HeadsAmong(ReadOnlySpan<int> rows)
    {
        int heads = 0;
        foreach (int row in rows)
        {
            if (_rows[row].FirstChild == NoChild) heads++;
        }

        return heads;
    }

    private void Append(in ChangeHash hash, ReadOnlySpan<int> depRows, int actor, uint seq, uint startOp, uint maxOp)
    {
        int row = Count;
        if (row == _rows.Length)
        {
            int capacity = GrownCapacity(row);
            Array.Resize(ref _rows, capacity);
            Array.Resize(ref _hashes, capacity);
        }

        if ((row + 1) * 4L > _table.Length * 3L) GrowTable(Math.Max(4, 2 * _table.Length));

        _hashes[row] = hash;
        ref Row entry = ref _rows[row];
        entry.Dep = depRows.Length == 0 ? NoDep : depRows.Length == 1 ? depRows[0] : AddDepList(depRows);
        entry.FirstChild = NoChild;
        entry.Actor = actor;
        entry.Seq = seq;
        entry.StartOp = startOp;
        entry.MaxOp = maxOp;
        Count = row + 1;
        Insert(row);
        _actors[actor].Tip = row;
        MaxOp = Math.Max(MaxOp, maxOp);

        UpdateHeads(hash, row, depRows);
        entry.HeadCount = _headCount;
        NoteAncestry(row);
    }

    private int AddDepList(ReadOnlySpan<int> depRows)
    {
        int at = _depListsLength;
        int needed = at + 1 + depRows.Length;
        if (needed > _depLists.Length) Array.Resize(ref _depLists, Math.Max(needed, GrownCapacity(_depLists.Length)));
        _depLists[at] = depRows.Length;
        depRows.CopyTo(_depLists.AsSpan(at + 1));
        _depListsLength = needed;
        if (HasRepeats(depRows)) _hasRepeatedDeps = true;
        return ListCode(at);
    }

    private void UpdateHeads(in ChangeHash hash, int row, ReadOnlySpan<int> depRows)
    {
        foreach (int dep in depRows)
        {
            ref int firstChild = ref _rows[dep].FirstChild;
            if (firstChild != NoChild) continue;
            firstChild = row;
            int at = _heads.AsSpan(0, _headCount).BinarySearch(_hashes[dep]);
            Debug.Assert(at >= 0, "a row without children is a head");
            _heads.AsSpan(at + 1, _headCount - at - 1).CopyTo(_heads.AsSpan(at));
            _headCount--;
        }

        if (_headCount == _heads.Length) Array.Resize(ref _heads, GrownCapacity(_headCount));
        int place = ~_heads.AsSpan(0, _headCount).BinarySearch(hash);
        _heads.AsSpan(place, _headCount - place).CopyTo(_heads.AsSpan(place + 1));
        _heads[place] = hash;
        _headCount++;
    }
}
