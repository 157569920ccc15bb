using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.IO.Pipelines;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Ratatoskr.Transport.Sockets;

/// <summary>A TCP connection that somebody has made to us, as Kestrel takes it.</summary>
/// <remarks>Aborting is safe on any thread; the rest is as safe as its pipes.</remarks>
internal sealed class SocketConnection : ConnectionContext, IPolled, IDuplexPipe,
    IConnectionIdFeature, IConnectionTransportFeature, IConnectionItemsFeature, IConnectionLifetimeFeature, IConnectionEndPointFeature, IMemoryPoolFeature
{
    private static long s_lastId;

    private readonly SyncTransport _transport;
    private readonly SocketPoller _poller;
    private readonly SocketReader _input;
    private readonly SocketWriter _output;
    private readonly Lock _gate = new();
    private readonly int _place;
    private ConnectionFeatures? _features;
    private IDictionary<object, object?>? _items;
    private CancellationTokenSource? _closed;
    private EndPoint? _local;
    private string? _id;
    private volatile ConnectionAbortedException? _abortReason;
    private volatile bool _mayHaveEnded;
    private bool _isClosed;
    private bool _isDisposed;

    /// <param name="handle">Owned from here on.</param>
    /// <param name="remote">Who has connected.</param>
    /// <param name="poller">Tells what becomes of it.</param>
    /// <param name="transport">Told when the socket is closed.</param>
    /// <param name="pool">For what Kestrel writes.</param>
    /// <exception cref="IOException">The system cannot watch it; the socket is closed.</exception>
    public SocketConnection(Descriptor handle, EndPoint remote, SocketPoller poller, SyncTransport transport, MemoryPool<byte> pool)
    {
        Handle = handle;
        RemoteEndPoint = remote;
        MemoryPool = pool;
        Transport = this;
        _poller = poller;
        _transport = transport;
        _input = new SocketReader(this);
        _output = new SocketWriter(this);
        try
        {
            _place = poller.Watch(handle, this, Linux.Readable | Linux.Writable | Linux.PeerShutDown | Linux.EdgeTriggered);
        }
        catch
        {
            handle.Dispose();
            transport.SocketClosed();
            throw;
        }
    }

    public Descriptor Handle { get; }

    public override IDuplexPipe Transport { get; set; }

    public override EndPoint? LocalEndPoint
    {
        get => _local ??= ReadName();
        set => _local = value;
    }

    public override EndPoint? RemoteEndPoint { get; set; }

    public MemoryPool<byte> MemoryPool { get; }

    /// <summary>Only for logs, so it is made when one asks.</summary>
    [AllowNull]
    public override string ConnectionId
    {
        get => _id ??= Interlocked.Increment(ref s_lastId).ToString("x", CultureInfo.InvariantCulture);
        set => _id = value;
    }

    public override IFeatureCollection Features => _features ??= new ConnectionFeatures(this);

    public override IDictionary<object, object?> Items
    {
        get => _items ??= new ConnectionItems();
        set => _items = value;
    }

    /// <summary>Somebody cut it, and why; null when nobody did.</summary>
    public ConnectionAbortedException? AbortReason => _abortReason;

    /// <summary>It has been looked at, and Kestrel has it.</summary>
    public bool IsForHttp { get; set; }

    /// <summary>
    /// Where what has waited for the socket goes on; null: on the poller's thread, which has other sockets to serve. Code behind the HTTP stack may block (a file, a database), and a TLS
    /// handshake takes a millisecond.
    /// </summary>
    public PipeScheduler? WakesOn { get; set; }

    /// <summary>The peer may have shut down: a read that brings less than it could is not the last.</summary>
    public bool MayHaveEnded => _mayHaveEnded;

    public override CancellationToken ConnectionClosed
    {
        get
        {
            lock (_gate)
            {
                if (_closed is null)
                {
                    _closed = new CancellationTokenSource();
                    if (_isClosed) _closed.Cancel();
                }

                return _closed.Token;
            }
        }

        set => throw new NotSupportedException();
    }

    PipeReader IDuplexPipe.Input => _input;

    PipeWriter IDuplexPipe.Output => _output;

    /// <summary>The peer has closed, or the connection is broken. Whoever wants to know learns of it, on the pool.</summary>
    public void Closed()
    {
        lock (_gate)
        {
            if (_isClosed) return;
            _isClosed = true;
            if (_closed is null) return;
        }

        ThreadPool.UnsafeQueueUserWorkItem(static closed => closed.Cancel(), _closed, preferLocal: false);
    }

    public override unsafe void Abort(ConnectionAbortedException abortReason)
    {
        lock (_gate)
        {
            if (_isDisposed || _abortReason is not null) return;
            _abortReason = abortReason;

            // What the kernel still holds for the peer goes with it: he may never take it.
            int* reset = stackalloc int[2] { 1, 0 };
            _ = Linux.SetOption(Handle, Linux.SocketLevel, Linux.Linger, reset, 2 * sizeof(int));
        }

        _input.WakeLater();
        _output.WakeLater();
        Closed();
    }

    /// <summary>Something has come that somebody has waited for.</summary>
    public void Wake(Action<object?> action, object waiter)
    {
        if (WakesOn is { } scheduler) scheduler.Schedule(action, waiter);
        else action(waiter);
    }

    /// <summary>Somebody waits in vain: his time is over, or the connection. Thousands may end at once, and nobody is in a hurry for them.</summary>
    public void WakeLater(Action<object?> action, object waiter) => (WakesOn ?? _transport.Options.BusyScheduler).Schedule(action, waiter);

    public void OnEvents(uint events)
    {
        bool isOver = (events & (Linux.HungUp | Linux.Failed)) != 0;
        if (isOver || (events & Linux.PeerShutDown) != 0) _mayHaveEnded = true;
        if (_mayHaveEnded || (events & Linux.Readable) != 0) _input.OnReady();
        if (isOver || (events & Linux.Writable) != 0) _output.OnReady();
        if (isOver || ((events & Linux.PeerShutDown) != 0 && HasNothingUnread())) Closed();
    }

    /// <summary>Sends what is still to be sent, and closes.</summary>
    public override async ValueTask DisposeAsync()
    {
        try
        {
            if (_output.IsFlushing) Abort(new ConnectionAbortedException("closed while it was written to"));
            while ((await _output.FlushAsync().ConfigureAwait(false)).IsCanceled)
            {
                // Somebody has canceled the flush before this one.
            }
        }
        finally
        {
            Close();
            await base.DisposeAsync().ConfigureAwait(false);
        }
    }

    private void Close()
    {
        lock (_gate)
        {
            if (_isDisposed) return;
            _isDisposed = true;
        }

        _poller.Forget(_place, Handle);                          // first: the shutdown is an event, and two more follow it
        if (_abortReason is null) _ = Linux.Shutdown(Handle, Linux.Both);
        _abortReason ??= new ConnectionAbortedException("the connection is closed");
        _input.Complete();
        _output.Complete();
        _output.Release();
        Handle.Dispose();
        Closed();
        _transport.SocketClosed();
    }

    private unsafe IPEndPoint? ReadName()
    {
        byte* address = stackalloc byte[SocketAddresses.BytesMax];
        int length = SocketAddresses.BytesMax;
        return Linux.GetName(Handle, address, &length) == 0 ? SocketAddresses.Read(new ReadOnlySpan<byte>(address, length)) : null;
    }

    private unsafe bool HasNothingUnread()
    {
        byte one;
        lock (_gate) return !_isDisposed && Linux.Receive(Handle, &one, 1, Linux.Peek) == 0;
    }
}
