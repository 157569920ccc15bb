using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Simulation.Tests.Peers;

/// <summary>A connection without a socket, with a bound: above it the server is told to wait, below half of it to go on, as Transport does.</summary>
/// <param name="highWater">Bytes that may wait.</param>
/// <param name="sending">Told of every message when it is sent, before the peer has it.</param>
internal sealed class SimulatedConnection(int highWater, Action<byte[]> sending) : IPeerConnection
{
    private readonly Queue<byte[]> _unflushed = new();
    private readonly Queue<byte[]> _sent = new();
    private bool _isFull;

    public long QueuedBytes { get; private set; }

    public bool IsWritable => !_isFull && !IsCut && ClosedWith is null;

    /// <summary>The peer is gone: what is sent is dropped.</summary>
    public bool IsCut { get; set; }

    public CloseCode? ClosedWith { get; private set; }

    public string CloseReason { get; private set; } = "";

    /// <summary>Messages that the peer can take.</summary>
    public int Waiting => _sent.Count;

    /// <summary>It could take nothing before what is being sent now.</summary>
    public bool WasFullBeforeTurn => _isFull && _unflushed.Count == 0;

    /// <summary>Messages that nobody has flushed: after a turn there must be none.</summary>
    public int Unflushed => _unflushed.Count;

    public ValueTask<bool> AnswersAsync(int withinMs) => ValueTask.FromResult(!IsCut && ClosedWith is null);

    public void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body)
    {
        if (IsCut || ClosedWith is not null) return;
        byte[] message = new byte[envelope.Length + (body?.Length ?? 0)];
        envelope.CopyTo(message);
        body?.Span.CopyTo(message.AsSpan(envelope.Length));
        sending(message);
        _unflushed.Enqueue(message);
        QueuedBytes += message.Length;
        if (QueuedBytes > highWater) _isFull = true;
    }

    public void Flush()
    {
        while (_unflushed.TryDequeue(out byte[]? message)) _sent.Enqueue(message);
    }

    public void Close(CloseCode code, string reason)
    {
        if (ClosedWith is not null) return;
        Flush();
        ClosedWith = code;
        CloseReason = reason;
    }

    /// <param name="message">The oldest message that was sent.</param>
    /// <param name="drained">There is room again: the session is to be told.</param>
    public bool TryTake(out byte[]? message, out bool drained)
    {
        drained = false;
        if (!_sent.TryDequeue(out message)) return false;
        QueuedBytes -= message.Length;
        if (!_isFull || QueuedBytes > highWater / 2) return true;
        _isFull = false;
        drained = true;
        return true;
    }
}
