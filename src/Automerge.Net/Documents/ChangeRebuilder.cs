using System.Buffers;
using Automerge.Changes;
using Automerge.Columns;

namespace Automerge.Documents;

/// <summary>Encodes and hashes the changes of a document one after the other, and reports them.</summary>
/// <remarks>One owner, one thread; pooled memory, given back by <see cref="Dispose"/>.</remarks>
internal sealed class ChangeRebuilder : IDisposable
{
    // Up to so many operations it is faster to lay out their rows than to append to columns.
    private const int LaidOutMax = 64;

    private readonly ActorId[] _actors;
    private readonly ChangeTable _changes;
    private readonly DocumentColumns _columns;
    private readonly OpTable _ops;
    private readonly ChangeEncoder _encoder = new();
    private readonly PooledBuffer _otherActors = new();
    private readonly ChangeHash[] _hashes;

    // The last row that depends on a row, plus one; 0: none does, it is a head.
    private readonly int[] _lastDependent;
    private readonly uint[] _seqs;

    // Index of each document actor in the current change's list; −1: not named. _named lists those set.
    private readonly int[] _localActors;
    private readonly List<int> _named = [];

    // Greatest counter that the current change names of each actor.
    private readonly uint[] _lastNamed;
    private long _depsLeft;
    private long _bytesLeft;

    public ChangeRebuilder(ActorId[] actors, ChangeTable changes, DocumentColumns columns, OpTable ops, DocumentLimits limits)
    {
        _actors = actors;
        _changes = changes;
        _columns = columns;
        _ops = ops;
        _depsLeft = limits.RowsMax;
        _bytesLeft = limits.MaxRebuiltBytes;
        _hashes = ArrayPool<ChangeHash>.Shared.Rent(changes.Count);
        _lastDependent = ArrayPool<int>.Shared.Rent(changes.Count);
        _lastDependent.AsSpan(0, changes.Count).Clear();
        _seqs = new uint[actors.Length];
        _localActors = new int[actors.Length];
        _localActors.AsSpan().Fill(-1);
        _lastNamed = new uint[actors.Length];
    }

    public void Run(IDocumentSink sink)
    {
        int count = _changes.Count;
        IntegerColumnReader times = new(_columns.Get(ColumnSpec.Time), signed: true, 0);
        StringColumnReader messages = new(_columns.Get(ColumnSpec.Message), count);
        IntegerColumnReader depCounts = new(_columns.Get(ColumnSpec.DependencyCount), signed: false, 0);
        DeltaColumnReader depRows = new(_columns.Get(ColumnSpec.DependencyRow), 0);
        IntegerColumnReader extras = new(_columns.Get(ColumnSpec.ExtraMetadata), signed: false, 0);
        ReadOnlySpan<byte> extraBytes = _columns.Get(ColumnSpec.ExtraBytes);
        long time = 0;
        int[] rows = ArrayPool<int>.Shared.Rent(16);
        ChangeHash[] deps = ArrayPool<ChangeHash>.Shared.Rent(16);
        try
        {
            for (int row = 0; row < count; row++)
            {
                if (!times.TryNext(out long delta) || delta == IntegerColumnReader.Null) DocumentFault.Throw("time column damaged, too short or null");
                time = unchecked(time + delta);
                if (time is < -ChangeVerifier.TimeMax or > ChangeVerifier.TimeMax) DocumentFault.Throw("time out of range");
                if (!messages.Prepare()) DocumentFault.Throw("message column damaged or too short");
                messages.Take(1);
                if (!depCounts.TryNext(out long depCount) || depCount < 0 || depCount > row) DocumentFault.Throw("dependency count damaged");
                if ((_depsLeft -= depCount) < 0) DocumentFault.Throw("more dependencies than allowed");
                if (depCount > rows.Length) Enlarge(ref rows, ref deps, (int)depCount);
                ReadDeps(ref depRows, row, rows.AsSpan(0, (int)depCount), deps);
                ReadOnlySpan<byte> extra = TakeExtra(ref extras, ref extraBytes);

                ChangeFields fields = new()
                {
                    Deps = deps.AsSpan(0, (int)depCount),
                    Actor = _actors[_changes.Actor(row)].Bytes,
                    Seq = ++_seqs[_changes.Actor(row)],
                    StartOp = (uint)_changes.StartOp(row),
                    Time = time,
                    Message = messages.IsNull ? default : messages.Value,
                    ExtraBytes = extra,
                };
                if (fields.Seq > 1 && ChangeHeader.NamesAuthor(extra)) DocumentFault.Throw("an author is named by a change that is not its actor's first");
                Report(sink, row, ref fields, rows.AsSpan(0, (int)depCount));
            }
        }
        finally
        {
            ArrayPool<int>.Shared.Return(rows);
            ArrayPool<ChangeHash>.Shared.Return(deps);
        }

        bool atEnd = times.AtEnd && messages.AtEnd && depCounts.AtEnd && depRows.AtEnd && extras.AtEnd && extraBytes.IsEmpty;
        if (!atEnd) DocumentFault.Throw("change columns differ in length");
    }

