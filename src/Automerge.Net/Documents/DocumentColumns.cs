using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Documents;

/// <summary>One set of columns of a document, inflated end to end into one pooled buffer.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> ends all views.</remarks>
internal sealed class DocumentColumns : IDisposable
{
    private readonly PooledBuffer _bytes = new();
    private readonly List<(uint Spec, int Written, int Offset, int Length)> _columns = [];

    /// <summary>All inflated bytes; columns are at their <see cref="Offset"/>.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes.Written;

    /// <summary>Reads <c>uleb count, count × (uleb spec, uleb length)</c>, not yet the data.</summary>
    public void ReadLayout(ref ReadOnlySpan<byte> rest)
    {
        if (!Leb128.TryReadUnsigned(ref rest, out ulong count) || count > (ulong)rest.Length) DocumentFault.Throw("malformed column list");
        long previous = -1;
        for (ulong i = 0; i < count; i++)
        {
            if (!Leb128.TryReadUInt32(ref rest, out uint spec) | !Leb128.TryReadUInt32(ref rest, out uint length)) DocumentFault.Throw("malformed column list");
            if (length > (uint)rest.Length) DocumentFault.Throw("columns longer than the chunk");
            uint normal = spec & ~ColumnSpec.DeflateBit;
            if (normal <= previous) DocumentFault.Throw("columns were not in normalized order");
            previous = normal;
            _columns.Add((spec, (int)length, 0, 0));
        }
    }

    /// <summary>Reads the column data behind both layouts, inflating what is deflated.</summary>
    public void ReadData(ref ReadOnlySpan<byte> rest, int maxColumnBytes, int maxTotalBytes)
    {
        for (int i = 0; i < _columns.Count; i++)
        {
            (uint spec, int written, _, _) = _columns[i];
            if (written > rest.Length) DocumentFault.Throw("columns longer than the chunk");
            int offset = _bytes.Length;
            if ((spec & ColumnSpec.DeflateBit) != 0) Inflate(rest[..written], Math.Min(maxColumnBytes, maxTotalBytes - offset));
            else if (written > maxTotalBytes - offset) DocumentFault.Throw(ChunkError.InflatesTooLarge.Describe());
            else _bytes.WriteBytes(rest[..written]);
            rest = rest[written..];
            _columns[i] = (spec & ~ColumnSpec.DeflateBit, written, offset, _bytes.Length - offset);
        }
    }

    /// <summary>Reads the data of some columns and passes over the others, which are then empty.</summary>
    public void ReadData(ref ReadOnlySpan<byte> rest, ReadOnlySpan<uint> wanted, int maxColumnBytes)
    {
        for (int i = 0; i < _columns.Count; i++)
        {
            (uint spec, int written, _, _) = _columns[i];
            if (written > rest.Length) DocumentFault.Throw("columns longer than the chunk");
            int offset = _bytes.Length;
            if (wanted.Contains(spec & ~ColumnSpec.DeflateBit))
            {
                if ((spec & ColumnSpec.DeflateBit) != 0) Inflate(rest[..written], maxColumnBytes);
                else _bytes.WriteBytes(rest[..written]);
            }

            rest = rest[written..];
            _columns[i] = (spec & ~ColumnSpec.DeflateBit, written, offset, _bytes.Length - offset);
        }
    }

    /// <summary>Passes over the column data, which nobody will ask for.</summary>
    public void SkipData(ref ReadOnlySpan<byte> rest)
    {
        foreach ((_, int written, _, _) in _columns)
        {
            if (written > rest.Length) DocumentFault.Throw("columns longer than the chunk");
            rest = rest[written..];
        }
    }

    /// <summary>A column's bytes; empty when it is absent.</summary>
    public ReadOnlySpan<byte> Get(uint spec)
    {
        foreach ((uint known, _, int offset, int length) in _columns)
            if (known == spec) return _bytes.Written.Slice(offset, length);
        return default;
    }

    /// <summary>Where a column begins in <see cref="Bytes"/>.</summary>
    public int Offset(uint spec)
    {
        foreach ((uint known, _, int offset, _) in _columns)
            if (known == spec) return offset;
        return 0;
    }

    public void Dispose() => _bytes.Dispose();

    private void Inflate(ReadOnlySpan<byte> deflated, int limit)
    {
        ChunkError error = BoundedInflate.TryInflate(deflated, limit, _bytes);
        if (error != ChunkError.None) DocumentFault.Throw(error.Describe());
    }
}
