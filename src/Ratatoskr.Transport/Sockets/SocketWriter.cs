using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Ratatoskr.Transport.Sockets;

/// <summary>
/// Writes to a socket when it is flushed, on the thread that flushes as far as the kernel takes it, and the rest on the poller's: what waits for the flush runs there as
/// well. Holds what the kernel has not taken, and no memory when that is nothing.
/// </summary>
/// <remarks>One caller at a time, and none while a flush is under way; <see cref="CancelPendingFlush"/> is safe on any thread.</remarks>
internal sealed unsafe class SocketWriter(SocketConnection connection) : PipeWriter, IValueTaskSource<FlushResult>
{
    private const int SmallBytes = 4 * 1024;            // a message, as a rule
    private const int LargeBytes = 32 * 1024;           // whoever has written more than that writes on

    private static readonly Action<object?> s_wake = static writer => ((SocketWriter)writer!)._waiting.SetResult(true);

    private ManualResetValueTaskSourceCore<bool> _waiting;
    private Readiness _readiness;
    private SocketBuffer? _first;
    private SocketBuffer? _last;
    private SocketBuffer? _spare;
    private CancellationTokenRegistration _cancellation;
    private long _unflushed;
    private int _canceled;
    private bool _isWaiting;
    private bool _isBroken;
    private bool _isCompleted;

    /// <summary>Somebody waits for the kernel to take more.</summary>
    public bool IsFlushing => _isWaiting;

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _unflushed;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ObjectDisposedException.ThrowIf(_isCompleted, this);
        if (_last is null || _last.Room < Math.Max(sizeHint, 1)) Append(Math.Max(sizeHint, _last is null ? SmallBytes : LargeBytes));
        return _last!.Free;
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        if (bytes == 0) return;
        if (_last is null) throw new InvalidOperationException("nothing was asked for");
        _last.Fill(bytes);
        _unflushed += bytes;
    }

    /// <returns>Completed when nobody takes bytes any more; they are dropped.</returns>
    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (_isWaiting && !IsOver) throw new InvalidOperationException("a flush is under way");
        if (IsOver) return new ValueTask<FlushResult>(Take());
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        if (Volatile.Read(ref _canceled) != 0 || Send()) return new ValueTask<FlushResult>(Take());

        _waiting.Reset();
        _isWaiting = true;
        if (!Wait())
        {
            _isWaiting = false;
            return new ValueTask<FlushResult>(Take());
        }

        short version = _waiting.Version;
        if (cancellationToken.CanBeCanceled)
            _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((SocketWriter)state!).Cancel(token), this);
        return new ValueTask<FlushResult>(this, version);
    }

    public override void CancelPendingFlush()
    {
        Volatile.Write(ref _canceled, 1);
        WakeLater();
    }

    /// <summary>Nothing more is written. What was not flushed goes out before the connection closes, unless <paramref name="exception"/> says that it is worth nothing.</summary>
    public override void Complete(Exception? exception = null)
    {
        if (_isCompleted) return;
        _isCompleted = true;
        if (exception is not null) Release();
    }

    /// <summary>The kernel takes more. On the poller's thread.</summary>
    public void OnReady()
    {
        if (!_readiness.Signal()) return;
        if (Send() || !Wait()) connection.Wake(s_wake, this);
    }

    /// <summary>The connection is aborted: whoever waits learns of it.</summary>
    public void WakeLater()
    {
        if (_readiness.TryGiveUp()) connection.WakeLater(s_wake, this);
    }

    /// <summary>Gives back what is held. Nobody writes any more.</summary>
    public void Release()
    {
        if (_isWaiting) return;                             // somebody may be sending it: the collector's then
        while (_first is not null) DropFirst();
        _unflushed = 0;
    }

    FlushResult IValueTaskSource<FlushResult>.GetResult(short token)
    {
        _cancellation.Dispose();
        _cancellation = default;
        _isWaiting = false;
        _waiting.GetResult(token);
        return Take();
    }

    ValueTaskSourceStatus IValueTaskSource<FlushResult>.GetStatus(short token) => _waiting.GetStatus(token);

    void IValueTaskSource<FlushResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _waiting.OnCompleted(continuation, state, token, flags);

    private bool IsOver => _isBroken || connection.AbortReason is not null;

    private void Cancel(CancellationToken token)
    {
        if (_readiness.TryGiveUp()) _waiting.SetException(new OperationCanceledException(token));
    }

    private FlushResult Take()
    {
        if (IsOver) Release();
        return new FlushResult(Interlocked.Exchange(ref _canceled, 0) != 0, IsOver);
    }

    // False: there is something to tell at once.
    private bool Wait()
    {
        while (true)
        {
            if (_readiness.TryWait()) return (!IsOver && Volatile.Read(ref _canceled) == 0) || !_readiness.TryGiveUp();
            if (Send()) return false;
        }
    }

    // False: the kernel takes no more for now.
    private bool Send()
    {
        while (_first is { } first && !IsOver)
        {
            if (first.Count == 0)
            {
                DropFirst();
                continue;
            }

            nint count;
            fixed (byte* bytes = first.Span)
                count = Linux.Send(connection.Handle, bytes, first.Count, Linux.NoSignal | (first.Next is null ? 0 : Linux.More));
            if (count < 0)
            {
                int error = Linux.LastError;
                if (error == Linux.Interrupted) continue;
                if (error == Linux.TryAgain) return false;
                _isBroken = true;
                break;
            }

            first.Start += (int)count;
            _unflushed -= count;
        }

        return true;
    }

    private void Append(int bytes)
    {
        SocketBuffer buffer = _spare ?? new SocketBuffer();
        _spare = null;
        buffer.Rent(bytes);
        _last?.Chain(buffer);
        _last = buffer;
        _first ??= buffer;
    }

    private void DropFirst()
    {
        SocketBuffer first = _first!;
        _first = first.Next;
        if (_first is null) _last = null;
        first.Return();
        _spare = first;
    }
}
