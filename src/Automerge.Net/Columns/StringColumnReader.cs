using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Unicode;

namespace Automerge.Columns;

/// <summary>
/// Reads a run-length encoded column of UTF-8 strings, canonical form only (see <see cref="IntegerColumnReader"/>).
/// Values stay where they are in the column.
/// </summary>
[SuppressMessage("Performance", "CA1815", Justification = "A cursor; never compared.")]
internal ref struct StringColumnReader
{
    private readonly ReadOnlySpan<byte> _column;
    private ReadOnlySpan<byte> _rest;
    private long _literals;
    private RunKind _kind;

    /// <summary>An absent column is <paramref name="rows"/> nulls.</summary>
    public StringColumnReader(ReadOnlySpan<byte> column, long rows)
    {
        _column = column;
        _rest = column;
        IsNull = true;
        if (column.IsEmpty) Remaining = rows;
    }

    /// <summary>Whether the current run is null.</summary>
    public bool IsNull { get; private set; }

    /// <summary>The string of the current run.</summary>
    public readonly ReadOnlySpan<byte> Value => _column.Slice(Offset, Length);

    /// <summary>Where the string of the current run begins in its column.</summary>
    public int Offset { get; private set; }

    /// <summary>Bytes of the string of the current run.</summary>
    public int Length { get; private set; }

    /// <summary>Rows left in the current run.</summary>
    public long Remaining { get; private set; }

    /// <summary>What was wrong with the column, if anything.</summary>
    public string? Fault { get; private set; }

    /// <summary>Whether every row has been taken.</summary>
    public readonly bool AtEnd => Remaining == 0 && _literals == 0 && _rest.IsEmpty && Fault is null;

    /// <summary>Makes sure a current run exists.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Prepare() => Remaining > 0 || Load();

    /// <summary>Takes rows of the current run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(long rows) => Remaining -= rows;

    private bool Load()
    {
        if (_literals > 0)
        {
            _literals--;
            return LoadValue(RunKind.Literal, 1, compare: true);
        }

        if (_rest.IsEmpty || Fault is not null) return false;
        if (!Leb128.TryReadSigned(ref _rest, out long count)) return Fail("malformed run length");
        if (count == 0) return LoadNulls();
        if (count == 1) return Fail("repeat run with count < 2");
        if (count > 0) return LoadValue(RunKind.Repeat, count, compare: _kind is RunKind.Repeat or RunKind.Literal);
        if (_kind == RunKind.Literal) return Fail("literal runs next to each other");
        if (count < -_rest.Length) return Fail("literal run longer than its column");
        _literals = -count - 1;
        return LoadValue(RunKind.Literal, 1, compare: _kind == RunKind.Repeat);
    }

    private bool LoadValue(RunKind kind, long count, bool compare)
    {
        if (!Leb128.TryReadUnsigned(ref _rest, out ulong length) || length > (ulong)_rest.Length) return Fail("malformed string");
        ReadOnlySpan<byte> value = _rest[..(int)length];
        if (compare && value.SequenceEqual(Value)) return Fail("neighbouring values are equal");
        if (!Utf8.IsValid(value)) return Fail("invalid string encoding");
        Offset = _column.Length - _rest.Length;
        Length = (int)length;
        _rest = _rest[(int)length..];
        _kind = kind;
        IsNull = false;
        Remaining = count;
        return true;
    }

    private bool LoadNulls()
    {
        if (!Leb128.TryReadUnsigned(ref _rest, out ulong count)) return Fail("malformed null run");
        if (count == 0) return Fail("null run with count 0");
        if (count > long.MaxValue) return Fail("null run too long");
        if (_kind == RunKind.Null) return Fail("null runs next to each other");
        if (_kind == RunKind.None && _rest.IsEmpty) return Fail("a column of nulls must be absent");
        _kind = RunKind.Null;
        IsNull = true;
        Remaining = (long)count;
        return true;
    }

    private bool Fail(string what)
    {
        Fault = what;
        _literals = 0;
        return false;
    }
}
