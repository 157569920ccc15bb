using System.Diagnostics;
using System.Diagnostics.Metrics;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Transport;

/// <summary>What connections count. Safe on any thread; an instrument nobody listens to costs a branch.</summary>
internal sealed class TransportMetrics
{
    private readonly UpDownCounter<long> _open;
    private readonly Counter<long> _accepted;
    private readonly Counter<long> _refused;
    private readonly Counter<long> _messagesIn;
    private readonly Counter<long> _messagesOut;
    private readonly Counter<long> _bytesIn;
    private readonly Counter<long> _bytesOut;
    private readonly Counter<long> _protocolErrors;
    private readonly Counter<long> _pauses;
    private readonly Counter<long> _overflows;
    private readonly Counter<long> _pingsMissed;
    private readonly Counter<long> _dead;

    public TransportMetrics(Meter meter)
    {
        _open = meter.CreateUpDownCounter<long>("ratatoskr.connections.open", "{connection}", "WebSockets open now");
        _accepted = meter.CreateCounter<long>("ratatoskr.connections.accepted", "{connection}", "WebSocket upgrades answered with 101 or its like");
        _refused = meter.CreateCounter<long>("ratatoskr.connections.refused", "{connection}", "upgrades answered with an error, by status");
        _messagesIn = meter.CreateCounter<long>("ratatoskr.messages.in", "{message}", "whole messages and control frames received");
        _messagesOut = meter.CreateCounter<long>("ratatoskr.messages.out", "{message}", "messages and control frames sent");
        _bytesIn = meter.CreateCounter<long>("ratatoskr.bytes.in", "By", "bytes received after the upgrade, frame headers included");
        _bytesOut = meter.CreateCounter<long>("ratatoskr.bytes.out", "By", "bytes given to sockets after the upgrade, frame headers included");
        _protocolErrors = meter.CreateCounter<long>("ratatoskr.protocol_errors", "{error}", "connections closed because the peer broke a rule, by close code");
        _pauses = meter.CreateCounter<long>("ratatoskr.slow_reader.pauses", "{pause}", "times a send queue passed its high-water mark");
        _overflows = meter.CreateCounter<long>("ratatoskr.slow_reader.closes", "{connection}", "connections closed because their send queue was full");
        _pingsMissed = meter.CreateCounter<long>("ratatoskr.pings.missed", "{ping}", "pings not answered by any byte within the interval");
        _dead = meter.CreateCounter<long>("ratatoskr.connections.dead", "{connection}", "connections cut for silence");
    }

    public void Opened()
    {
        _accepted.Add(1);
        _open.Add(1);
    }

    public void Closed() => _open.Add(-1);

    public void Refused(int status) => _refused.Add(1, new KeyValuePair<string, object?>("status", status));

    public void Received(int messages, long bytes)
    {
        _messagesIn.Add(messages);
        _bytesIn.Add(bytes);
    }

    public void SentMessage() => _messagesOut.Add(1);

    public void SentBytes(long bytes) => _bytesOut.Add(bytes);

    public void ProtocolError(CloseCode code)
    {
        TagList tags = new() { { "code", (int)code } };
        _protocolErrors.Add(1, tags);
    }

    public void Paused() => _pauses.Add(1);

    public void Overflowed() => _overflows.Add(1);

    public void PingMissed() => _pingsMissed.Add(1);

    public void Died() => _dead.Add(1);
}
