using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Transport.Connections;

/// <summary>One WebSocket from its upgrade to its end: the read loop, keep-alive and the close handshake.</summary>
/// <remarks>
/// The read loop has one thread at a time; sends, closes and the sweep come from any. Holds no buffer while nothing is under way.
/// The one place where a <see cref="ProtocolException"/> is caught.
/// </remarks>
internal sealed partial class WebSocketConnection : Swept, IPeerConnection, IOutboundOwner
{
    // After a protocol error the input cannot be told apart any more, so the peer's close frame is not seen: it is given this long to fall silent.
    private const int QuietMs = 1000;
    private const int BytesAfterEndAlways = 1 << 20;

    // The clock is read once in so many messages of one read: it costs as much as a ping.
    private const int MessagesPerClock = 16;

    // A message under way that is smaller is not worth an account.
    private const int AccountedBytesMin = 64 * 1024;

    private readonly SyncTransport _transport;
    private readonly PipeReader _input;
    private readonly OutboundWriter _outbound;
    private readonly Action _abort;
    private readonly Lock _abortGate = new();
    private bool _over;
    private bool _isCut;
    private readonly IPAddress? _remote;
    private readonly long _startedMs;
    private IPeerSession? _session;

    // Keep-alive; all but _heard belongs to the sweep.
    private volatile bool _heard;       // bytes have come since the last sweep
    private long _lifeMs;               // the sweep that last saw the peer alive
    private int _unansweredPings;       // since then
    private int _stirsSeen;
    private bool _established;
    private volatile bool _awaitsInput; // false while the session works on what has come: we do not read then, so silence means nothing

    private int _ends;                  // 1: it is counted why
    private int _closing;               // 1: a close frame is queued or the end is near; the sweep cuts at _closeDeadlineMs
    private long _closeDeadlineMs = long.MaxValue;
    private volatile bool _discarding;
    private long _readAfterEnd;
    private int _drainedUntold;
    private TaskCompletionSource? _probe;   // somebody wants to know whether the peer is alive
    private int _pings;                     // since the last sweep
    private byte[]? _owedPong;          // payload of the latest ping of a peer that does not read
    private long _inboundAccounted;
    private long _inboundSinceMs = long.MaxValue;   // when the message that is accounted for began
    private volatile bool _givesWay;

    /// <param name="transport">Whose connection it is.</param>
    /// <param name="pipe">What follows the upgrade's header lines; the caller completes it afterwards.</param>
    /// <param name="abort">Cuts the socket at once: pending reads and flushes end. Any thread.</param>
    /// <param name="remote">For the log.</param>
    public WebSocketConnection(SyncTransport transport, IDuplexPipe pipe, Action abort, IPAddress? remote)
    {
        _transport = transport;
        _input = pipe.Input;
        _outbound = new OutboundWriter(pipe.Output, transport.Options, transport.Metrics, transport.OutboundRoom, this);
        _abort = abort;
        _remote = remote;
        _startedMs = transport.NowMs;
        _lifeMs = _startedMs;
    }

    public long QueuedBytes => _outbound.QueuedBytes;

    public bool IsWritable => _outbound.IsWritable;

    private TransportOptions Options => _transport.Options;

    public void Send(ReadOnlySpan<byte> envelope, SharedBuffer? body)
    {
        if (_outbound.Send(envelope, body) != SendOutcome.Overflow) return;
        if (Volatile.Read(ref _closing) == 0)
        {
            EndsFor(ConnectionEnd.SlowReader);
            LogOverflow(_transport.Logger, _remote, QueuedBytes);
        }

        Close(CloseCode.TryAgainLater, "reads too slowly");
    }

    public void Flush() => _outbound.Flush();

    public void Close(CloseCode code, string reason)
    {
        EndsFor(ConnectionEnd.ClosedBySession);
        BeginClosing();
        Span<byte> frame = stackalloc byte[FrameWriter.ControlFrameLengthMax];
        frame = frame[..FrameWriter.WriteClose(frame, code, reason)];
        if (_outbound.SendClose(frame) != SendOutcome.Accepted) return;
        _transport.Metrics.SentClose(code);
        _outbound.Flush();
    }

    /// <summary>Counts why it ends; only the first reason does.</summary>
    public void EndsFor(ConnectionEnd reason)
    {
        if (Interlocked.Exchange(ref _ends, 1) == 0) _transport.Metrics.Ends(reason);
    }

