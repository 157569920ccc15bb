using System.Diagnostics.Metrics;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Transport.Connections;
using Ratatoskr.Transport.Upgrades;

namespace Ratatoskr.Transport;

/// <summary>
/// All WebSockets of the process: takes upgraded connections from Kestrel's two ways in (<see cref="Upgrades.UpgradePeek"/>,
/// <see cref="Upgrades.HttpUpgrade"/>), hands their messages to the <see cref="ISyncEndpoint"/>, keeps them alive, ends them.
/// </summary>
/// <remarks>Safe on any thread. One timer serves all connections.</remarks>
public sealed partial class SyncTransport : IAsyncDisposable
{
    public const string MeterName = "Ratatoskr.Transport";

    // Deadlines are met to within one sweep: a second, or a quarter of the shortest time-out when that is less.
    private static readonly TimeSpan SweepPeriodMax = TimeSpan.FromSeconds(1);

    private readonly ISyncEndpoint _endpoint;
    private readonly TimeProvider _time;
    private readonly ILogger<SyncTransport> _logger;
    private readonly ConnectionTable _table = new();
    private readonly ITimer _sweep;
    private readonly long _startTimestamp;
    private Swept?[] _swept = [];
    private int _sweeping;
    private long _nowMs;
    private long _inboundBytes;
    private int _open;
    private int _sockets;
    private volatile bool _stopping;
    private volatile TaskCompletionSource? _allClosed;

    public SyncTransport(ISyncEndpoint endpoint, TransportOptions options, Meter meter, ILogger<SyncTransport> logger, TimeProvider time)
    {
        options.Validate();
        _endpoint = endpoint;
        Options = options;
        OutboundRoom = new OutboundRoom(options.OutboundBytesMax);
        Pending = new PendingUpgrades(options.PendingUpgradesMax);
        Metrics = new TransportMetrics(meter);
        _logger = logger;
        _time = time;
        _startTimestamp = time.GetTimestamp();
        ShowLevels(meter);
        TimeSpan period = SweepPeriod(options);
        _sweep = time.CreateTimer(static state => ((SyncTransport)state!).Sweep(), this, period, period);
    }

    public TransportOptions Options { get; }

    /// <summary>Why upgrades get 503 for now: what is behind the sockets is not there yet. null when it is.</summary>
    public string? NotTakingBecause { get; set; }

    /// <summary>Open WebSockets.</summary>
    public int ConnectionCount => Volatile.Read(ref _open);

    /// <summary>Open sockets of all kinds.</summary>
    internal int SocketCount => Volatile.Read(ref _sockets);

    internal TransportMetrics Metrics { get; }

    internal OutboundRoom OutboundRoom { get; }

    /// <summary>Connections that have not said yet what they are.</summary>
    internal PendingUpgrades Pending { get; }

    internal ILogger Logger => _logger;

    internal ConnectionTable Table => _table;

    internal TimeProvider Time => _time;

    /// <summary>Milliseconds since the start, as of the last sweep: costs a read, where a clock costs a call per message.</summary>
    internal long NowMs => Volatile.Read(ref _nowMs);

