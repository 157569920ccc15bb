using System.Diagnostics;
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
/// <remarks>Receive methods, the batch's and Disconnected: one caller at a time, the connection's loop. Identity is fixed before <see cref="IsEstablished"/> turns true.</remarks>
public sealed class PeerSession : IPeerSession
{
    // Revocations that may come in while one credential is looked at.
    private const int RevocationsMax = 16;

    private readonly SessionHost _host;
    private readonly ConnectionInfo _info;
    private volatile bool _established;
    private volatile bool _ended;
    private int _closedOnce;
    private volatile bool _authenticated;
    private volatile bool _revoked;
    private volatile Principal _principal = Principal.Anonymous;
    private readonly SessionLimits? _limits;
    private int _badFrames;
    private int _undecodable;
    private long _helloBytes;
    private long _heardAgainAtMs = long.MaxValue;             // when its messages that were dropped are asked for again
    private int _logged;
    private bool _gathers;
    private ShardRunner? _owed;                               // idle until we came, and waits for us to run it
    private byte[] _ephemeralSession = [];
    private ulong _ephemeralCount;

    internal PeerSession(SessionHost host, IPeerConnection connection, ConnectionInfo info)
    {
        _host = host;
        _info = info;
        Connection = connection;
        Slots = new SessionSlot?[host.Shards.Count];
        EndedIn = new bool[host.Shards.Count];
        if (host.Limiter is not null) _limits = new SessionLimits(host.Limiter, host.Addresses.KeyOf(info.RemoteAddress, info.ForwardedFor));
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

    public bool IsEstablished => _established || _authenticated || _ended;

    public int MaxMessageBytes => _established || _authenticated ? _host.Limits.MessageBytesMax : _host.Limits.HelloBytesMax;

    internal IPeerConnection Connection { get; }

    /// <summary>The connection, when it is a peer of this process; else null.</summary>
    internal LocalPeer? Local { get; }

    internal PeerId PeerId { get; private set; }

    internal StorageId StorageId { get; private set; }

    /// <summary>Keeps its documents, and so its sync states are worth keeping.</summary>
    internal bool IsPersistent { get; private set; }

    internal Principal Principal
    {
        get => _principal;
        set => _principal = value;
    }

    /// <summary>Its credential was revoked: nothing of it is taken any more, also of what a worker has already looked at.</summary>
    internal bool IsRevoked => _revoked;

    /// <summary>No further input counts: disconnected, or replaced by a newer connection of the same peer.</summary>
    internal bool IsEnded => _ended;

    /// <summary>What it has sent that is not dealt with.</summary>
    internal SessionBacklog Backlog { get; } = new();

    /// <summary>Per shard what it keeps of this session; each element is touched by its shard only.</summary>
    internal SessionSlot?[] Slots { get; }

    /// <summary>Per shard whether it has heard of the end; as above.</summary>
    internal bool[] EndedIn { get; }

    public ValueTask ReceiveAsync(ReadOnlyMemory<byte> message)
    {
        if (_ended) return default;
        CountHello(message.Length);
        ReadOutcome outcome = MessageReader.Read(message.Span, out RepoMessage parsed, out string? why);
        if (outcome == ReadOutcome.Message) _host.Metrics.Received(parsed.Kind);
        switch (outcome)
        {
            case ReadOutcome.Message when parsed.Kind == MessageKind.Auth:
                return AuthenticateAsync(Encoding.UTF8.GetString(parsed.Token.In(message.Span)), parsed.Anonymous);
            case ReadOutcome.Message:
                return _established ? Dispatch(message.Span, parsed) : HelloAsync(message, parsed);
            case ReadOutcome.Refused:
                BadFrame(why!);
                return default;
            default:
                Undecodable(why!);
                return default;
        }
    }

    public ValueTask ReceiveTextAsync(ReadOnlyMemory<byte> message)
    {
        if (_ended) return default;
        CountHello(message.Length);
        if (TextHello.TryRead(message.Span, out string token, out bool anonymous)) return AuthenticateAsync(token, anonymous);
        Undecodable("a text frame; messages are binary CBOR");
        return default;
    }

    public void BeginBatch() => _gathers = true;

    public void EndBatch()
    {
        _gathers = false;
        RunOwed();
    }

    public void HelloTimedOut()
    {
        if (!_ended) Connection.SendError(ErrorCodes.AuthTimeout, "Authentication required within 10 seconds"u8);
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

    /// <summary>Its credential is not valid any more. When this returns no message of it is taken, and every shard will hear of its end before anything that is posted later.</summary>
    internal void Revoke()
    {
        RevokeLate();
        End();
        _host.Metrics.SessionRefused(SessionRefusal.Revoked);
        Connection.SendAuthError("invalid_token", "Invalid or expired token");
        Connection.Close(CloseCode.PolicyViolation, "invalid_token");
    }

    /// <summary>The same for one that has left already: only what workers still have of it is left to refuse.</summary>
    internal void RevokeLate() => _revoked = true;

    /// <summary>Whether there is something to do by now.</summary>
    internal bool IsDue(Timestamp now) => Principal.ExpiresAt?.ToUnixTimeMilliseconds() <= now.UnixMs || Volatile.Read(ref _heardAgainAtMs) <= now.UnixMs;

    internal void Tick(Timestamp now)
    {
        if (Principal.ExpiresAt?.ToUnixTimeMilliseconds() <= now.UnixMs)
        {
            Revoke();
            return;
        }

        Volatile.Write(ref _heardAgainAtMs, long.MaxValue);
        if (!_ended) _host.Shards.PostToAll(new ShardInput { Kind = ShardInputKind.MessagesDropped, Session = this });
    }

    /// <summary>Logs why something of this peer was refused; only the first time, so that a hostile peer cannot fill the log.</summary>
    internal void LogOnce(string why)
    {
        if (Interlocked.Exchange(ref _logged, 1) == 0) _host.Log.Peer(PeerId.IsDefault ? "(no hello)" : PeerId.ToString(), _info.RemoteAddress?.ToString() ?? "?", why);
    }

    private ValueTask Dispatch(ReadOnlySpan<byte> bytes, in RepoMessage message)
    {
        if (_limits is not null && Local is null && !TryAdmit(bytes.Length, message.Kind)) return default;
        switch (message.Kind)
        {
            case MessageKind.Unknown:
            case MessageKind.Peer:
            case MessageKind.Error:
            case MessageKind.AuthOk:
            case MessageKind.AuthError:
                _host.Metrics.Dropped(MessageDrop.UnknownType);
                return default;
            case MessageKind.Join:
                // Clients repeat it when they are unsure; answering again costs nothing.
                if (message.SenderId.In(bytes).SequenceEqual(PeerId.Text)) SendPeer();
                else BadFrame("a second join with another peer id");
                return default;
        }

        // An echo of somebody's ephemeral, or an impersonation: the frame says it is from somebody else.
        if (!message.SenderId.In(bytes).SequenceEqual(PeerId.Text))
        {
            _host.Metrics.Dropped(MessageDrop.ForeignSender);
            return default;
        }

        switch (message.Kind)
        {
            case MessageKind.Leave:
                Connection.Close(CloseCode.Normal, "leave");
                return default;
            case MessageKind.RemoteSubscriptionChange:
                _host.Shards.PostToAll(new ShardInput { Kind = ShardInputKind.RemoteSubscription, Session = this, Message = message }, bytes);
                return _host.Shards.RoomAsync(Backlog);
            case MessageKind.Ephemeral when !IsNewEphemeral(bytes, message):
                _host.Metrics.Dropped(MessageDrop.Duplicate);
                return default;
        }

        if (!message.DocumentId.IsPresent)
        {
            BadFrame("a document message without documentId");
            return default;
        }

        ShardRunner shard = _host.Shards.For(message.DocumentId.In(bytes));
        ShardInput input = new() { Kind = ShardInputKind.Message, Session = this, Message = message, Payload = SharedBuffer.Copy(bytes, Backlog) };
        if (_gathers) Gather(shard, input);
        else shard.Post(input);
        return shard.RoomAsync(Backlog);
    }

    private void Gather(ShardRunner shard, in ShardInput input)
    {
        if (_owed is not null && _owed != shard) RunOwed();
        if (shard.PostAndOwe(input)) _owed = shard;
        if (Backlog.IsFull) RunOwed();
    }

    private void RunOwed()
    {
        ShardRunner? owed = _owed;
        _owed = null;
        owed?.RunOwed();
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
                    if (await EstablishAsync(PeerId.FromTrusted(message.SenderId.In(bytes.Span)), default, false)) await Dispatch(bytes.Span, message);
                }
                else
                {
                    Connection.SendError(ErrorCodes.NotAuthenticated, "Send auth message first"u8);
                    BadFrame("a message before the hello");
                }

                break;
        }
    }

