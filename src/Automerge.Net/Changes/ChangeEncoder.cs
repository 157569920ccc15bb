using System.Buffers;
using System.Diagnostics;
using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Changes;

/// <summary>What a change says about itself, for <see cref="ChangeEncoder"/>.</summary>
internal ref struct ChangeFields
{
    public ReadOnlySpan<ChangeHash> Deps;
    public ReadOnlySpan<byte> Actor;
    public uint Seq;
    public uint StartOp;
    public long Time;
    public ReadOnlySpan<byte> Message;
    public int OtherActorCount;

    /// <summary>The other actors, ascending, each length-prefixed.</summary>
    public ReadOnlySpan<byte> OtherActors;
    public ReadOnlySpan<byte> ExtraBytes;
}

/// <summary>Writes changes in their one canonical form. Keeps its scratch memory from change to change.</summary>
/// <remarks>One thread at a time. What <see cref="Encode"/> returns is valid until the next call.</remarks>
internal sealed class ChangeEncoder : IDisposable
{
    private const int ColumnCountMax = 14;

    private readonly PooledBuffer _columns = new();
    private readonly PooledBuffer _chunk = new();
    private readonly (uint Spec, int Length)[] _layout = new (uint, int)[ColumnCountMax];
    private long[] _numbers = [];
    private bool[] _flags = [];
    private int _columnCount;

    /// <summary>Encodes a change as a type-1 chunk.</summary>
    public ReadOnlySpan<byte> Encode<TOps>(scoped in ChangeFields fields, scoped in TOps ops, out ChangeHash hash)
        where TOps : struct, IChangeOps
    {
        EncodeColumns(ops);
        return Finish(fields, out hash);
    }

    /// <summary>As <see cref="Encode"/>, for many operations: run by run, without a place for each.</summary>
    public ReadOnlySpan<byte> EncodeRuns<TOps>(scoped in ChangeFields fields, scoped in TOps ops, out ChangeHash hash)
        where TOps : struct, IRunChangeOps
    {
        _columns.Clear();
        _columnCount = 0;
        using ChangeOpsWriter columns = new();
        ops.WriteRuns(columns);
        Add(ColumnSpec.ObjectActor, columns.ObjectActor.Finish());
        Add(ColumnSpec.ObjectCounter, columns.ObjectCounter.Finish());
        Add(ColumnSpec.KeyActor, columns.KeyActor.Finish());
        Add(ColumnSpec.KeyCounter, columns.KeyCounter.Finish());
        Add(ColumnSpec.KeyString, columns.KeyString.Finish());
        Add(ColumnSpec.Insert, columns.Insert.Finish());
        Add(ColumnSpec.Action, columns.Action.Finish());
        Add(ColumnSpec.ValueMetadata, columns.Metadata.Finish());
        Add(ColumnSpec.ValueBytes, columns.Values.Written);
        Add(ColumnSpec.PredecessorCount, columns.PredecessorCount.Finish());
        Add(ColumnSpec.PredecessorActor, columns.PredecessorActor.Finish());
        Add(ColumnSpec.PredecessorCounter, columns.PredecessorCounter.Finish());
        if (columns.Expand.AnyTrue) Add(ColumnSpec.Expand, columns.Expand.Finish());
        Add(ColumnSpec.MarkName, columns.MarkName.Finish());
        return Finish(fields, out hash);
    }

    public void Dispose()
    {
        _columns.Dispose();
        _chunk.Dispose();
        if (_numbers.Length > 0) ArrayPool<long>.Shared.Return(_numbers);
        if (_flags.Length > 0) ArrayPool<bool>.Shared.Return(_flags);
        _numbers = [];
        _flags = [];
    }

    private ReadOnlySpan<byte> Finish(scoped in ChangeFields fields, out ChangeHash hash)
    {
        // The body goes behind the room for the longest chunk header; the header then ends where the body begins.
        _chunk.Clear();
        _chunk.GetSpan(ChunkReader.HeaderLengthMax);
        _chunk.Advance(ChunkReader.HeaderLengthMax);
        WriteBody(fields);

        int bodyLength = _chunk.Length - ChunkReader.HeaderLengthMax;
        int start = ChunkReader.HeaderLengthMax - ChunkWriter.HeaderLength(bodyLength);
        Span<byte> chunk = _chunk.Written[start..];
        ChunkWriter.WriteHeader(chunk, ChunkType.Change, bodyLength);
        hash = ChunkWriter.Seal(chunk);
        return chunk;
    }

    private void WriteBody(scoped in ChangeFields fields)
    {
        _chunk.WriteUnsigned((ulong)fields.Deps.Length);
        foreach (ref readonly ChangeHash dep in fields.Deps) _chunk.WriteBytes(dep.Bytes);
        _chunk.WritePrefixed(fields.Actor);
        _chunk.WriteUnsigned(fields.Seq);
        _chunk.WriteUnsigned(fields.StartOp);
        _chunk.WriteSigned(fields.Time);
        _chunk.WritePrefixed(fields.Message);
        _chunk.WriteUnsigned((ulong)fields.OtherActorCount);
        _chunk.WriteBytes(fields.OtherActors);
        _chunk.WriteUnsigned((ulong)_columnCount);
        for (int i = 0; i < _columnCount; i++)
        {
            _chunk.WriteUnsigned(_layout[i].Spec);
            _chunk.WriteUnsigned((ulong)_layout[i].Length);
        }

        _chunk.WriteBytes(_columns.Written);
        _chunk.WriteBytes(fields.ExtraBytes);
    }

