using Ratatoskr.Engine.Buffers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Sessions;

/// <summary>
/// The engine's side of one open WebSocket: Transport implements it, sessions and shards call it.
/// </summary>
/// <remarks>Every member is safe on any thread and never blocks.</remarks>
public interface IPeerConnection
{
    /// <summary>Bytes accepted by <see cref="Send"/> and not yet given to the socket.</summary>
    long QueuedBytes { get; }

    /// <summary>
    /// Whether the connection wants more. false from the moment the queue passes its high-water mark (or the socket is gone) until it has drained;
    /// then <see cref="IPeerSession.Drained"/> is called once. A caller that respects it never builds a backlog: it remembers state, not messages.
    /// </summary>
    bool IsWritable { get; }

    /// <summary>
    /// Sends one binary message: <paramref name="envelope"/> (copied before the call returns) followed by <paramref name="body"/>
    /// (retained until written; the caller keeps its own reference). Always accepted while the connection lives, whatever <see cref="IsWritable"/> says;
    /// silently dropped afterwards. Bytes leave at the latest at the next <see cref="Flush"/>.
    /// </summary>
    void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body);

    /// <summary>
    /// Gives what was sent to the socket. A shard calls it once per connection and turn, after all its sends; the connection does so itself when its session has taken all
    /// that came in, and when it closes.
    /// </summary>
    void Flush();

    /// <summary>Starts the close handshake; what was sent before still goes out. Repeated calls do nothing.</summary>
    void Close(CloseCode code, string reason);

    /// <summary>Pings the peer and waits for any sign of life.</summary>
    /// <returns>false: it gave none within <paramref name="withinMs"/>. A connection that cannot ask is taken to be alive.</returns>
    ValueTask<bool> AnswersAsync(int withinMs) => ValueTask.FromResult(true);
}
