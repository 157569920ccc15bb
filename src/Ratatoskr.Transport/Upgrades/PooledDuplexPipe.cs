using System.IO.Pipelines;

namespace Ratatoskr.Transport.Upgrades;

/// <summary>
/// Takes what waits for the socket back to the thread pool. Our own loop may run on the thread that the socket wakes; code behind the HTTP
/// stack may block (a file, a database), and that thread has other sockets to serve.
/// </summary>
internal sealed class PooledDuplexPipe(IDuplexPipe inner) : IDuplexPipe
{
    public PipeReader Input { get; } = new Reader(inner.Input);

    public PipeWriter Output { get; } = new Writer(inner.Output);

    private static async ValueTask<T> OnPool<T>(ValueTask<T> pending)
    {
        T result = await pending.ConfigureAwait(false);
        await Task.Yield();         // no context here, so this means the pool
        return result;
    }

    private sealed class Reader(PipeReader inner) : PipeReader
    {
        public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            ValueTask<ReadResult> read = inner.ReadAsync(cancellationToken);
            return read.IsCompleted ? read : OnPool(read);
        }

        public override bool TryRead(out ReadResult result) => inner.TryRead(out result);

        public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);
    }

    private sealed class Writer(PipeWriter inner) : PipeWriter
    {
        public override bool CanGetUnflushedBytes => inner.CanGetUnflushedBytes;

        public override long UnflushedBytes => inner.UnflushedBytes;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
        {
            ValueTask<FlushResult> flush = inner.FlushAsync(cancellationToken);
            return flush.IsCompleted ? flush : OnPool(flush);
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => inner.GetMemory(sizeHint);

        public override Span<byte> GetSpan(int sizeHint = 0) => inner.GetSpan(sizeHint);

        public override void Advance(int bytes) => inner.Advance(bytes);

        public override void CancelPendingFlush() => inner.CancelPendingFlush();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

        public override ValueTask CompleteAsync(Exception? exception = null) => inner.CompleteAsync(exception);
    }
}