    /// <summary>Compares the changes nobody depends on with the heads that were claimed.</summary>
    public void CheckHeads(ReadOnlySpan<ChangeHash> claimed)
    {
        int found = 0;
        for (int row = 0; row < _changes.Count; row++)
        {
            if (_lastDependent[row] != 0) continue;
            if (found++ == claimed.Length || claimed.BinarySearch(_hashes[row]) < 0) DocumentFault.Throw("mismatching heads");
        }

        if (found != claimed.Length) DocumentFault.Throw("mismatching heads");
    }

    public void Dispose()
    {
        _encoder.Dispose();
        _otherActors.Dispose();
        ArrayPool<ChangeHash>.Shared.Return(_hashes);
        ArrayPool<int>.Shared.Return(_lastDependent);
    }

    private static void Enlarge(ref int[] rows, ref ChangeHash[] deps, int count)
    {
        ArrayPool<int>.Shared.Return(rows);
        ArrayPool<ChangeHash>.Shared.Return(deps);
        rows = ArrayPool<int>.Shared.Rent(count);
        deps = ArrayPool<ChangeHash>.Shared.Rent(count);
    }

    private static ReadOnlySpan<byte> TakeExtra(ref IntegerColumnReader extras, ref ReadOnlySpan<byte> bytes)
    {
        if (!extras.TryNext(out long metadata) || metadata < 0 || (metadata & 15) != ScalarCode.Bytes) DocumentFault.Throw("extra bytes column damaged or too short");
        if (metadata >> 4 > bytes.Length) DocumentFault.Throw("extra bytes: not enough data");
        ReadOnlySpan<byte> extra = bytes[..(int)(metadata >> 4)];
        bytes = bytes[extra.Length..];
        return extra;
    }

    private void ReadDeps(scoped ref DeltaColumnReader column, int row, Span<int> rows, ChangeHash[] deps)
    {
        uint reached = 0;
        for (int i = 0; i < rows.Length; i++)
        {
            if (!column.TryNext(out long dep) || dep < 0) DocumentFault.Throw("dependency column damaged or too short");
            if (dep >= row) DocumentFault.Throw("a change comes before one it depends on");
            if (_lastDependent[dep] == row + 1) DocumentFault.Throw("a dependency is listed twice");
            _lastDependent[dep] = row + 1;
            rows[i] = (int)dep;
            deps[i] = _hashes[dep];
            reached = Math.Max(reached, _changes.MaxOp((int)dep));
        }

        if (_changes.StartOp(row) <= reached) DocumentFault.Throw("max_op is lower than start_op");
        if (_changes.OpCount(row) == 0 && _changes.StartOp(row) != (long)reached + 1) DocumentFault.Throw("missing operations");
    }

