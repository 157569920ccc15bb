using System.Net;

namespace Ratatoskr.Engine.Sessions;

/// <summary>Where accepted WebSockets go: the engine implements it, Transport calls it.</summary>
/// <remarks>Safe on any thread.</remarks>
public interface ISyncEndpoint
{
    /// <summary>
    /// Takes a connection whose upgrade was just answered. <paramref name="connection"/> may be used at once, also during this call;
    /// <see cref="IPeerSession.Drained"/> and the rest are called only after it has returned.
    /// </summary>
    /// <exception cref="Ratatoskr.Protocol.ProtocolException">Not now, or not him: closes with its code.</exception>
    IPeerSession Accept(IPeerConnection connection, ConnectionInfo info);
}

/// <summary>One connection as the engine sees it: handshake, then messages to shards.</summary>
/// <remarks>One caller at a time for the two receive methods, the batch's and <see cref="Disconnected"/>; the rest is called from any thread.</remarks>
public interface IPeerSession
{
    /// <summary>
    /// Whether the peer has said an acceptable hello. Asked about once a second: a connection for which it is still false
    /// after the hello time-out is closed, so it must become true by itself, without a further message.
    /// </summary>
    bool IsEstablished { get; }

    /// <summary>
    /// The largest message taken now, in bytes; a larger one closes the connection with 1009 before its bytes are stored.
    /// Asked at the start of every message: small before the hello, larger after it. Transport's own limit is never exceeded.
    /// </summary>
    int MaxMessageBytes { get; }

    /// <summary>
    /// Takes one whole binary message. Completes synchronously except while the handshake asks the authenticator or a shard's mailbox is full;
    /// until it completes the caller does not read on, which is the back-pressure on a peer that sends too fast.
    /// The memory is only borrowed until completion.
    /// </summary>
    /// <exception cref="Ratatoskr.Protocol.ProtocolException">The peer broke the protocol; close with its code.</exception>
    ValueTask ReceiveAsync(ReadOnlyMemory<byte> message);

    /// <summary>Takes one whole text message (valid UTF-8). Stock peers never send one; the original client's hello is tolerated as text.</summary>
    /// <exception cref="Ratatoskr.Protocol.ProtocolException">The peer broke the protocol; close with its code.</exception>
    ValueTask ReceiveTextAsync(ReadOnlyMemory<byte> message);

    /// <summary>More has arrived than the next message: until <see cref="EndBatch"/> messages are gathered, so that documents and peers hear of them together.</summary>
    void BeginBatch()
    {
    }

    /// <summary>What has arrived was given: the gathered messages are dealt with before this returns. Also before a receive is awaited that has not completed.</summary>
    void EndBatch()
    {
    }

    /// <summary>
    /// The connection's queue has drained: slow readers are brought up to date now. Called on the thread that writes to the socket;
    /// it must be quick and may send.
    /// </summary>
    void Drained();

    /// <summary>There was no acceptable hello in time; the connection is about to be closed.</summary>
    void HelloTimedOut()
    {
    }

    /// <summary>The connection is gone, for whatever reason. Called once, after the last receive has completed.</summary>
    void Disconnected();
}

/// <summary>What the HTTP upgrade said about a connection. Header values are as sent: unverified, null when absent.</summary>
public sealed record ConnectionInfo
{
    /// <summary>The other end of the TCP connection: the peer, or the proxy in front of it.</summary>
    public IPAddress? RemoteAddress { get; init; }

    /// <summary>Whether TLS ended in this process.</summary>
    public bool IsSecure { get; init; }

    /// <summary>The request's path without its query, <c>/sync</c> or <c>/</c>.</summary>
    public required string Path { get; init; }

    /// <summary>The query without its question mark, or empty.</summary>
    public string Query { get; init; } = "";

    /// <summary>Whether somebody has put a token where it does not belong.</summary>
    public bool HasTokenInQuery =>
        Query.Split('&').Any(static part => part.StartsWith("token=", StringComparison.Ordinal) || part.StartsWith("access_token=", StringComparison.Ordinal));

    public string? Host { get; init; }

    /// <summary>Sent by browsers only.</summary>
    public string? Origin { get; init; }

    /// <summary>The whole <c>Authorization</c> header, scheme included.</summary>
    public string? Authorization { get; init; }

    /// <summary><c>X-Forwarded-For</c>; means something only when <see cref="RemoteAddress"/> is a trusted proxy.</summary>
    public string? ForwardedFor { get; init; }
}