    private async ValueTask AuthenticateAsync(string token, bool anonymous)
    {
        if (_authenticated || _established)
        {
            await RenewAsync(token);
            return;
        }

        Admission admission = token.Length == 0 && !anonymous
            ? new Admission("missing_credentials", "Provide a token or set anonymous: true", 0)
            : await AdmitAsync(new Credentials(token.Length == 0 ? null : token, anonymous));
        if (admission.IsRefused)
        {
            _host.Metrics.SessionRefused(admission.Reason);
            if (admission.RetryAfterSeconds > 0) Connection.SendRateLimited(default, default, admission.Message, admission.RetryAfterSeconds);
            else Connection.SendAuthError(admission.Error!, admission.Message);
            Connection.Close(CloseCode.PolicyViolation, admission.Error!);
            return;
        }

        _authenticated = true;
        Connection.SendAuthOk(_host.ServerPeerId.Text, Encoding.UTF8.GetBytes($"client-{_host.NextClientNumber()}"), Principal);
    }

    // A second auth by the same user renews what the connection rests upon; anything else changes nothing.
    private async ValueTask RenewAsync(string token)
    {
        Principal before = Principal;
        if (token.Length > 0 && !before.IsAnonymous && (await AdmitAsync(new Credentials(token, false), before.Id)) is { IsRefused: false })
        {
            if (Principal.Scopes != before.Scopes) _host.Shards.PostToAll(new ShardInput { Kind = ShardInputKind.SessionRenewed, Session = this });
            Connection.SendAuthOk(_host.ServerPeerId.Text, PeerId.Text, Principal);
            return;
        }

        Connection.SendError(ErrorCodes.AlreadyAuthenticated, "Already authenticated"u8);
    }

