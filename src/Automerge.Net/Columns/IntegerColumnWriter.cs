using System.Runtime.CompilerServices;

namespace Automerge.Columns;

/// <summary>
/// Writes a run-length encoded column of integers in its canonical form (see <see cref="IntegerColumnReader"/> for the layout), run by run: rows that repeat cost
/// nothing, and neither need rows be gathered first as for <see cref="ColumnWriter"/>.
/// </summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class IntegerColumnWriter(bool signed) : IDisposable
{
    private const int NoLiteral = -1;

    private readonly PooledBuffer _output = new();

    // The run that is being gathered: nothing yet counts as an empty one of nulls.
    private long _value = IntegerColumnReader.Null;
    private long _count;

    // An open literal: where its count belongs, for which one byte is kept, and how many values follow.
    private int _literalAt = NoLiteral;
    private int _literals;

    /// <summary>Appends a value, or <see cref="IntegerColumnReader.Null"/>, a number of times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append(long value, long count = 1)
    {
        if (value == _value) _count += count;
        else if (count > 0) Begin(value, count);
    }

    /// <summary>Ends the column: nothing when all rows are null. Valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        if (_value != IntegerColumnReader.Null || _output.Length > 0) WriteRun();
        CloseLiteral();
        _count = 0;
        return _output.Written;
    }

    public void Dispose() => _output.Dispose();

    private void Begin(long value, long count)
    {
        WriteRun();
        (_value, _count) = (value, count);
    }

    private void WriteRun()
    {
        if (_count == 0) return;
        if (_value == IntegerColumnReader.Null)
        {
            CloseLiteral();
            _output.WriteByte(0);
            _output.WriteUnsigned((ulong)_count);
        }
        else if (_count > 1)
        {
            CloseLiteral();
            _output.WriteSigned(_count);
            WriteValue();
        }
        else
        {
            if (_literalAt == NoLiteral) OpenLiteral();
            _literals++;
            WriteValue();
        }
    }

    private void WriteValue()
    {
        if (signed) _output.WriteSigned(_value);
        else _output.WriteUnsigned((ulong)_value);
    }

    private void OpenLiteral()
    {
        _literalAt = _output.Length;
        _output.WriteByte(0);
    }

    private void CloseLiteral()
    {
        if (_literalAt == NoLiteral) return;
        LiteralCount.Write(_output, _literalAt, _literals);
        _literalAt = NoLiteral;
        _literals = 0;
    }
}

/// <summary>The count of a literal run, which stands before values that are written before it is known.</summary>
internal static class LiteralCount
{
    /// <summary>Writes a count where one byte was kept for it, moving what follows if it needs more: from 65 values on.</summary>
    public static void Write(PooledBuffer output, int at, int count)
    {
        int more = Leb128.SignedLength(-count) - 1;
        if (more > 0)
        {
            int end = output.Length;
            output.GetSpan(more);
            output.Advance(more);
            output.Written[(at + 1)..end].CopyTo(output.Written[(at + 1 + more)..]);
        }

        Leb128.WriteSigned(output.Written[at..], -count);
    }
}
