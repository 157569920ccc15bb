using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Transport;

/// <summary>Why a connection ends.</summary>
internal enum ConnectionEnd : byte
{
    /// <summary>The peer has sent a close frame.</summary>
    ClosedByPeer,

    /// <summary>The peer is gone without one.</summary>
    Gone,

    /// <summary>The peer broke a rule of WebSocket, or of the hello.</summary>
    ProtocolError,

    /// <summary>The session has closed it: refused, revoked, replaced, or over a limit.</summary>
    ClosedBySession,

    /// <summary>Its send queue was full.</summary>
    SlowReader,

    NoHello,

    /// <summary>It answered no pings.</summary>
    Silent,

    ServerStops,

    /// <summary>A fault of ours.</summary>
    Fault,
}

/// <summary>Frames by what they are.</summary>
internal enum FrameType : byte
{
    Binary,
    Text,
    Ping,
    Pong,
    Close,
}

/// <summary>Close codes that are sent.</summary>
internal enum SentCloseCode : byte
{
    Normal,
    GoingAway,
    ProtocolError,
    UnsupportedData,
    InvalidPayload,
    PolicyViolation,
    MessageTooBig,
    InternalError,
    TryAgainLater,

    /// <summary>The peer's own, sent back.</summary>
    Other,
}

/// <summary>Upgrades that are answered with an error, by status.</summary>
internal enum UpgradeRefusalCause : byte
{
    /// <summary>400: the request cannot be read.</summary>
    Malformed,

    /// <summary>403: pages of this origin may not.</summary>
    Origin,

    /// <summary>408: it did not arrive in time.</summary>
    TimedOut,

    /// <summary>426: not version 13 of the protocol, or no WebSocket at all.</summary>
    Version,

    /// <summary>503: too many connections, or the server stops.</summary>
    Busy,

    Other,
}

/// <summary>What connections count (meter <c>Ratatoskr.Transport</c>; docs/metrics.md). Safe on any thread.</summary>
internal sealed class TransportMetrics
{
    /// <summary>Spans: <c>upgrade</c>.</summary>
    public static readonly ActivitySource Traces = new(SyncTransport.MeterName);

    private readonly Tally _active;
    private readonly Tally _accepted;
    private readonly TallySet<UpgradeRefusalCause> _refused;
    private readonly TallySet<ConnectionEnd> _ended;
    private readonly TallySet<SentCloseCode> _closeFrames;
    private readonly Tally _cut;
    private readonly TallySet<FrameType> _framesReceived;
    private readonly TallySet<FrameType> _framesSent;
    private readonly Tally _bytesReceived;
    private readonly Tally _bytesSent;
    private readonly Tally _inboundRefused;
    private readonly Tally _pauses;
    private readonly Tally _pongsSkipped;
    private readonly Tally _pingsMissed;

    public TransportMetrics(Meter meter)
    {
        _active = meter.CreateLevel("ratatoskr.connections.active", "{connection}", "WebSockets open now");
        _accepted = meter.CreateTally("ratatoskr.connections.accepted", "{connection}", "WebSocket upgrades granted");
        _refused = meter.CreateTallies<UpgradeRefusalCause>("ratatoskr.connections.refused", "{connection}", "reason", "WebSocket upgrades answered with an error");
        _ended = meter.CreateTallies<ConnectionEnd>("ratatoskr.connections.ended", "{connection}", "reason", "WebSockets that have ended or are being closed, by the first reason there was");
        _closeFrames = meter.CreateTallies<SentCloseCode>("ratatoskr.close_frames.sent", "{frame}", "code", "close frames sent, by RFC 6455's name of their code");
        _cut = meter.CreateTally("ratatoskr.connections.cut", "{connection}", "sockets cut because the peer did not close in time, sent on after its end, or was silent");
        _framesReceived = meter.CreateTallies<FrameType>("ratatoskr.frames.received", "{frame}", "type", "whole messages and control frames received");
        _framesSent = meter.CreateTallies<FrameType>("ratatoskr.frames.sent", "{frame}", "type", "messages and control frames queued for sockets");
        _bytesReceived = meter.CreateTally("ratatoskr.network.received", "By", "bytes received after the upgrade, frame headers included");
        _bytesSent = meter.CreateTally("ratatoskr.network.sent", "By", "bytes taken by sockets after the upgrade, frame headers included");
        _inboundRefused = meter.CreateTally("ratatoskr.inbound.refused", "{message}", "messages refused because too many large ones were arriving at once");
        _pauses = meter.CreateTally("ratatoskr.outbound.pauses", "{pause}", "times a send queue passed its high-water mark: nothing is generated for that peer until it drains");
        _pongsSkipped = meter.CreateTally("ratatoskr.pongs.skipped", "{frame}", "pings of peers that do not read, answered only by the pong to a later one");
        _pingsMissed = meter.CreateTally("ratatoskr.pings.missed", "{frame}", "pings not answered by any byte within the interval");
    }

    public void Opened()
    {
        _accepted.Add();
        _active.Add();
    }

    public void Closed() => _active.Add(-1);

    public void Ends(ConnectionEnd reason) => _ended.Add(reason);

    public void Refused(int status) => _refused.Add(status switch
    {
        400 => UpgradeRefusalCause.Malformed,
        403 => UpgradeRefusalCause.Origin,
        408 => UpgradeRefusalCause.TimedOut,
        426 => UpgradeRefusalCause.Version,
        503 => UpgradeRefusalCause.Busy,
        _ => UpgradeRefusalCause.Other,
    });

    public void Received(long bytes) => _bytesReceived.Add(bytes);

    public void Received(WebSocketEventKind kind) => _framesReceived.Add(kind switch
    {
        WebSocketEventKind.Binary => FrameType.Binary,
        WebSocketEventKind.Text => FrameType.Text,
        WebSocketEventKind.Ping => FrameType.Ping,
        WebSocketEventKind.Pong => FrameType.Pong,
        _ => FrameType.Close,
    });

    public void SentFrame(Opcode opcode) => _framesSent.Add(opcode switch
    {
        Opcode.Binary => FrameType.Binary,
        Opcode.Ping => FrameType.Ping,
        Opcode.Pong => FrameType.Pong,
        Opcode.Close => FrameType.Close,
        _ => FrameType.Text,
    });

    public void SentBytes(long bytes) => _bytesSent.Add(bytes);

    public void SentClose(CloseCode code) => _closeFrames.Add(code switch
    {
        CloseCode.Normal => SentCloseCode.Normal,
        CloseCode.GoingAway => SentCloseCode.GoingAway,
        CloseCode.ProtocolError => SentCloseCode.ProtocolError,
        CloseCode.UnsupportedData => SentCloseCode.UnsupportedData,
        CloseCode.InvalidPayload => SentCloseCode.InvalidPayload,
        CloseCode.PolicyViolation => SentCloseCode.PolicyViolation,
        CloseCode.MessageTooBig => SentCloseCode.MessageTooBig,
        CloseCode.InternalError => SentCloseCode.InternalError,
        CloseCode.TryAgainLater => SentCloseCode.TryAgainLater,
        _ => SentCloseCode.Other,
    });

    public void Cut() => _cut.Add();

    public void InboundRefused() => _inboundRefused.Add();

    public void Paused() => _pauses.Add();

    public void PongSkipped() => _pongsSkipped.Add();

    public void PingMissed() => _pingsMissed.Add();
}
