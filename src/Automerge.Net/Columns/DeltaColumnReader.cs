using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Automerge.Columns;

/// <summary>
/// Reads a column of differences: each row is the last non-null value plus its own. Counters and rows are meant, so a
/// value outside 0 … 2³²−1 is a fault ("counter too large").
/// </summary>
[SuppressMessage("Performance", "CA1815", Justification = "A cursor; never compared.")]
internal ref struct DeltaColumnReader
{
    private IntegerColumnReader _deltas;
    private long _last;

    /// <summary>An absent column is <paramref name="rows"/> nulls.</summary>
    public DeltaColumnReader(ReadOnlySpan<byte> column, long rows) => _deltas = new IntegerColumnReader(column, signed: true, rows);

    /// <summary>Whether the current run is null.</summary>
    public readonly bool IsNull => _deltas.Value == IntegerColumnReader.Null;

    /// <summary>Value of the first row of the current run, or the null value.</summary>
    public readonly long First => IsNull ? IntegerColumnReader.Null : _last + _deltas.Value;

    /// <summary>What each further row of the current run adds.</summary>
    public readonly long Step => _deltas.Value;

    /// <summary>Rows left in the current run.</summary>
    public readonly long Remaining => _deltas.Remaining;

    /// <summary>What was wrong with the column, if anything.</summary>
    public string? Fault { readonly get => field ?? _deltas.Fault; private set; }

    /// <summary>Whether every row has been taken.</summary>
    public readonly bool AtEnd => _deltas.AtEnd;

    /// <summary>Makes sure a current run exists.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Prepare() => _deltas.Remaining > 0 || _deltas.Prepare();

    /// <summary>Takes rows of the current run; false when a value leaves the range.</summary>
    public bool Take(long rows)
    {
        long step = _deltas.Value;
        _deltas.Take(rows);
        if (step == IntegerColumnReader.Null) return true;
        long high = Math.BigMul(step, rows, out long change);     // not Int128: methods with it are not compiled ahead
        long first = unchecked(_last + step);
        bool isFar = high != change >> 63 || change is < -uint.MaxValue or > uint.MaxValue;
        if (isFar || step is < -uint.MaxValue or > uint.MaxValue || first is < 0 or > uint.MaxValue || _last + change is < 0 or > uint.MaxValue)
        {
            Fault = "counter too large";
            return false;
        }

        _last += change;
        return true;
    }

    /// <summary>Takes one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryNext(out long value)
    {
        if (!_deltas.TryNext(out long delta))
        {
            value = IntegerColumnReader.Null;
            return false;
        }

        if (delta == IntegerColumnReader.Null)
        {
            value = delta;
            return true;
        }

        // _last is in range, so the sum cannot wrap into it unless the delta is itself out of range.
        value = unchecked(_last + delta);
        if ((ulong)value > uint.MaxValue)
        {
            Fault = "counter too large";
            return false;
        }

        _last = value;
        return true;
    }
}
