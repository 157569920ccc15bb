using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;

namespace Ratatoskr.Http.Endpoints;

/// <summary>An answer's body, whose reader is waited for as long as it takes something, and cut off when it takes nothing (<see cref="ResponseRoom.StallMax"/>).</summary>
/// <remarks>One caller at a time.</remarks>
internal sealed class PacedWriter(HttpContext context, ResponseRoom room) : PipeWriter
{
    private readonly PipeWriter _body = context.Response.BodyWriter;

    /// <summary>Bytes written.</summary>
    public long Written { get; private set; }

    public override bool CanGetUnflushedBytes => _body.CanGetUnflushedBytes;

    public override long UnflushedBytes => _body.UnflushedBytes;

    public override void Advance(int bytes)
    {
        _body.Advance(bytes);
        Written += bytes;
    }

    public override Memory<byte> GetMemory(int sizeHint = 0) => _body.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _body.GetSpan(sizeHint);

    public override void CancelPendingFlush() => _body.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => _body.Complete(exception);

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        ValueTask<FlushResult> flushing = _body.FlushAsync(cancellationToken);
        return flushing.IsCompleted ? flushing : WaitAsync(flushing.AsTask());
    }

    private async ValueTask<FlushResult> WaitAsync(Task<FlushResult> flushing)
    {
        await room.WaitAsync(context, flushing).ConfigureAwait(false);
        return await flushing.ConfigureAwait(false);
    }
}