    /// <summary>
    /// Takes no more upgrades (503), waits for <paramref name="beforeClose"/> (the journal's commit), closes every socket with 1001,
    /// waits for the peers' answers, and cuts what is left after <see cref="TransportOptions.StopTimeout"/> in all.
    /// </summary>
    /// <param name="beforeClose">Is cancelled at the deadline; null when there is nothing to wait for.</param>
    /// <param name="cancel">Ends the waiting at once.</param>
    public async Task StopAsync(Func<CancellationToken, Task>? beforeClose, CancellationToken cancel)
    {
        _stopping = true;
        using CancellationTokenSource deadline = new(Options.StopTimeout, _time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancel);
        try
        {
            if (beforeClose is not null) await beforeClose(either.Token).WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            // Sockets are closed whatever became of the journal: what it did not commit has not been acknowledged.
            LogStopHookFailed(e);
        }

        TaskCompletionSource allClosed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _allClosed = allClosed;
        ForEachConnection(CloseForStop);
        if (ConnectionCount == 0) allClosed.TrySetResult();
        try
        {
            await allClosed.Task.WaitAsync(either.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            LogStopCuts(ConnectionCount);
            ForEachConnection(static connection => connection.Cut());
        }
    }

    public async ValueTask DisposeAsync()
    {
        _stopping = true;
        await _sweep.DisposeAsync().ConfigureAwait(false);
        ForEachConnection(static connection => connection.Abort());
    }

    /// <summary>Counts an upgrade in, or says why not. Every admission ends in <see cref="RunAsync"/> or <see cref="Leave"/>.</summary>
    /// <returns>null when admitted, else a reason for a 503.</returns>
    internal string? TryEnter()
    {
        if (_stopping) return "the server stops";
        if (NotTakingBecause is { } reason) return reason;
        if (Interlocked.Increment(ref _open) <= Options.ConnectionCountMax) return null;
        Leave();
        return "too many connections";
    }

    /// <summary>Counts a socket in that somebody has connected. Every one ends in <see cref="SocketClosed"/>.</summary>
    /// <returns>false when there are too many: it is to be closed.</returns>
    internal bool TryOpenSocket()
    {
        if (Interlocked.Increment(ref _sockets) <= Options.SocketCountMax) return true;
        SocketClosed();
        Metrics.Refused(503);
        return false;
    }

    internal void SocketClosed() => Interlocked.Decrement(ref _sockets);

    /// <summary>Serves one admitted connection to its end. Never throws.</summary>
    internal async Task RunAsync(WebSocketConnection connection, ConnectionInfo info)
    {
        Metrics.Opened();
        _table.Add(connection);

        // An upgrade that was admitted just before the stop and comes after its round of closes.
        if (_allClosed is not null) CloseForStop(connection);
        try
        {
            await connection.RunAsync(_endpoint, info).ConfigureAwait(false);
        }
        finally
        {
            _table.Remove(connection);
            connection.EndsFor(ConnectionEnd.Gone);
            Metrics.Closed();
            Leave();
        }
    }

    /// <summary>
    /// A connection that is through is left to Kestrel, which sends what is still in the pipe and closes. It would wait for ever for a peer that
    /// does not read, so the sweep cuts the socket after the close time-out.
    /// </summary>
    internal void AbortIfNotClosedInTime(ConnectionContext context)
    {
        if (context.ConnectionClosed.IsCancellationRequested) return;
        LingerDeadline linger = new(this, context);
        _table.Add(linger);
        context.ConnectionClosed.UnsafeRegister(static state => ((LingerDeadline)state!).Closed(), linger);
    }

    internal void Leave()
    {
        if (Interlocked.Decrement(ref _open) == 0) _allClosed?.TrySetResult();
    }

    /// <summary>Accounts for bytes of unfinished messages; a negative number gives back. When there is no room, whoever has taken longest over a message gives way.</summary>
    /// <exception cref="ProtocolException">1013: all of them together hold too much. These bytes are not accounted for then, so that nobody else suffers.</exception>
    internal void AddInbound(long bytes, WebSocketConnection asks)
    {
        long total = Interlocked.Add(ref _inboundBytes, bytes);
        if (bytes <= 0 || total <= Options.InboundBytesMax) return;
        WebSocketConnection? slowest = null;
        ForEachConnection(connection =>
        {
            if (connection.InboundSinceMs < (slowest?.InboundSinceMs ?? long.MaxValue)) slowest = connection;
        });
        if (slowest is not null && slowest != asks && NowMs - slowest.InboundSinceMs >= (long)Options.MessageGrace.TotalMilliseconds)
        {
            Metrics.InboundRefused();
            slowest.GiveWay();                      // its bytes come back as soon as its loop sees it
            return;
        }

        Interlocked.Add(ref _inboundBytes, -bytes);
        Metrics.InboundRefused();
        throw new ProtocolException(CloseCode.TryAgainLater, "too many large messages are arriving at once");
    }

    private void ShowLevels(Meter meter)
    {
        meter.ShowGauge("ratatoskr.connections.limit", "{connection}", "WebSockets that may be open", () => Options.ConnectionCountMax);
        meter.ShowLevel("ratatoskr.sockets.open", "{connection}", "sockets of all kinds that are open; none are counted where they are Kestrel's own", () => SocketCount);
        meter.ShowGauge("ratatoskr.sockets.limit", "{connection}", "what they may be; one more is closed at once", () => Options.SocketCountMax);
        meter.ShowLevel("ratatoskr.sockets.swept", "{connection}", "sockets with a deadline: WebSockets, upgrades under way, closed ones that still have something to send", () => _table.Count);
        meter.ShowLevel("ratatoskr.inbound.buffered", "By", "bytes of large messages that have begun to arrive", () => Volatile.Read(ref _inboundBytes));
        meter.ShowGauge("ratatoskr.inbound.limit", "By", "what such bytes may be in all", () => Options.InboundBytesMax);
        meter.ShowLevel("ratatoskr.upgrades.pending", "{connection}", "connections that have not said yet what they are", () => Pending.Count);
        meter.ShowGauge("ratatoskr.upgrades.limit", "{connection}", "what they may be; one more takes the place of the oldest", () => Options.PendingUpgradesMax);
        meter.ShowGauge("ratatoskr.outbound.limit", "By", "what long send queues may hold in all", () => Options.OutboundBytesMax);
        meter.ShowLevel("ratatoskr.outbound.queued", "By", "bytes that wait for sockets, all send queues together", QueuedBytes);
    }

    // Only when somebody asks: 20,000 connections take a fraction of a millisecond.
    private long QueuedBytes()
    {
        long bytes = 0;
        ForEachConnection(connection => bytes += connection.QueuedBytes);
        return bytes;
    }

    private static TimeSpan SweepPeriod(TransportOptions options)
    {
        TimeSpan shortest = SweepPeriodMax * 4;
        foreach (TimeSpan time in (ReadOnlySpan<TimeSpan>)[options.UpgradeTimeout, options.HelloTimeout, options.PingInterval, options.CloseTimeout])
        {
            if (time < shortest) shortest = time;
        }

        return shortest / 4;
    }

    private void Sweep()
    {
        long nowMs = (long)_time.GetElapsedTime(_startTimestamp).TotalMilliseconds;
        Volatile.Write(ref _nowMs, nowMs);
        if (Interlocked.Exchange(ref _sweeping, 1) != 0) return;       // the sweep before is still at it
        try
        {
            int count = _table.Snapshot(ref _swept);
            for (int i = 0; i < count; i++)
            {
                Swept entry = _swept[i]!;
                _swept[i] = null;
                SweepOne(entry, nowMs);
            }
        }
        finally
        {
            Volatile.Write(ref _sweeping, 0);
        }
    }

    // One faulty connection must not keep the others from their deadlines.
    private void SweepOne(Swept entry, long nowMs)
    {
        try
        {
            entry.Sweep(nowMs);
        }
        catch (Exception e)
        {
            LogSweepFailed(e);
        }
    }

    private static void CloseForStop(WebSocketConnection connection)
    {
        connection.EndsFor(ConnectionEnd.ServerStops);
        connection.Close(CloseCode.GoingAway, "server stops");
    }

    private void ForEachConnection(Action<WebSocketConnection> act)
    {
        Swept?[] entries = [];
        int count = _table.Snapshot(ref entries);
        for (int i = 0; i < count; i++)
        {
            if (entries[i] is WebSocketConnection connection) act(connection);
        }
    }

    private sealed class LingerDeadline(SyncTransport transport, ConnectionContext context) : Swept
    {
        private readonly long _deadlineMs = transport.NowMs + (long)transport.Options.CloseTimeout.TotalMilliseconds;

        public void Closed() => transport._table.Remove(this);

        public override void Sweep(long nowMs)
        {
            if (nowMs < _deadlineMs) return;
            Closed();
            context.Abort(new ConnectionAbortedException("the peer does not take what is left for it"));
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Stopping although the wait before it failed")]
    private partial void LogStopHookFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The sweep of a connection failed")]
    private partial void LogSweepFailed(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Cutting {Count} connections that did not close in time")]
    private partial void LogStopCuts(int count);
}
