using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace Automerge.Columns;

/// <summary>
/// Reads a boolean column: alternating run lengths, the first one of false. Canonical: no run is empty, except the first
/// when a run of true follows.
/// </summary>
[SuppressMessage("Performance", "CA1815", Justification = "A cursor; never compared.")]
internal ref struct BooleanColumnReader
{
    private ReadOnlySpan<byte> _rest;
    private bool _started;

    /// <summary>An absent column is <paramref name="rows"/> times false.</summary>
    public BooleanColumnReader(ReadOnlySpan<byte> column, long rows)
    {
        _rest = column;
        if (column.IsEmpty) Remaining = rows;
    }

    /// <summary>The value of the current run.</summary>
    public bool Value { get; private set; }

    /// <summary>Rows left in the current run.</summary>
    public long Remaining { get; private set; }

    /// <summary>What was wrong with the column, if anything.</summary>
    public string? Fault { get; private set; }

    /// <summary>Whether every row has been taken.</summary>
    public readonly bool AtEnd => Remaining == 0 && _rest.IsEmpty && Fault is null;

    /// <summary>Makes sure a current run exists.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Prepare() => Remaining > 0 || Load();

    /// <summary>Takes rows of the current run.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Take(long rows) => Remaining -= rows;

    /// <summary>Takes one row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool TryNext(out bool value)
    {
        bool any = Remaining > 0 || Load();
        value = Value;
        Remaining--;
        return any;
    }

    private bool Load()
    {
        if (_rest.IsEmpty || Fault is not null) return false;
        if (!TryReadCount(out long count)) return false;
        if (_started) Value = !Value;
        if (count == 0)
        {
            if (_started) return Fail("empty boolean run");
            if (_rest.IsEmpty) return Fail("boolean column without rows");
            if (!TryReadCount(out count)) return false;
            if (count == 0) return Fail("empty boolean run");
            Value = true;
        }

        _started = true;
        Remaining = count;
        return true;
    }

    private bool TryReadCount(out long count)
    {
        bool ok = Leb128.TryReadUnsigned(ref _rest, out ulong bits) && bits <= long.MaxValue;
        count = (long)bits;
        return ok || Fail("malformed run length");
    }

    private bool Fail(string what)
    {
        Fault = what;
        return false;
    }
}
