using System.Runtime.CompilerServices;

namespace Automerge.Columns;

/// <summary>Writes a boolean column (see <see cref="BooleanColumnReader"/>), run by run.</summary>
/// <remarks>One owner, one thread; <see cref="Dispose"/> gives the memory back.</remarks>
internal sealed class BooleanColumnWriter : IDisposable
{
    private readonly PooledBuffer _output = new();
    private bool _value;
    private long _count;

    /// <summary>Whether any row is true: where absent means false, a column without is not written.</summary>
    public bool AnyTrue => _value || _output.Length > 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Append(bool value, long count = 1)
    {
        if (value == _value) _count += count;
        else if (count > 0) Begin(value, count);
    }

    /// <summary>Ends the column: nothing when there are no rows. Valid until <see cref="Dispose"/>.</summary>
    public ReadOnlySpan<byte> Finish()
    {
        if (_count > 0) _output.WriteUnsigned((ulong)_count);
        _count = 0;
        return _output.Written;
    }

    public void Dispose() => _output.Dispose();

    // Written even when empty: that is how a column begins with true.
    private void Begin(bool value, long count)
    {
        _output.WriteUnsigned((ulong)_count);
        (_value, _count) = (value, count);
    }
}
