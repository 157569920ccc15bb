using System.Diagnostics;
using Automerge.Format;

namespace Automerge.Changes;

/// <summary>
/// What changes say that nothing but their readers needs: time, message and extra bytes of every row of a <see cref="ChangeGraph"/>, which does not keep them.
/// </summary>
/// <remarks>
/// Not thread-safe: one owner. 4 bytes a change where times lie within 68 years of the first (8 otherwise), and 8 and the bytes for every message or extra bytes that
/// differ from those of the change before.
/// </remarks>
internal sealed partial class ChangeLog
{
    private readonly ByteRuns _messages = new();
    private readonly ByteRuns _extras = new();

    // Times as differences to the first one, modulo 2⁶⁴; all of them in _far once one did not fit.
    private long _first;
    private int[] _near = [];
    private long[]? _far;

    /// <summary>Rows.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes this object holds, about.</summary>
    public long MemoryBytes => 150 + (sizeof(int) * (long)_near.Length) + (sizeof(long) * (long)(_far?.Length ?? 0)) + _messages.MemoryBytes + _extras.MemoryBytes;

    /// <summary>What the author wrote as time: seconds since 1970, by convention only.</summary>
    public long TimeOf(int row)
    {
        CheckRow(row);
        return _far is null ? unchecked(_first + _near[row]) : _far[row];
    }

    /// <summary>The message in UTF-8; empty means none. Valid until the next addition.</summary>
    public ReadOnlySpan<byte> MessageOf(int row)
    {
        CheckRow(row);
        return _messages[row];
    }

    /// <summary>The bytes after the change's columns. Valid until the next addition.</summary>
    public ReadOnlySpan<byte> ExtraOf(int row)
    {
        CheckRow(row);
        return _extras[row];
    }

    /// <summary>Adds the row of a change that the graph took in.</summary>
    public void Add(in ChangeHeader header) => Add(header.Time, header.Message, header.ExtraBytes);

    public void Add(long time, ReadOnlySpan<byte> message, ReadOnlySpan<byte> extra)
    {
        _messages.Append(Count, message);
        _extras.Append(Count, extra);
        AddTime(time);
        Count++;
    }

    /// <summary>Takes memory for rows to come, so that none is left over.</summary>
    public void Reserve(int rows)
    {
        if (_far is not null) Array.Resize(ref _far, Math.Max(_far.Length, Count + rows));
        else Array.Resize(ref _near, Math.Max(_near.Length, Count + rows));
    }

    private void AddTime(long time)
    {
        if (Count == 0) _first = time;
        long difference = unchecked(time - _first);
        if (_far is null && difference is < int.MinValue or > int.MaxValue) Widen();
        if (_far is not null)
        {
            if (Count == _far.Length) Array.Resize(ref _far, Grown(Count));
            _far[Count] = time;
            return;
        }

        if (Count == _near.Length) Array.Resize(ref _near, Grown(Count));
        _near[Count] = (int)difference;
    }

    private void Widen()
    {
        _far = new long[Math.Max(1, _near.Length)];
        for (int row = 0; row < Count; row++) _far[row] = unchecked(_first + _near[row]);
        _near = [];
    }

    private static int Grown(int count) => count < 2 ? count + 1 : count + (count / 2);

    private void CheckRow(int row) => ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count, nameof(row));

    /// <summary>Bytes of every row, kept once for all neighbours that have the same: mostly all, having none.</summary>
    private sealed class ByteRuns
    {
        private const int BytesMax = 1 << 30;

        // Run i has the rows from _starts[i] and the bytes from _offsets[i] up to those of the next.
        private int[] _starts = [];
        private int[] _offsets = [];
        private int _count;
        private byte[] _bytes = [];
        private int _length;

        public long MemoryBytes => (sizeof(int) * ((long)_starts.Length + _offsets.Length)) + _bytes.Length;

        // No run: no bytes, as before the first.
        public ReadOnlySpan<byte> this[int row]
        {
            get
            {
                int run = _starts.AsSpan(0, _count).BinarySearch(row);
                return Run(run < 0 ? ~run - 1 : run);
            }
        }

        public void Append(int row, ReadOnlySpan<byte> bytes)
        {
            Debug.Assert(_count == 0 || _starts[_count - 1] < row, "rows come one after the other");
            if (bytes.SequenceEqual(Run(_count - 1))) return;
            if (bytes.Length > BytesMax - _length) throw new AutomergeFormatException("messages and extra bytes of all changes grow beyond 1 GiB");
            if (_count == _starts.Length)
            {
                Array.Resize(ref _starts, Math.Max(2, Grown(_count)));
                Array.Resize(ref _offsets, _starts.Length);
            }

            if (_length + bytes.Length > _bytes.Length) Array.Resize(ref _bytes, Math.Max(_length + bytes.Length, Grown(_bytes.Length)));
            (_starts[_count], _offsets[_count]) = (row, _length);
            bytes.CopyTo(_bytes.AsSpan(_length));
            _length += bytes.Length;
            _count++;
        }

        private ReadOnlySpan<byte> Run(int run)
        {
            if (run < 0) return default;
            int end = run + 1 < _count ? _offsets[run + 1] : _length;
            return _bytes.AsSpan(_offsets[run], end - _offsets[run]);
        }
    }
}
