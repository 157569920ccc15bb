namespace Automerge.Columns;

/// <summary>Writes a run-length encoded column of UTF-8 strings, run by run; as <see cref="IntegerColumnWriter"/>.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class StringColumnWriter : IDisposable
{
    private const int NoLiteral = -1;

    private readonly PooledBuffer _output = new();

    // The run that is being gathered, its string copied.
    private readonly PooledBuffer _value = new();
    private bool _isNull = true;
    private long _count;

    private int _literalAt = NoLiteral;
    private int _literals;

    public void Append(ReadOnlySpan<byte> value, long count = 1)
    {
        if (count == 0) return;
        if (!_isNull && value.SequenceEqual(_value.Written))
        {
            _count += count;
            return;
        }

        WriteRun();
        _isNull = false;
        _value.Clear();
        _value.WriteBytes(value);
        _count = count;
    }

    public void AppendNulls(long count)
    {
        if (!_isNull && count > 0)
        {
            WriteRun();
            _isNull = true;
            _count = 0;
        }

        _count += count;
    }

    /// <summary>Ends the column: nothing when all rows are null. Valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        if (!_isNull || _output.Length > 0) WriteRun();
        CloseLiteral();
        _count = 0;
        return _output.Written;
    }

    public void Dispose()
    {
        _output.Dispose();
        _value.Dispose();
    }

    private void WriteRun()
    {
        if (_count == 0) return;
        if (_isNull)
        {
            CloseLiteral();
            _output.WriteByte(0);
            _output.WriteUnsigned((ulong)_count);
            return;
        }

        if (_count > 1)
        {
            CloseLiteral();
            _output.WriteSigned(_count);
        }
        else
        {
            if (_literalAt == NoLiteral)
            {
                _literalAt = _output.Length;
                _output.WriteByte(0);
            }

            _literals++;
        }

        _output.WritePrefixed(_value.Written);
    }

    private void CloseLiteral()
    {
        if (_literalAt == NoLiteral) return;
        LiteralCount.Write(_output, _literalAt, _literals);
        _literalAt = NoLiteral;
        _literals = 0;
    }
}
