using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Automerge.Columns;

/// <summary>
/// Reads a run-length encoded column of integers and accepts only its canonical form, because whatever else decodes to
/// the same values would be written back as other bytes and so get another hash:
/// <code>
/// leb n > 0: value, n ≥ 2 times | n &lt; 0: −n single values | 0: uleb k nulls
/// </code>
/// Runs are maximal: neighbours never hold equal values, two literals or two null runs, and a column of nulls only is
/// absent. Runs are handed out as runs, so a claim of 2⁴⁰ rows costs nothing until somebody walks them.
/// </summary>
[SuppressMessage("Performance", "CA1815", Justification = "A cursor; never compared.")]
internal ref struct IntegerColumnReader
{
    /// <summary>The value of a null row; no column may hold the number itself.</summary>
    public const long Null = long.MinValue;

    private readonly bool _signed;
    private ReadOnlySpan<byte> _rest;
    private long _literals;
    private RunKind _kind;

    /// <summary>An absent column is <paramref name="rows"/> nulls.</summary>
    public IntegerColumnReader(ReadOnlySpan<byte> column, bool signed, long rows)
    {
        _signed = signed;
        _rest = column;
        Value = Null;
        if (column.IsEmpty) Remaining = rows;
    }

    /// <summary>The value of the current run; <see cref="Null"/> for none.</summary>
    public long Value { get; private set; }

    /// <summary>Rows left in the current run.</summary>
    public long Remaining { get; private set; }

    /// <summary>What was wrong with the column, if anything.</summary>
    public string? Fault { get; private set; }

    /// <summary>Whether every row has been taken.</summary>
    public readonly bool AtEnd => Remaining == 0 && _literals == 0 && _rest.IsEmpty && Fault is null;

    /// <summary>Makes sure a current run exists.</summary>
    /// <returns>false: the column has ended, or is at <see cref="Fault"/>.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Prepare() => Remaining > 0 || Load();

    /// <summary>Takes rows of the current run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(long rows) => Remaining -= rows;

    /// <summary>Takes one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryNext(out long value)
    {
        bool any = Remaining > 0 || Load();
        value = Value;
        Remaining--;
        return any;
    }

    /// <summary>Counts the rows without expanding them.</summary>
    /// <returns>false: damaged, or more than <paramref name="rowsMax"/>.</returns>
    public static bool TryCount(ReadOnlySpan<byte> column, bool signed, long rowsMax, out long rows)
    {
        rows = 0;
        IntegerColumnReader reader = new(column, signed, 0);
        while (reader.Prepare())
        {
            if (reader.Remaining > rowsMax - rows) return false;
            rows += reader.Remaining;
            reader.Take(reader.Remaining);
        }

        return reader.Fault is null;
    }

    private bool Load()
    {
        if (_literals > 0) return LoadLiteral();
        if (_rest.IsEmpty || Fault is not null) return false;
        if (!Leb128.TryReadSigned(ref _rest, out long count)) return Fail("malformed run length");
        if (count < 0) return LoadLiterals(count);
        if (count == 0) return LoadNulls();

        if (count == 1) return Fail("repeat run with count < 2");
        if (!TryReadValue(out long value)) return Fail("malformed number");
        if (value == Value && _kind is RunKind.Repeat or RunKind.Literal) return Fail("neighbouring runs of the same value");
        _kind = RunKind.Repeat;
        Value = value;
        Remaining = count;
        return true;
    }

    private bool LoadLiterals(long negativeCount)
    {
        if (_kind == RunKind.Literal) return Fail("literal runs next to each other");
        if (negativeCount < -_rest.Length) return Fail("literal run longer than its column");
        if (!TryReadValue(out long value)) return Fail("malformed number");
        if (value == Value && _kind == RunKind.Repeat) return Fail("neighbouring runs of the same value");
        _literals = -negativeCount - 1;
        _kind = RunKind.Literal;
        Value = value;
        Remaining = 1;
        return true;
    }

    private bool LoadLiteral()
    {
        if (!TryReadValue(out long value)) return Fail("malformed number");
        if (value == Value) return Fail("literal has consecutive equal values");
        _literals--;
        Value = value;
        Remaining = 1;
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
        Value = Null;
        Remaining = (long)count;
        return true;
    }

    private bool TryReadValue(out long value)
    {
        if (_signed) return Leb128.TryReadSigned(ref _rest, out value) && value != Null;
        bool ok = Leb128.TryReadUnsigned(ref _rest, out ulong bits) && bits <= long.MaxValue;
        value = (long)bits;
        return ok;
    }

    private bool Fail(string what)
    {
        Fault = what;
        _literals = 0;
        return false;
    }
}

/// <summary>The run that came before, on which canonical form depends.</summary>
internal enum RunKind : byte
{
    None,
    Repeat,
    Literal,
    Null,
}