    // Asks who this is, and makes it so. What is revoked while the question is under way is asked about again.
    private async ValueTask<Admission> AdmitAsync(Credentials credentials, string? onlyUser = null)
    {
        using Activity? span = EngineMetrics.Traces.StartActivity("sign-in");
        Timestamp now = _host.Clock.Now;
        if (credentials.Token is not null && _limits is not null && !_limits.MayTryToken(now, out int retryAfter)) return Admission.TooMany("Too many invalid tokens", retryAfter);
        for (int i = 0; i < RevocationsMax; i++)
        {
            long revocations = _host.Registry.Revocations;
            AuthenticationResult result = await _host.Authenticator.AuthenticateAsync(credentials, _info);
            if (result.Principal is not { } principal)
            {
                _limits?.TokenWasBad(now);
                return new Admission(result.Error, result.Message, 0);
            }

            if (onlyUser is not null && principal.Id != onlyUser) return new Admission("already_authenticated", "", 0);
            if (i == 0 && _limits is not null && !_limits.TryConnect(principal, now, out retryAfter)) return Admission.TooMany("Too many connections", retryAfter);
            if (_host.Registry.TryAuthenticate(this, principal, revocations)) return default;
        }

        return Admission.TooMany("Too many revocations", 1);
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
            _host.Metrics.SessionRefused(SessionRefusal.UnsupportedProtocol);
            Connection.SendStockError(_host.ServerPeerId.Text, sender.Span, "unsupported_protocol", "unsupported protocol version");
            Connection.Close(CloseCode.PolicyViolation, "unsupported protocol version");
            return;
        }

        if (!_authenticated)
        {
            const string Bearer = "Bearer ";
            string? header = _info.Authorization;
            string? token = header is not null && header.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? header[Bearer.Length..].Trim() : null;
            Admission admission = await AdmitAsync(new Credentials(token, token is null));
            if (admission.IsRefused)
            {
                _host.Metrics.SessionRefused(admission.Reason);
                if (admission.RetryAfterSeconds > 0) Connection.SendRateLimited(_host.ServerPeerId.Text, sender.Span, admission.Message, admission.RetryAfterSeconds);
                else Connection.SendStockError(_host.ServerPeerId.Text, sender.Span, admission.Error!, admission.Message);
                Connection.Close(CloseCode.PolicyViolation, admission.Error!);
                return;
            }
        }