    private void Report(IDocumentSink sink, int row, ref ChangeFields fields, ReadOnlySpan<int> depRows)
    {
        int author = _changes.Actor(row);
        DocumentChangeOps ops = Collect(row, author);
        fields.OtherActorCount = WriteOtherActors();
        fields.OtherActors = _otherActors.Written;
        Spend(fields.Message.Length);
        ReadOnlySpan<byte> chunk = ops.Count > LaidOutMax ? _encoder.EncodeRuns(fields, ops, out _hashes[row]) : _encoder.Encode(fields, ops, out _hashes[row]);
        Spend(chunk.Length);

        ChangeHeader header = new()
        {
            Hash = _hashes[row],
            Bytes = chunk,
            Deps = fields.Deps,
            Actor = fields.Actor,
            Seq = fields.Seq,
            StartOp = fields.StartOp,
            OpCount = (uint)ops.Count,
            Time = fields.Time,
            Message = fields.Message,
            OtherActorCount = fields.OtherActorCount,
            OtherActors = fields.OtherActors,
            ExtraBytes = fields.ExtraBytes,
        };
        sink.Change(row, author, header, depRows, sink.WantsBytes(row) ? chunk : default);
        if (_named.Count > 1 && sink is GraphSink graph) CheckNamed(graph, row, author);
        ForgetActors();
    }

    // The author's own operations are all in his past; of each other actor it is enough to ask for the last one.
    private void CheckNamed(GraphSink graph, int row, int author)
    {
        foreach (int actor in _named)
        {
            if (actor == author || graph.HasInPast(row, author, actor, _lastNamed[actor], _changes)) continue;
            DocumentFault.Throw($"change {_hashes[row]} names operation {_lastNamed[actor]}@{_actors[actor]}, which is not in its author's past");
        }
    }

    // Finds the actors the operations name and gives them their places: the author first, the others in byte order.
    private DocumentChangeOps Collect(int row, int author)
    {
        int first = _changes.FirstOp(row), count = _changes.OpCount(row);
        ReadOnlySpan<OpRow> ops = _ops.Rows;
        ReadOnlySpan<ulong> predecessors = _ops.Predecessors;
        Name(author, 0);
        int predecessorCount = 0;
        bool marks = false;
        ReadOnlySpan<int> order = _ops.Order.Slice(first, count);
        for (int i = 0; i < order.Length;)
        {
            ref readonly OpRow op = ref ops[order[i]];
            i += op.Count;
            predecessorCount += op.PredecessorCount * op.Count;
            marks |= op.MarkName != 0;
            if (op.KeyActor == OpRow.MapKey) Spend(_ops.Strings[(int)op.Key].Length);
            if (op.MarkName != 0) Spend(_ops.MarkNames[op.MarkName - 1].Length);
            if (_actors.Length == 1) continue;
            ulong target = _ops.Objects[op.Object];
            if (target != 0) Name((int)(uint)target, (uint)(target >> 32));
            if (op.KeyActor >= 0) Name(op.KeyActor, op.KeyStep > 0 ? op.Key + (uint)op.Count - 1 : op.Key);
            if (op.PredecessorStart == OpRow.KeyIsPredecessor) continue;
            foreach (ulong id in predecessors.Slice(op.PredecessorStart, op.PredecessorCount)) Name((int)(uint)id, (uint)(id >> 32));
        }

        _named.RemoveAt(0);
        _named.Sort();
        _localActors[author] = 0;
        for (int i = 0; i < _named.Count; i++) _localActors[_named[i]] = i + 1;
        _named.Add(author);
        return new DocumentChangeOps(_ops, first, count, predecessorCount, marks, _localActors);
    }

    private void Spend(int bytes)
    {
        if ((_bytesLeft -= bytes) < 0) DocumentFault.Throw("its changes are larger than allowed");
    }

    private void Name(int actor, uint counter)
    {
        if (counter > _lastNamed[actor]) _lastNamed[actor] = counter;
        if (_localActors[actor] >= 0) return;
        _localActors[actor] = 0;
        _named.Add(actor);
    }

    private int WriteOtherActors()
    {
        _otherActors.Clear();
        for (int i = 0; i < _named.Count - 1; i++) _otherActors.WritePrefixed(_actors[_named[i]].Bytes);
        return _named.Count - 1;
    }

    private void ForgetActors()
    {
        foreach (int actor in _named)
        {
            _localActors[actor] = -1;
            _lastNamed[actor] = 0;
        }

        _named.Clear();
    }
}
