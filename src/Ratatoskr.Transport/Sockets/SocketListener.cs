using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Threading.Channels;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Ratatoskr.Transport.Upgrades;

namespace Ratatoskr.Transport.Sockets;

/// <summary>
/// Accepts a few connections, then lets the other sockets of its poller have their turn: whoever connects without a pause keeps nobody waiting. While many connections have
/// not said what they are, it pauses as well: others come by thousands, and wait in the kernel's queue for a moment, instead of everybody here for all of them.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
internal sealed partial class SocketListener : IConnectionListener, IPolled
{
    /// <summary>Connections accepted in one go: some hundred microseconds with what each of them begins.</summary>
    internal const int AtOnceMax = 16;

    // About a quarter of a core is left to connections then, 5,000 a second.
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(3);

    // No descriptor or memory left: some may come back.
    private static readonly TimeSpan s_shortage = TimeSpan.FromMilliseconds(100);

    private readonly Socket _socket;
    private readonly SocketPoller[] _pollers;
    private readonly MemoryPool<byte> _pool;
    private readonly SyncTransport _transport;
    private readonly UpgradePeek? _peek;
    private readonly ITimer _pauseTimer;
    private readonly int _place;

    // Bounded by what may be open at all; Kestrel takes them as they come.
    private readonly Channel<ConnectionContext> _forKestrel = Channel.CreateUnbounded<ConnectionContext>(new UnboundedChannelOptions { SingleReader = true });

    private volatile bool _isPausing;
    private volatile bool _isUnbound;
    private int _turn;

    /// <param name="socket">Listens; owned from here on.</param>
    /// <param name="pollers">The first one polls the listener, all of them connections, in turn.</param>
    /// <param name="pool">For what Kestrel writes.</param>
    /// <param name="transport">Whose limits and clock these are.</param>
    /// <param name="peek">Serves what is ours; null when Kestrel has all.</param>
    /// <exception cref="IOException">The system cannot watch it.</exception>
    public SocketListener(Socket socket, SocketPoller[] pollers, MemoryPool<byte> pool, SyncTransport transport, UpgradePeek? peek)
    {
        (_socket, _pollers, _pool, _transport, _peek) = (socket, pollers, pool, transport, peek);
        EndPoint = socket.LocalEndPoint!;
        _pauseTimer = transport.Time.CreateTimer(static state => ((SocketListener)state!).PauseIsOver(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _place = pollers[0].Watch(socket.SafeHandle, this, Linux.Readable | Linux.EdgeTriggered);
    }

    public EndPoint EndPoint { get; }

    /// <returns>null after <see cref="UnbindAsync"/>.</returns>
    public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
    {
        while (await _forKestrel.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
        {
            if (_forKestrel.Reader.TryRead(out ConnectionContext? connection)) return connection;
        }

        return null;
    }

    public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
    {
        if (_isUnbound) return;
        _isUnbound = true;
        _pollers[0].Forget(_place, _socket.SafeHandle);
        await _pauseTimer.DisposeAsync().ConfigureAwait(false);
        _socket.Dispose();
        _forKestrel.Writer.TryComplete();
    }

    public async ValueTask DisposeAsync()
    {
        await UnbindAsync().ConfigureAwait(false);
        while (_forKestrel.Reader.TryRead(out ConnectionContext? connection)) await connection.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Somebody has connected, or the others have had their turn. On the first poller's thread.</summary>
    public void OnEvents(uint events)
    {
        if (_isPausing || _isUnbound) return;
        for (int i = 0; i < AtOnceMax; i++)
        {
            if (TryAccept(out int error) || error is Linux.Aborted or Linux.Interrupted) continue;
            if (error != Linux.TryAgain) Pause(s_shortage);
            return;
        }

        if (_transport.Pending.AreCrowding) Pause(s_pause);
        else _pollers[0].Again(this);
    }

    private void Pause(TimeSpan time)
    {
        _isPausing = true;
        _pauseTimer.Change(time, Timeout.InfiniteTimeSpan);
    }

    private void PauseIsOver()
    {
        _isPausing = false;
        _pollers[0].Again(this);
    }

    private unsafe bool TryAccept(out int error)
    {
        error = 0;
        byte* address = stackalloc byte[SocketAddresses.BytesMax];
        int length = SocketAddresses.BytesMax;
        SocketConnection connection;
        try
        {
            int accepted = Linux.Accept(_socket.SafeHandle, address, &length, Linux.NonBlocking | Linux.CloseOnExec);
            if (accepted < 0)
            {
                error = Linux.LastError;
                return false;
            }

            Descriptor handle = new(accepted);
            if (!_transport.TryOpenSocket())
            {
                handle.Dispose();
                return true;
            }

            SocketPoller poller = _pollers[(int)((uint)_turn++ % (uint)_pollers.Length)];
            connection = new SocketConnection(handle, SocketAddresses.Read(new ReadOnlySpan<byte>(address, length)), poller, _transport, _pool);
        }
        catch (IOException)
        {
            error = Linux.LastError;            // the system cannot watch one more: it is closed again
            return false;
        }
        catch (ObjectDisposedException)
        {
            error = Linux.TryAgain;             // unbound
            return false;
        }

        _ = ServeAsync(connection);
        return true;
    }

    private async Task ServeAsync(SocketConnection connection)
    {
        try
        {
            if (_peek is null) connection.WakesOn = PipeScheduler.ThreadPool;          // until Kestrel's middleware has looked
            if (_peek is null || await _peek.IsForHttpAsync(connection).ConfigureAwait(false))
            {
                connection.IsForHttp = _peek is not null;
                if (_forKestrel.Writer.TryWrite(connection)) return;
            }
        }
        catch (Exception e)
        {
            LogFailed(_transport.Logger, e);
        }

        await connection.DisposeAsync().ConfigureAwait(false);
    }

    [LoggerMessage(EventId = 21, Level = LogLevel.Error, Message = "internal error on a connection")]
    private static partial void LogFailed(ILogger logger, Exception exception);
}
