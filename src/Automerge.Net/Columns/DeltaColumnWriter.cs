using System.Runtime.CompilerServices;

namespace Automerge.Columns;

/// <summary>Writes a column of differences, run by run: counters that go up by one are one run however many.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class DeltaColumnWriter : IDisposable
{
    private readonly IntegerColumnWriter _deltas = new(signed: true);
    private long _last;

    /// <summary>Appends a value.</summary>
    /// <exception cref="OverflowException">It lies 2⁶³ or more from the last one, which the column cannot say.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append(long value)
    {
        long delta = checked(value - _last);
        if (delta == IntegerColumnReader.Null) throw new OverflowException();
        _deltas.Append(delta);
        _last = value;
    }

    /// <summary>Appends values, each <paramref name="step"/> more than the one before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AppendRun(uint first, int step, int count)
    {
        if (count == 0) return;
        _deltas.Append(first - _last);
        _deltas.Append(step, count - 1);
        _last = first + ((long)step * (count - 1));
    }

    public void AppendNulls(long count) => _deltas.Append(IntegerColumnReader.Null, count);

    /// <summary>Ends the column: nothing when all rows are null. Valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Finish() => _deltas.Finish();

    public void Dispose() => _deltas.Dispose();
}