        StorageId storageId = message.StorageId.IsPresent && message.StorageId.Length > 0 ? StorageId.FromTrusted(message.StorageId.In(bytes.Span)) : default;
        if (await EstablishAsync(PeerId.FromTrusted(sender.Span), storageId, !storageId.IsDefault && !message.IsEphemeral)) SendPeer();
    }

    private async ValueTask<bool> EstablishAsync(PeerId peerId, StorageId storageId, bool persistent)
    {
        PeerId = peerId;
        StorageId = storageId;
        IsPersistent = persistent;
        JoinOutcome outcome = _host.Registry.Join(this, null, out PeerSession? holder);
        if (outcome == JoinOutcome.AskHolder && !await holder!.Connection.AnswersAsync(_host.Limits.TakeoverSilenceMs))
        {
            outcome = _host.Registry.Join(this, holder, out _);
        }

        if (outcome != JoinOutcome.Joined)
        {
            _host.Metrics.SessionRefused(SessionRefusal.PeerIdInUse);
            Connection.SendStockError(_host.ServerPeerId.Text, peerId.Text, "peer_id_in_use", "this peer id is in use");
            Connection.Close(CloseCode.PolicyViolation, "this peer id is in use");
            return false;
        }

        _established = true;
        _host.Metrics.SessionAccepted();
        return true;
    }

    private bool TryAdmit(int bytes, MessageKind kind)
    {
        if (_limits!.TryMessage(Principal, bytes, _host.Clock, out int retryAfterSeconds, out string why)) return true;
        _host.Metrics.Dropped(MessageDrop.RateLimited);
        if (Connection.IsWritable) Connection.SendRateLimited(_host.ServerPeerId.Text, PeerId.Text, why, retryAfterSeconds);
        if (kind is MessageKind.Sync or MessageKind.Request or MessageKind.DocUnavailable) Volatile.Write(ref _heardAgainAtMs, _host.Clock.Now.UnixMs + (retryAfterSeconds * 1000L));
        return false;
    }

    // Nobody has said yet who he is: what he may make us read is little.
    private void CountHello(int bytes)
    {
        if (_established || _authenticated) return;
        _helloBytes += bytes;
        if (_helloBytes > _host.Limits.HelloBytesTotalMax) throw new ProtocolException(CloseCode.PolicyViolation, "too many bytes before a hello");
    }

    private void Undecodable(string why)
    {
        BadFrame(why, MessageDrop.Undecodable);
        if (_limits is not null && !_limits.TryUndecodable(_host.Clock.Now)) throw new ProtocolException(CloseCode.PolicyViolation, "too many frames that are no messages");
        if (_limits is null && ++_undecodable > _host.Limits.UndecodableFramesMax) throw new ProtocolException(CloseCode.InvalidPayload, why);
        if (Connection.IsWritable) Connection.SendError(ErrorCodes.InvalidMessage, "Failed to decode message"u8);
    }

    private void SendPeer() => Connection.SendPeer(_host.ServerPeerId.Text, PeerId.Text, _host.ServerStorageId.Text);

    private void BadFrame(string why, MessageDrop drop = MessageDrop.Malformed)
    {
        _host.Metrics.Dropped(drop);
        LogOnce(why);
        if (!_established && !_authenticated && ++_badFrames > _host.Limits.BadFramesBeforeHelloMax)
        {
            throw new ProtocolException(CloseCode.PolicyViolation, "too many bad frames before a hello");
        }
    }

    /// <summary>What came of a hello; the default is that it was accepted.</summary>
    private readonly record struct Admission(string? Error, string Message, int RetryAfterSeconds)
    {
        public bool IsRefused => Error is not null;

        public SessionRefusal Reason => Error switch
        {
            "invalid_token" => SessionRefusal.InvalidToken,
            "missing_credentials" => SessionRefusal.MissingCredentials,
            "rate_limited" => SessionRefusal.RateLimited,
            _ => SessionRefusal.NotAllowed,
        };

        public static Admission TooMany(string message, int retryAfterSeconds) => new("rate_limited", message, Math.Max(1, retryAfterSeconds));
    }
}