    public async ValueTask<bool> AnswersAsync(int withinMs)
    {
        if (Volatile.Read(ref _closing) != 0) return false;
        if (!_awaitsInput) return true;                      // we are not listening: its silence means nothing
        TaskCompletionSource mine = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource probe = Interlocked.CompareExchange(ref _probe, mine, null) ?? mine;
        if (probe == mine) SendPing();
        try
        {
            await probe.Task.WaitAsync(TimeSpan.FromMilliseconds(withinMs), _transport.Time).ConfigureAwait(false);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
        finally
        {
            Interlocked.CompareExchange(ref _probe, null, probe);
        }
    }

    /// <summary>Since when a large message has been arriving; <see cref="long.MaxValue"/> when none is.</summary>
    internal long InboundSinceMs => Volatile.Read(ref _inboundSinceMs);

    /// <summary>Others wait for the room that its unfinished message takes: closes it. Any thread.</summary>
    internal void GiveWay()
    {
        _givesWay = true;
        _input.CancelPendingRead();
    }

    /// <summary>Cuts the socket.</summary>
    public void Abort()
    {
        BeginClosing();
        _outbound.Abandon();
        lock (_abortGate)
        {
            if (!_over) _abort();
        }
    }

    /// <summary>The same, and counts it: the peer's time is over.</summary>
    public void Cut()
    {
        lock (_abortGate)
        {
            if (!_over && !_isCut) _transport.Metrics.Cut();
            _isCut = true;
        }

        Abort();
    }

    /// <summary>Serves the connection to its end; then nobody writes to the pipe any more. Never throws.</summary>
    public async Task RunAsync(ISyncEndpoint endpoint, ConnectionInfo info)
    {
        Start(endpoint, info);
        bool understood = await ReceiveAsync().ConfigureAwait(false);
        if (_inboundAccounted != 0) Account(0);
        TellDisconnected();

        BeginClosing();             // from here on the sweep cuts at the deadline
        if (!understood) await DiscardAsync().ConfigureAwait(false);
        await _outbound.WhenIdleAsync().ConfigureAwait(false);

        // What _abort would cut from now on is no longer ours: an HttpContext is used again for other requests.
        lock (_abortGate) _over = true;
    }

    void IOutboundOwner.OnDrained()
    {
        if (Interlocked.Exchange(ref _owedPong, null) is { } payload) SendPong(payload);

        // A drain during Accept has no session to tell yet: Start tells it then.
        Interlocked.Exchange(ref _drainedUntold, 1);
        TellDrained();
    }

    void IOutboundOwner.OnBroken()
    {
        EndsFor(ConnectionEnd.Gone);
        Abort();
    }

    /// <summary>Close, hello and keep-alive deadlines.</summary>
    public override void Sweep(long nowMs)
    {
        _pings = 0;
        NoteLife(nowMs);
        if (Volatile.Read(ref _closing) != 0)
        {
            if (nowMs >= Volatile.Read(ref _closeDeadlineMs)) Cut();
            else if (_discarding && nowMs - _lifeMs >= QuietMs) _input.CancelPendingRead();
        }
        else if (!_established && !(_established = Volatile.Read(ref _session) is { IsEstablished: true })
            && nowMs - _startedMs >= (long)Options.HelloTimeout.TotalMilliseconds)
        {
            EndsFor(ConnectionEnd.NoHello);
            LogNoHello(_transport.Logger, _remote);
            Volatile.Read(ref _session)?.HelloTimedOut();
            Close(CloseCode.PolicyViolation, "no hello in time");
        }
        else
        {
            KeepAlive(nowMs);
        }
    }

    // Any byte is life, and so is taking ours slowly; a peer that we do not read from gets the benefit of the doubt, unless it takes nothing that waits for it.
    private void NoteLife(long nowMs)
    {
        int stirs = _outbound.Stirs;
        if (!_heard && stirs == _stirsSeen && (_awaitsInput || QueuedBytes > 0)) return;
        _heard = false;
        _stirsSeen = stirs;
        _lifeMs = nowMs;
        _unansweredPings = 0;
    }

    // Only silence is answered by a ping; so many unanswered ones and another interval are death.
    private void KeepAlive(long nowMs)
    {
        long silentMs = nowMs - _lifeMs;
        long intervalMs = (long)Options.PingInterval.TotalMilliseconds;
        if (silentMs < intervalMs * (_unansweredPings + 1)) return;

        if (silentMs >= intervalMs * (Options.MissedPingsMax + 1))
        {
            _transport.Metrics.PingMissed();
            EndsFor(ConnectionEnd.Silent);
            LogDead(_transport.Logger, _remote, silentMs);
            Cut();
            return;
        }

        // A ping would only wait behind what the peer is not taking; the next sweep tries again.
        if (QueuedBytes > 0) return;
        if (_unansweredPings++ > 0) _transport.Metrics.PingMissed();
        SendPing();
    }

    private void SendPing()
    {
        Span<byte> frame = stackalloc byte[FrameWriter.ControlFrameLengthMax];
        _outbound.SendControl(frame[..FrameWriter.WritePing(frame, default)]);
        _outbound.Flush();
    }

    private void Start(ISyncEndpoint endpoint, ConnectionInfo info)
    {
        try
        {
            Interlocked.Exchange(ref _session, endpoint.Accept(this, info));
            TellDrained();
        }
        catch (Exception e)
        {
            CloseFor(e);
        }

        _outbound.Flush();
    }

    // Drains all that has arrived, then flushes once. Ends when the peer has closed or is gone (true),
    // or when its bytes can no longer be told apart (false).
    private async Task<bool> ReceiveAsync()
    {
        using MessageAssembler assembler = new(Options.MessageBytesMax);
        BusyTime busy = new(_transport.Time);
        while (true)
        {
            ReadResult result;
            try
            {
                _awaitsInput = true;
                result = await _input.ReadAsync().ConfigureAwait(false);
                _awaitsInput = false;
            }
            catch (Exception e)
            {
                Gone(e.Message);
                return true;
            }

            ReadOnlySequence<byte> buffer = result.Buffer;
            long length = buffer.Length;
            if (IsTooMuchAfterEnd(length))
            {
                _input.AdvanceTo(buffer.End);
                Cut();
                return true;
            }

            int messages = 0;
            busy.Resume();
            _heard = true;
            if (Volatile.Read(ref _probe) is not null) Interlocked.Exchange(ref _probe, null)?.TrySetResult();
            try
            {
                if (_givesWay && InboundSinceMs != long.MaxValue) throw new ProtocolException(CloseCode.TryAgainLater, "a message took long to arrive, and others wait for its room");
                while (TryRead(assembler, ref buffer, out WebSocketEvent read))
                {
                    _transport.Metrics.Received(read.Kind);
                    if (read.Kind == WebSocketEventKind.Close)
                    {
                        AnswerClose(read.CloseCode);
                        return true;
                    }

                    if (!buffer.IsEmpty) _session?.BeginBatch();
                    ValueTask taken = Take(read);
                    if (!taken.IsCompletedSuccessfully)
                    {
                        EndBatch();
                        await WaitForSessionAsync(taken, assembler).ConfigureAwait(false);
                        await LetOthersGoFirst();
                        busy.Restart();
                    }
                    else if (++messages % MessagesPerClock == 0 && busy.IsOver)
                    {
                        EndBatch();
                        _outbound.Flush();
                        await LetOthersGoFirst();
                        busy.Restart();
                    }
                }

                Account(assembler.BufferedBytes);
            }
            catch (Exception e)
            {
                CloseFor(e);
                return false;
            }
            finally
            {
                EndBatch();
                _transport.Metrics.Received(length);
                _input.AdvanceTo(buffer.Start, buffer.End);
            }

            _outbound.Flush();
            if (result.IsCompleted)
            {
                Gone("no close frame");
                return true;
            }

            if (!busy.Pause()) continue;
            await LetOthersGoFirst();
            busy.Restart();
        }
    }

    private SchedulerSwitch LetOthersGoFirst() => new(Options.BusyScheduler);

    // After an error in the input: read and thrown away until the peer has hung up or fallen silent. Closing a socket with unread bytes in it
    // would reset the connection, and our close frame with its reason might never be seen.
    private async Task DiscardAsync()
    {
        _awaitsInput = true;
        _discarding = true;
        BusyTime busy = new(_transport.Time);
        try
        {
            while (true)
            {
                ReadResult result = await _input.ReadAsync().ConfigureAwait(false);
                busy.Resume();
                _heard |= !result.Buffer.IsEmpty;
                bool isTooMuch = IsTooMuchAfterEnd(result.Buffer.Length);
                _input.AdvanceTo(result.Buffer.End);
                if (result.IsCompleted || result.IsCanceled) return;
                if (isTooMuch)
                {
                    Cut();
                    return;
                }

                if (!busy.Pause()) continue;
                await LetOthersGoFirst();
                busy.Restart();
            }
        }
        catch (Exception e)
        {
            Gone(e.Message);
        }
    }

    // Behind our close frame nothing is heard, but what a peer had begun to send is read, so that it may see the frame: one message. Who goes on is not waited for.
    private bool IsTooMuchAfterEnd(long length)
    {
        if (Volatile.Read(ref _closing) != 0) _readAfterEnd += length;
        return _readAfterEnd > (long)Options.MessageBytesMax + BytesAfterEndAlways;
    }

    private bool TryRead(MessageAssembler assembler, ref ReadOnlySequence<byte> buffer, out WebSocketEvent read)
    {
        assembler.MessageLengthMax = Math.Min(_session?.MaxMessageBytes ?? 0, Options.MessageBytesMax);
        return assembler.TryRead(ref buffer, out read);
    }

    // A session's exception is its message's affair: the frames after it can still be told apart, so the close handshake runs as usual.
    private ValueTask Take(in WebSocketEvent read)
    {
        try
        {
            switch (read.Kind)
            {
                case WebSocketEventKind.Ping:
                    AnswerPing(read.Payload.Span);
                    break;
                case WebSocketEventKind.Binary or WebSocketEventKind.Text when Volatile.Read(ref _closing) == 0:
                    return read.Kind == WebSocketEventKind.Binary ? _session!.ReceiveAsync(read.Payload) : _session!.ReceiveTextAsync(read.Payload);
            }
        }
        catch (Exception e)
        {
            CloseFor(e);
        }

        return default;
    }

    private void EndBatch()
    {
        try
        {
            _session?.EndBatch();
        }
        catch (Exception e)
        {
            CloseFor(e);
        }
    }

    private async ValueTask WaitForSessionAsync(ValueTask taken, MessageAssembler assembler)
    {
        Account(assembler.BufferedBytes);
        _outbound.Flush();
        try
        {
            await taken.ConfigureAwait(false);
        }
        catch (Exception e)
        {
            CloseFor(e);
        }
    }

    private void Account(int bufferedBytes)
    {
        long held = bufferedBytes < AccountedBytesMin ? 0 : bufferedBytes;
        long more = held - _inboundAccounted;
        if (more == 0) return;
        _transport.AddInbound(more, this);
        _inboundAccounted = held;
        if (held == 0) Volatile.Write(ref _inboundSinceMs, long.MaxValue);
        else if (held == more) Volatile.Write(ref _inboundSinceMs, _transport.NowMs);
    }

    // RFC 6455 §5.5.3: only the latest ping need be answered. A peer that pings and does not read gets no queue of pongs.
    private void AnswerPing(ReadOnlySpan<byte> payload)
    {
        if (Volatile.Read(ref _closing) != 0) return;
        if (++_pings > Options.PingsPerSecondMax) throw new ProtocolException(CloseCode.PolicyViolation, "too many pings");
        if (IsWritable) SendPong(payload);
        else if (Interlocked.Exchange(ref _owedPong, payload.ToArray()) is not null) _transport.Metrics.PongSkipped();
    }

    private void SendPong(ReadOnlySpan<byte> payload)
    {
        Span<byte> frame = stackalloc byte[FrameWriter.ControlFrameLengthMax];
        _outbound.SendControl(frame[..FrameWriter.WritePong(frame, payload)]);
    }

    // RFC 6455 §5.5.1: answered with the code it came with, unless ours crossed it.
    private void AnswerClose(CloseCode code)
    {
        EndsFor(ConnectionEnd.ClosedByPeer);
        LogClosed(_transport.Logger, _remote, (int)code);
        Close(code, "");
    }

    // The one place where a connection ends for a reason: its code to the peer, one line to the log.
    private void CloseFor(Exception e)
    {
        if (e is ProtocolException broken)
        {
            EndsFor(ConnectionEnd.ProtocolError);
            LogProtocolError(_transport.Logger, _remote, (int)broken.CloseCode, broken.Message);
            Close(broken.CloseCode, broken.Message);
            return;
        }

        EndsFor(ConnectionEnd.Fault);
        LogFailed(_transport.Logger, e, _remote);
        Close(CloseCode.InternalError, "internal error");
    }

    private void Gone(string why)
    {
        EndsFor(ConnectionEnd.Gone);
        LogGone(_transport.Logger, _remote, why);
        _outbound.Abandon();
    }

    private void TellDrained()
    {
        IPeerSession? session = Volatile.Read(ref _session);
        if (session is null || Interlocked.Exchange(ref _drainedUntold, 0) == 0) return;
        try
        {
            session.Drained();
        }
        catch (Exception e)
        {
            CloseFor(e);
        }
    }

    private void TellDisconnected()
    {
        try
        {
            _session?.Disconnected();
        }
        catch (Exception e)
        {
            LogFailed(_transport.Logger, e, _remote);
        }
    }

    private void BeginClosing()
    {
        if (Interlocked.Exchange(ref _closing, 1) == 0)
            Volatile.Write(ref _closeDeadlineMs, _transport.NowMs + (long)Options.CloseTimeout.TotalMilliseconds);
    }
}
