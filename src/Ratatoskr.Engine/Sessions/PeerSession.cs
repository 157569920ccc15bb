namespace Ratatoskr.Engine.Sessions;

/// <summary>One connection as the engine sees it: handshake, then messages to shards. Made by <c>SyncEngine.Connect</c>.</summary>
/// <remarks>One caller at a time for <see cref="ReceiveAsync"/>; the rest is safe on any thread.</remarks>
public sealed class PeerSession
{
    /// <summary>
    /// Takes one whole binary message. Completes synchronously except while the handshake asks the authenticator or a shard's mailbox is full;
    /// until it completes the caller must not read on, which is the back-pressure on a peer that sends too fast.
    /// The memory is only borrowed until completion.
    /// </summary>
    /// <exception cref="Ratatoskr.Protocol.ProtocolException">The peer broke the protocol; close with its code.</exception>
    public ValueTask ReceiveAsync(ReadOnlyMemory<byte> message) => throw new NotImplementedException();

    /// <summary>Takes one whole text message. Stock peers never send one; the original client's hello is tolerated as text.</summary>
    public ValueTask ReceiveTextAsync(ReadOnlyMemory<byte> message) => throw new NotImplementedException();

    /// <summary>The connection's queue has drained: slow readers are brought up to date now.</summary>
    public void Drained() => throw new NotImplementedException();

    /// <summary>The connection is gone, for whatever reason. Called once, after the last <see cref="ReceiveAsync"/>.</summary>
    public void Disconnected() => throw new NotImplementedException();
}
