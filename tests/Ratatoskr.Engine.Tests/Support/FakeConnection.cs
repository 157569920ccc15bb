using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>A connection without a socket: keeps whole messages until somebody takes them.</summary>
internal sealed class FakeConnection : IPeerConnection
{
    /// <summary>What the server has sent and the peer has not taken.</summary>
    public Queue<byte[]> Sent { get; } = new();

    /// <summary>Called with every message as it is sent.</summary>
    public Action<byte[]>? OnSend { get; set; }

    public bool IsWritable { get; set; } = true;

    public long QueuedBytes => 0;

    /// <summary>Sent and not given to the socket; a turn must leave none behind.</summary>
    public int Unflushed { get; private set; }

    public CloseCode? ClosedWith { get; private set; }

    public string CloseReason { get; private set; } = "";

    /// <summary>The peer is gone: what is sent is dropped.</summary>
    public bool IsCut { get; set; }

    /// <summary>Answers no ping.</summary>
    public bool IsSilent { get; set; }

    public ValueTask<bool> AnswersAsync(int withinMs) => ValueTask.FromResult(!IsSilent && !IsCut && ClosedWith is null);

    public void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body)
    {
        if (IsCut || ClosedWith is not null) return;
        byte[] message = [.. envelope, .. body is null ? [] : body.Span];
        Unflushed++;
        Sent.Enqueue(message);
        OnSend?.Invoke(message);
    }

    public void Flush() => Unflushed = 0;

    public void Close(CloseCode code, string reason)
    {
        if (ClosedWith is not null) return;
        ClosedWith = code;
        CloseReason = reason;
        Flush();
    }
}

/// <summary>Takes everything and keeps nothing, so that only the engine's own allocations are seen.</summary>
internal sealed class SilentConnection : IPeerConnection
{
    public int Messages { get; private set; }

    public long Bytes { get; private set; }

    public long QueuedBytes => 0;

    public bool IsWritable => true;

    public void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body)
    {
        Messages++;
        Bytes += envelope.Length + (body?.Length ?? 0);
    }

    public void Flush()
    {
    }

    public void Close(CloseCode code, string reason)
    {
    }
}