    private void EncodeColumns<TOps>(scoped in TOps ops)
        where TOps : struct, IChangeOps
    {
        _columns.Clear();
        _columnCount = 0;
        int count = ops.Count, predecessors = ops.PredecessorCount;
        if (count == 0) return;

        Reserve(Math.Max(count, checked(2 * predecessors)), count);
        Span<long> numbers = _numbers.AsSpan(0, count);
        Span<bool> flags = _flags.AsSpan(0, count);

        WriteNumbers(ops, OpColumn.ObjectActor, ColumnSpec.ObjectActor, numbers);
        WriteNumbers(ops, OpColumn.ObjectCounter, ColumnSpec.ObjectCounter, numbers);
        WriteNumbers(ops, OpColumn.KeyActor, ColumnSpec.KeyActor, numbers);
        ops.CopyNumbers(OpColumn.KeyCounter, numbers);
        int start = _columns.Length;
        ColumnWriter.WriteDeltas(_columns, numbers);
        Close(ColumnSpec.KeyCounter, start);
        WriteStrings(ops, OpColumn.KeyString, ColumnSpec.KeyString);

        start = _columns.Length;
        if (ops.CopyFlags(OpColumn.Insert, flags)) ColumnWriter.WriteBooleans(_columns, flags);
        else _columns.WriteUnsigned((ulong)count);      // always written, also when all are false
        Close(ColumnSpec.Insert, start);

        WriteNumbers(ops, OpColumn.Action, ColumnSpec.Action, numbers);
        WriteNumbers(ops, OpColumn.ValueMetadata, ColumnSpec.ValueMetadata, numbers);
        start = _columns.Length;
        ops.WriteValues(_columns);
        Close(ColumnSpec.ValueBytes, start);

        WriteNumbers(ops, OpColumn.PredecessorCount, ColumnSpec.PredecessorCount, numbers);
        if (predecessors > 0) WritePredecessors(ops, predecessors);

        start = _columns.Length;
        if (ops.CopyFlags(OpColumn.Expand, flags)) ColumnWriter.WriteBooleans(_columns, flags);
        Close(ColumnSpec.Expand, start);
        if (ops.HasMarkNames) WriteStrings(ops, OpColumn.MarkName, ColumnSpec.MarkName);
    }

    private void WriteNumbers<TOps>(scoped in TOps ops, OpColumn column, uint spec, Span<long> numbers)
        where TOps : struct, IChangeOps
    {
        int start = _columns.Length;
        ops.CopyNumbers(column, numbers);
        ColumnWriter.WriteIntegers(_columns, numbers, signed: false);
        Close(spec, start);
    }

    private void WritePredecessors<TOps>(scoped in TOps ops, int predecessors)
        where TOps : struct, IChangeOps
    {
        Span<long> actors = _numbers.AsSpan(0, predecessors), counters = _numbers.AsSpan(predecessors, predecessors);
        ops.CopyPredecessors(actors, counters);
        int start = _columns.Length;
        ColumnWriter.WriteIntegers(_columns, actors, signed: false);
        Close(ColumnSpec.PredecessorActor, start);
        start = _columns.Length;
        ColumnWriter.WriteDeltas(_columns, counters);
        Close(ColumnSpec.PredecessorCounter, start);
    }

    private void WriteStrings<TOps>(scoped in TOps ops, OpColumn column, uint spec)
        where TOps : struct, IChangeOps
    {
        int start = _columns.Length;
        ColumnWriter.WriteStrings(_columns, new Strings<TOps>(ops, column));
        Close(spec, start);
    }

    private void Add(uint spec, ReadOnlySpan<byte> column)
    {
        int start = _columns.Length;
        _columns.WriteBytes(column);
        Close(spec, start);
    }

    private void Close(uint spec, int start)
    {
        if (_columns.Length == start) return;
        Debug.Assert(_columnCount < ColumnCountMax, "more columns than a change has");
        _layout[_columnCount++] = (spec, _columns.Length - start);
    }

    private void Reserve(int numbers, int flags)
    {
        if (_numbers.Length < numbers)
        {
            if (_numbers.Length > 0) ArrayPool<long>.Shared.Return(_numbers);
            _numbers = ArrayPool<long>.Shared.Rent(numbers);
        }

        if (_flags.Length < flags)
        {
            if (_flags.Length > 0) ArrayPool<bool>.Shared.Return(_flags);
            _flags = ArrayPool<bool>.Shared.Rent(flags);
        }
    }

    private readonly struct Strings<TOps>(TOps ops, OpColumn column) : IStringSource
        where TOps : struct, IChangeOps
    {
        public int Count => ops.Count;

        public bool TryGet(int row, out ReadOnlySpan<byte> value) => ops.TryGetString(column, row, out value);
    }
}
