using Automerge.Columns;
using Automerge.Format;

namespace Automerge.Documents;

/// <summary>Lays out sets of columns as documents have them: lists of what there is in one buffer, all data in another.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class DocumentColumnsWriter(PooledBuffer layout, PooledBuffer data) : IDisposable
{
    /// <summary>From this size on every column is deflated, even one that grows by it: 3.5.0 does so.</summary>
    private const int DeflatedFrom = 256;

    private readonly PooledBuffer _list = new();
    private int _count;

    /// <summary>Adds a column of the current set, in ascending order; an empty one is absent.</summary>
    public void Add(uint spec, ReadOnlySpan<byte> column)
    {
        if (column.IsEmpty) return;
        int start = data.Length;
        if (column.Length >= DeflatedFrom)
        {
            spec |= ColumnSpec.DeflateBit;
            RawDeflate.Append(column, data);
        }
        else
        {
            data.WriteBytes(column);
        }

        _list.WriteUnsigned(spec);
        _list.WriteUnsigned((ulong)(data.Length - start));
        _count++;
    }

    /// <summary>Ends the current set.</summary>
    public void End()
    {
        layout.WriteUnsigned((ulong)_count);
        layout.WriteBytes(_list.Written);
        _list.Clear();
        _count = 0;
    }

    public void Dispose() => _list.Dispose();
}
