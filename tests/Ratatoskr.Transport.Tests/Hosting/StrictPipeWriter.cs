using System.IO.Pipelines;

namespace Ratatoskr.Transport.Tests.Hosting;

/// <summary>Holds its user to the rule that a pipe does not enforce: nothing is written, and no second flush begun, while a flush is pending.</summary>
internal sealed class StrictPipeWriter(PipeWriter inner) : PipeWriter
{
    private ValueTask<FlushResult>? _pending;

    /// <summary>Breaches of the rule.</summary>
    public int Breaches { get; private set; }

    public int FlushCount { get; private set; }

    /// <summary>The most bytes written between two flushes.</summary>
    public int LargestSlice { get; private set; }

    private int Slice { get; set; }

    public override void Advance(int bytes)
    {
        Check();
        Slice += bytes;
        LargestSlice = Math.Max(LargestSlice, Slice);
        inner.Advance(bytes);
    }

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        Check();
        return inner.GetMemory(sizeHint);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        Check();
        FlushCount++;
        Slice = 0;
        _pending = inner.FlushAsync(cancellationToken).Preserve();
        return _pending.Value;
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private void Check()
    {
        if (_pending is { IsCompleted: false }) Breaches++;
    }
}
