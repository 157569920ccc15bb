using System.IO.Pipelines;

namespace Ratatoskr.Http.Endpoints;

/// <summary>
/// A request's body for somebody who may stop in the middle of it, by an exception too: what he has looked at and not taken is given back, so that Kestrel can pass over the rest and
/// the connection goes on. Without that it would end behind the answer, and the client's next request with it.
/// </summary>
/// <remarks>One reader at a time.</remarks>
internal sealed class GivenBackReader(PipeReader body) : PipeReader, IDisposable
{
    private SequencePosition? _seen;

    public void Dispose()
    {
        if (_seen is { } end) AdvanceTo(end);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _seen = null;
        body.AdvanceTo(consumed, examined);
    }

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => Note(await body.ReadAsync(cancellationToken).ConfigureAwait(false));

    public override bool TryRead(out ReadResult result)
    {
        if (!body.TryRead(out result)) return false;
        Note(result);
        return true;
    }

    public override void CancelPendingRead() => body.CancelPendingRead();

    public override void Complete(Exception? exception = null) => body.Complete(exception);

    protected override async ValueTask<ReadResult> ReadAtLeastAsyncCore(int minimumSize, CancellationToken cancellationToken) =>
        Note(await body.ReadAtLeastAsync(minimumSize, cancellationToken).ConfigureAwait(false));

    private ReadResult Note(ReadResult result)
    {
        _seen = result.Buffer.End;
        return result;
    }
}
