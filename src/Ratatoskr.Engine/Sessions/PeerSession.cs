using System.Text;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.Messages;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Sessions;

/// <summary>
/// One connection as the engine sees it. First the hello (stock <c>join</c>, or <c>auth</c> which a join may follow) says who is there; then every message
/// is checked against that and goes to the shard of its document. Who a frame is from is the connection's knowledge, never the frame's.
/// </summary>
/// <remarks>Receive methods and Disconnected: one caller at a time, the connection's loop. Identity is fixed before <see cref="IsEstablished"/> turns true.</remarks>
public sealed class PeerSession : IPeerSession
{
    private readonly SessionHost _host;
    private readonly ConnectionInfo _info;
    private volatile bool _established;
    private volatile bool _ended;
    private int _closedOnce;
    private bool _authenticated;
    private int _badFrames;
    private int _logged;
    private byte[] _ephemeralSession = [];
    private ulong _ephemeralCount;

    internal PeerSession(SessionHost host, IPeerConnection connection, ConnectionInfo info)
    {
        _host = host;
        _info = info;
        Connection = connection;
        Slots = new SessionSlot?[host.Shards.Count];
    }

    /// <summary>A peer of this process: it needs no hello, and its name is not one that others could take.</summary>
    internal PeerSession(SessionHost host, LocalPeer peer, PeerId peerId, Principal principal)
        : this(host, peer, new ConnectionInfo { Path = "" })
    {
        PeerId = peerId;
        Principal = principal;
        Local = peer;
        _established = true;
    }

    public bool IsEstablished => _established || _ended;

    public int MaxMessageBytes => _established ? _host.Limits.MessageBytesMax : _host.Limits.HelloBytesMax;

    internal IPeerConnection Connection { get; }

    /// <summary>The connection, when it is a peer of this process; else null.</summary>
    internal LocalPeer? Local { get; }

    internal PeerId PeerId { get; private set; }

    internal StorageId StorageId { get; private set; }

    /// <summary>Keeps its documents, and so its sync states are worth keeping.</summary>
    internal bool IsPersistent { get; private set; }

    internal Principal Principal { get; private set; } = Principal.Anonymous;

    /// <summary>No further input counts: disconnected, or replaced by a newer connection of the same peer.</summary>
    internal bool IsEnded => _ended;

    /// <summary>Per shard what it keeps of this session; each element is touched by its shard only.</summary>
    internal SessionSlot?[] Slots { get; }

    public ValueTask ReceiveAsync(ReadOnlyMemory<byte> message)
    {
        if (_ended) return default;
        switch (MessageReader.Read(message.Span, out RepoMessage parsed, out string? why))
        {
            case ReadOutcome.Message:
                return _established ? Dispatch(message.Span, parsed) : HelloAsync(message, parsed);
            case ReadOutcome.Refused:
                BadFrame(why!);
                return default;
            default:
                BadFrame(why!);
                throw new ProtocolException(CloseCode.InvalidPayload, why!);
        }
    }

    public ValueTask ReceiveTextAsync(ReadOnlyMemory<byte> message)
    {
        if (!_ended) BadFrame("a text frame; messages are binary CBOR");
        return default;
    }

    public void Drained()
    {
        if (!_ended) _host.Shards.PostToAll(new ShardInput { Kind = ShardInputKind.Drained, Session = this });
    }

    public void Disconnected()
    {
        _host.Registry.Leave(this);
        End();
    }

    /// <summary>Ends the session for the shards; the connection itself is closed by whoever calls. Repeated calls do nothing.</summary>
    internal void End()
    {
        _ended = true;
        if (Interlocked.Exchange(ref _closedOnce, 1) == 0) _host.Shards.PostToAll(new ShardInput { Kind = ShardInputKind.SessionClosed, Session = this });
    }

    /// <summary>Logs why something of this peer was refused; only the first time, so that a hostile peer cannot fill the log.</summary>
    internal void LogOnce(string why)
    {
        if (Interlocked.Exchange(ref _logged, 1) == 0) _host.Log.Peer(PeerId.IsDefault ? "(no hello)" : PeerId.ToString(), _info.RemoteAddress?.ToString() ?? "?", why);
    }

    private ValueTask Dispatch(ReadOnlySpan<byte> bytes, in RepoMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.Unknown:
            case MessageKind.Peer:
            case MessageKind.Error:
            case MessageKind.AuthOk:
            case MessageKind.AuthError:
                return default;
            case MessageKind.Join:
                // Clients repeat it when they are unsure; answering again costs nothing.
                if (message.SenderId.In(bytes).SequenceEqual(PeerId.Text)) SendPeer();
                else BadFrame("a second join with another peer id");
                return default;
            case MessageKind.Auth:
                return default;
        }

        // An echo of somebody's ephemeral, or an impersonation: the frame says it is from somebody else.
        if (!message.SenderId.In(bytes).SequenceEqual(PeerId.Text))
        {
            _host.Metrics.ForeignFrame();
            return default;
        }

        switch (message.Kind)
        {
            case MessageKind.Leave:
                Connection.Close(CloseCode.Normal, "leave");
                return default;
            case MessageKind.RemoteSubscriptionChange:
                _host.Shards.PostToAll(new ShardInput { Kind = ShardInputKind.RemoteSubscription, Session = this, Message = message }, bytes);
                return _host.Shards.RoomAsync();
            case MessageKind.Ephemeral when !IsNewEphemeral(bytes, message):
                return default;
        }

