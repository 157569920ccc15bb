using System.Formats.Cbor;
using Automerge.Changes;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Sessions;

/// <summary>
/// A peer inside this process, which brings one change and waits for its acknowledgement: what the API writes goes the way of every edit, through the same
/// decisions, limits and checks, and is stored, passed on and acknowledged as others' are.
/// </summary>
/// <remarks>Completed by the shard, once; safe on any thread.</remarks>
/// <param name="change">The change it brings.</param>
/// <param name="onlyIfHeads">The heads, ascending, that the document must have when the change is taken; null for any.</param>
internal sealed class LocalPeer(ChangeHash change, ChangeHash[]? onlyIfHeads) : IPeerConnection
{
    private readonly TaskCompletionSource<Submission> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task<Submission> Done => _done.Task;

    public long QueuedBytes => 0;

    public bool IsWritable => true;

    /// <summary>Whether its change may be taken into a document that is like this. Asked before anything is taken; when not, it has been told.</summary>
    public bool MayEnter(ChangeGraph graph)
    {
        if (onlyIfHeads is null || graph.Heads.SequenceEqual(onlyIfHeads) || graph.Contains(change)) return true;
        _done.TrySetResult(new Submission(SubmissionResult.Moved));
        return false;
    }

    /// <summary>Its turn to be spoken to has come: whatever it wrote is on disk.</summary>
    public void Acknowledge(ChangeGraph graph) =>
        _done.TrySetResult(new Submission(graph.Contains(change) ? SubmissionResult.Stored : SubmissionResult.NotHeard));

    public void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body)
    {
        byte[] frame = [.. envelope];
        if (body is not null || MessageReader.Read(frame, out RepoMessage message, out _) != ReadOutcome.Message) return;
        if (message.Kind == MessageKind.Error) _done.TrySetResult(ReadError(frame));
        else if (message.Kind == MessageKind.DocUnavailable) _done.TrySetResult(new Submission(SubmissionResult.Unavailable));
    }

    public void Flush()
    {
    }

    public void Close(CloseCode code, string reason) => _done.TrySetResult(new Submission(SubmissionResult.Unavailable));

    private static Submission ReadError(byte[] frame)
    {
        Submission error = new(SubmissionResult.Refused);
        CborReader reader = new(frame);
        for (int? left = reader.ReadStartMap(); left is not 0 && reader.PeekState() != CborReaderState.EndMap; left--)
        {
            string name = reader.ReadTextString();
            switch (name)
            {
                case "error":
                    error = error with { Error = reader.ReadTextString() };
                    break;
                case "message":
                    error = error with { Message = reader.ReadTextString() };
                    break;
                case "quota":
                    error = error with { Quota = reader.ReadTextString() };
                    break;
                case "current":
                    error = error with { Current = reader.ReadInt64() };
                    break;
                case "limit":
                    error = error with { Limit = reader.ReadInt64() };
                    break;
                case "retryAfter":
                    error = error with { RetryAfterSeconds = reader.ReadInt64() };
                    break;
                default:
                    reader.SkipValue();
                    break;
            }
        }

        return error;
    }
}
