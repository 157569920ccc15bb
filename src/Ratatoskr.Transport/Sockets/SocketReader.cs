using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Ratatoskr.Transport.Sockets;

/// <summary>
/// Reads a socket when it is asked to, on the thread that asks while bytes are there, else on the poller's: what waits for bytes runs there as well. Between reads it holds
/// what was not consumed, and no memory when that is nothing. Nobody reads ahead, so whoever sends faster than he is read waits in the kernel. A connection that is reset or
/// aborted has ended like any other: there is nothing to be done about it, and thousands may go at once, where an exception costs as much as a handshake.
/// </summary>
/// <remarks>One caller at a time; <see cref="CancelPendingRead"/> is safe on any thread.</remarks>
internal sealed unsafe class SocketReader(SocketConnection connection) : PipeReader, IValueTaskSource<ReadResult>
{
    private const int SmallBytes = 4 * 1024;            // a message, as a rule
    private const int LargeBytes = 64 * 1024;           // as long as the socket has more, pieces double up to this: fewer calls
    private const int RoomMin = 512;                    // less than that at the end of a piece is not worth a call

    private static readonly Action<object?> s_wake = static reader => ((SocketReader)reader!)._waiting.SetResult(true);

    private ManualResetValueTaskSourceCore<bool> _waiting;
    private Readiness _readiness;
    private SocketBuffer? _first;
    private SocketBuffer? _last;
    private SocketBuffer? _spare;
    private CancellationTokenRegistration _cancellation;
    private int _canceled;
    private bool _isWaiting;                            // a read is under way: from its wait to its result
    private bool _hasUnexamined;
    private bool _isDrained = true;                     // the socket had no more, as of the last call; what is there at the beginning is told as well
    private int _nextBytes = SmallBytes;
    private bool _ended;
    private bool _isCompleted;

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_isWaiting) throw new InvalidOperationException("a read is under way");
        if (TryRead(out ReadResult result)) return new ValueTask<ReadResult>(result);
        if (cancellationToken.IsCancellationRequested) return ValueTask.FromCanceled<ReadResult>(cancellationToken);
        if (!_isDrained && Receive()) return new ValueTask<ReadResult>(Take());

        _waiting.Reset();
        _isWaiting = true;
        if (!Wait())
        {
            _isWaiting = false;
            return new ValueTask<ReadResult>(Take());
        }

        short version = _waiting.Version;
        if (cancellationToken.CanBeCanceled)
            _cancellation = cancellationToken.UnsafeRegister(static (state, token) => ((SocketReader)state!).Cancel(token), this);
        return new ValueTask<ReadResult>(this, version);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!MustTell && !_hasUnexamined)
        {
            result = default;
            return false;
        }

        result = Take();
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_first is null || _last is null) return;        // there was nothing to consume
        _hasUnexamined = examined.GetObject() != _last || examined.GetInteger() != _last.End;
        while (_first != consumed.GetObject()) DropFirst();
        _first.Start = consumed.GetInteger();
        while (_first is { Count: 0 }) DropFirst();
    }

    public override void CancelPendingRead()
    {
        Volatile.Write(ref _canceled, 1);
        WakeLater();
    }

    /// <summary>Gives back what is held.</summary>
    public override void Complete(Exception? exception = null)
    {
        if (_isCompleted) return;
        _isCompleted = true;
        WakeLater();
        if (_isWaiting) return;                             // somebody may be filling it: the collector's then
        while (_first is not null) DropFirst();
    }

    /// <summary>Bytes have come, or the end. On the poller's thread.</summary>
    public void OnReady()
    {
        if (!_readiness.Signal()) return;
        if (Receive() || !Wait()) connection.Wake(s_wake, this);
    }

    /// <summary>The connection is aborted: whoever waits learns of it.</summary>
    public void WakeLater()
    {
        if (_readiness.TryGiveUp()) connection.WakeLater(s_wake, this);
    }

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        _cancellation.Dispose();
        _cancellation = default;
        _isWaiting = false;
        _waiting.GetResult(token);
        return Take();
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _waiting.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _waiting.OnCompleted(continuation, state, token, flags);

    // Something other than bytes.
    private bool MustTell => Volatile.Read(ref _canceled) != 0 || _ended || _isCompleted || connection.AbortReason is not null;

    private void Cancel(CancellationToken token)
    {
        if (_readiness.TryGiveUp()) _waiting.SetException(new OperationCanceledException(token));
    }

    private ReadResult Take()
    {
        if (_isCompleted) throw new InvalidOperationException("the reader is completed");
        bool isCanceled = Interlocked.Exchange(ref _canceled, 0) != 0;
        ReadOnlySequence<byte> bytes = _first is null || _last is null ? default : new ReadOnlySequence<byte>(_first, _first.Start, _last, _last.End);
        return new ReadResult(bytes, isCanceled, _ended || connection.AbortReason is not null);
    }

    // False: there is something to tell at once.
    private bool Wait()
    {
        while (true)
        {
            if (_readiness.TryWait()) return !MustTell || !_readiness.TryGiveUp();
            if (Receive()) return false;
        }
    }

    // What the socket has, as far as one read may bring it: a request comes with its body then. False: nothing.
    private bool Receive()
    {
        for (int total = 0; total < LargeBytes;)
        {
            SocketBuffer buffer = _last is { Room: >= RoomMin } last ? last : Rent();
            int room = buffer.Room;
            int count = Receive(buffer, out int error);
            if (count <= 0)
            {
                if (buffer != _last) Return(buffer);
                _isDrained = error == Linux.TryAgain && !connection.MayHaveEnded;
                if (error == Linux.TryAgain) return total > 0;
                _ended = true;
                connection.Closed();
                return true;
            }

            buffer.Fill(count);
            if (buffer != _last) Append(buffer);
            total += count;
            _hasUnexamined = true;
            _isDrained = count < room && !connection.MayHaveEnded;
            _nextBytes = count < room ? SmallBytes : Math.Min(2 * _nextBytes, LargeBytes);
            if (count < room) break;
        }

        return true;
    }

    private int Receive(SocketBuffer buffer, out int error)
    {
        while (true)
        {
            nint count;
            fixed (byte* free = buffer.Free.Span) count = Linux.Receive(connection.Handle, free, buffer.Room, 0);
            error = count < 0 ? Linux.LastError : 0;
            if (error != Linux.Interrupted) return (int)count;
        }
    }

    private SocketBuffer Rent()
    {
        SocketBuffer buffer = _spare ?? new SocketBuffer();
        _spare = null;
        buffer.Rent(_nextBytes);
        return buffer;
    }

    private void Return(SocketBuffer buffer)
    {
        buffer.Return();
        _spare = buffer;
    }

    private void Append(SocketBuffer buffer)
    {
        _last?.Chain(buffer);
        _last = buffer;
        _first ??= buffer;
    }

    private void DropFirst()
    {
        SocketBuffer first = _first!;
        _first = first.Next;
        if (_first is null) _last = null;
        Return(first);
    }
}