        if (!message.DocumentId.IsPresent)
        {
            BadFrame("a document message without documentId");
            return default;
        }

        ShardRunner shard = _host.Shards.For(message.DocumentId.In(bytes));
        shard.Post(new ShardInput { Kind = ShardInputKind.Message, Session = this, Message = message, Payload = SharedBuffer.Copy(bytes) });
        return shard.RoomAsync();
    }

    // Counts rise within an ephemeral session, whatever the document; a repeated or older one is a duplicate.
    private bool IsNewEphemeral(ReadOnlySpan<byte> bytes, in RepoMessage message)
    {
        ReadOnlySpan<byte> session = message.SessionId.In(bytes);
        if (!session.SequenceEqual(_ephemeralSession))
        {
            _ephemeralSession = session.ToArray();
            _ephemeralCount = 0;
        }

        if (message.Count <= _ephemeralCount) return false;
        _ephemeralCount = message.Count;
        return true;
    }

    private async ValueTask HelloAsync(ReadOnlyMemory<byte> bytes, RepoMessage message)
    {
        switch (message.Kind)
        {
            case MessageKind.Auth when _authenticated:
                Connection.SendError(ErrorCodes.AlreadyAuthenticated, "Already authenticated"u8);
                break;
            case MessageKind.Auth:
                await AuthenticateAsync(bytes, message);
                break;
            case MessageKind.Join:
                await JoinAsync(bytes, message);
                break;
            case MessageKind.Leave:
                Connection.Close(CloseCode.Normal, "leave");
                break;
            default:
                // The original client says no join: after its auth, its first frame's sender is its name on this connection.
                if (_authenticated && message.SenderId.IsPresent && message.SenderId.Length > 0)
                {
                    if (Establish(PeerId.FromTrusted(message.SenderId.In(bytes.Span)), default, false)) await Dispatch(bytes.Span, message);
                }
                else
                {
                    Connection.SendError(ErrorCodes.NotAuthenticated, "Say join or auth first"u8);
                    BadFrame("a message before the hello");
                }

                break;
        }
    }

    private async ValueTask AuthenticateAsync(ReadOnlyMemory<byte> bytes, RepoMessage message)
    {
        string token = Encoding.UTF8.GetString(message.Token.In(bytes.Span));
        AuthenticationResult result = token.Length == 0 && !message.Anonymous
            ? AuthenticationResult.Refuse("missing_credentials", "Provide a token or set anonymous: true")
            : await _host.Authenticator.AuthenticateAsync(new Credentials(token.Length == 0 ? null : token, message.Anonymous), _info);
        if (result.Principal is not { } principal)
        {
            Connection.SendAuthError(result.Error, result.Message);
            Connection.Close(CloseCode.PolicyViolation, result.Error);
            return;
        }

        Principal = principal;
        _authenticated = true;
        Connection.SendAuthOk(_host.ServerPeerId.Text, Encoding.UTF8.GetBytes($"client-{_host.NextClientNumber()}"), principal);
    }

    private async ValueTask JoinAsync(ReadOnlyMemory<byte> bytes, RepoMessage message)
    {
        ReadOnlyMemory<byte> sender = bytes.Slice(message.SenderId.Offset, message.SenderId.Length);
        if (sender.IsEmpty)
        {
            BadFrame("a join without senderId");
            return;
        }

        if (!message.SupportsVersion1)
        {
            Connection.SendStockError(_host.ServerPeerId.Text, sender.Span, "unsupported protocol version");
            Connection.Close(CloseCode.PolicyViolation, "unsupported protocol version");
            return;
        }

        if (!_authenticated)
        {
            const string Bearer = "Bearer ";
            string? header = _info.Authorization;
            string? token = header is not null && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim() : null;
            AuthenticationResult result = await _host.Authenticator.AuthenticateAsync(new Credentials(token, token is null), _info);
            if (result.Principal is not { } principal)
            {
                Connection.SendStockError(_host.ServerPeerId.Text, sender.Span, result.Message);
                Connection.Close(CloseCode.PolicyViolation, result.Error);
                return;
            }

            Principal = principal;
        }

        StorageId storageId = message.StorageId.IsPresent && message.StorageId.Length > 0 ? StorageId.FromTrusted(message.StorageId.In(bytes.Span)) : default;
        if (Establish(PeerId.FromTrusted(sender.Span), storageId, !storageId.IsDefault && !message.IsEphemeral)) SendPeer();
    }

    private bool Establish(PeerId peerId, StorageId storageId, bool persistent)
    {
        PeerId = peerId;
        StorageId = storageId;
        IsPersistent = persistent;
        if (!_host.Registry.TryJoin(this))
        {
            Connection.SendStockError(_host.ServerPeerId.Text, peerId.Text, "this peer id is in use");
            Connection.Close(CloseCode.PolicyViolation, "this peer id is in use");
            return false;
        }

        _established = true;
        _host.Metrics.SessionAccepted();
        return true;
    }

    private void SendPeer() => Connection.SendPeer(_host.ServerPeerId.Text, PeerId.Text, _host.ServerStorageId.Text);

    private void BadFrame(string why)
    {
        _host.Metrics.BadFrame();
        LogOnce(why);
        if (!_established && ++_badFrames > _host.Limits.BadFramesBeforeHelloMax)
        {
            throw new ProtocolException(CloseCode.PolicyViolation, "too many bad frames before a hello");
        }
    }
}
