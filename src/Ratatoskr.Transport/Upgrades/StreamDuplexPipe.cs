using System.IO.Pipelines;

namespace Ratatoskr.Transport.Upgrades;

/// <summary>A stream that the HTTP stack hands over, as the pipes that the connection loop takes. Does not own the stream.</summary>
internal sealed class StreamDuplexPipe(Stream stream) : IDuplexPipe
{
    // Zero-byte reads: an idle connection holds no read buffer.
    private static readonly StreamPipeReaderOptions s_readerOptions = new(leaveOpen: true, useZeroByteReads: true);
    private static readonly StreamPipeWriterOptions s_writerOptions = new(leaveOpen: true);

    public PipeReader Input { get; } = PipeReader.Create(stream, s_readerOptions);

    public PipeWriter Output { get; } = PipeWriter.Create(stream, s_writerOptions);

    /// <summary>Gives the buffers back. What was not flushed is lost.</summary>
    public async ValueTask CompleteAsync()
    {
        await Input.CompleteAsync().ConfigureAwait(false);
        await Output.CompleteAsync(new OperationCanceledException()).ConfigureAwait(false);
    }
}
