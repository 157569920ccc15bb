using System.Buffers;
using System.IO.Pipelines;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Transport.Connections;

/// <summary>What a send came to.</summary>
internal enum SendOutcome
{
    Accepted,

    /// <summary>The queue is at its hard limit; the message was not taken.</summary>
    Overflow,

    /// <summary>Nothing is taken any more.</summary>
    Ended,
}

/// <summary>Learns what becomes of a connection's output; called outside the writer's lock, on the writing thread.</summary>
internal interface IOutboundOwner
{
    /// <summary>The queue was above its high-water mark and has fallen to the low one.</summary>
    void OnDrained();

    /// <summary>The socket takes no more; what was queued is gone.</summary>
    void OnBroken();
}

/// <summary>
/// Many senders, one pipe, nobody waits. A frame goes straight into the pipe while nobody is writing to the socket, else into the backlog.
/// The first to flush becomes the writer; whatever others send meanwhile is taken along by it (flat combining), so a quiet connection's frame
/// leaves on the sender's own thread and a busy one needs no queue of work items.
/// </summary>
/// <remarks>Safe on any thread. The pipe is touched under the lock, or by the one writer while <c>_writing</c> is set.</remarks>
internal sealed class OutboundWriter(PipeWriter output, TransportOptions options, TransportMetrics metrics, OutboundRoom room, IOutboundOwner owner)
{
    // At most this is copied into the pipe before the socket is asked again: a 100 MB body passes through in slices as the socket takes them,
    // and the lock is held for one slice's copy (about 2 µs). Half of the socket's own buffer, so two slices keep it busy.
    internal const int SliceBytes = 32 * 1024;

    // Up to here a frame is composed in one piece of the pipe's memory (its blocks are 4 KiB).
    private const int OnePieceBytes = 2048;

    private readonly Lock _gate = new();
    private OutboundBacklog? _backlog;  // null while there is none, so an idle connection holds no memory for it
    private long _charged;              // of these, what the room was told: all of them when they are more than a slice
    private long _queued;               // accepted, not yet taken by the socket: the backlog, _inPipe and the slice being flushed
    private int _inPipe;                // of these, in the pipe and not part of a flush yet
    private bool _writing;              // someone is between taking a slice and finding nothing left
    private bool _paused;
    private bool _ended;                // a close frame is queued, or the socket is gone
    private bool _broken;               // the socket is gone
    private int _stirs;
    private TaskCompletionSource? _idle;

    /// <inheritdoc cref="Engine.Sessions.IPeerConnection.QueuedBytes"/>
    public long QueuedBytes => Volatile.Read(ref _queued);

    /// <inheritdoc cref="Engine.Sessions.IPeerConnection.IsWritable"/>
    public bool IsWritable => !Volatile.Read(ref _paused) && !Volatile.Read(ref _ended);

    /// <summary>
    /// Moves when a flush that had to wait has gone through: the peer's side has taken bytes, so it lives, even if it has said nothing
    /// (one that downloads 100 MB through a thin line finds our ping only behind it).
    /// </summary>
    public int Stirs => Volatile.Read(ref _stirs);

    /// <summary>Queues one binary message; see <see cref="Engine.Sessions.IPeerConnection.Send"/>.</summary>
    public SendOutcome Send(ReadOnlySpan<byte> envelope, SharedBuffer? body)
    {
        Span<byte> header = stackalloc byte[FrameWriter.HeaderLengthMax];
        long payloadLength = (long)envelope.Length + (body?.Length ?? 0);
        header = header[..FrameWriter.WriteHeader(header, Opcode.Binary, payloadLength)];
        return Append(Opcode.Binary, header, envelope, body, last: false);
    }

    /// <summary>Queues a whole control frame.</summary>
    public SendOutcome SendControl(ReadOnlySpan<byte> frame) => Append((Opcode)(frame[0] & 0x0F), frame, default, null, last: false);

    /// <summary>Queues a close frame and takes nothing after it, nor a second one. It is not subject to the limit.</summary>
    public SendOutcome SendClose(ReadOnlySpan<byte> frame) => Append(Opcode.Close, frame, default, null, last: true);

    private SendOutcome Append(Opcode opcode, ReadOnlySpan<byte> header, ReadOnlySpan<byte> envelope, SharedBuffer? body, bool last)
    {
        long length = (long)header.Length + envelope.Length + (body?.Length ?? 0);
        bool pauses;
        lock (_gate)
        {
            if (_ended) return SendOutcome.Ended;
            if ((_queued > options.OutboundHardLimitBytes || (_charged > 0 && room.IsFull)) && !last) return SendOutcome.Overflow;

            if (!_writing && _inPipe + length <= SliceBytes && _backlog is not { IsEmpty: false })
            {
                WriteToPipe(header, envelope, body, (int)length);
                _inPipe += (int)length;
            }
            else
            {
                _backlog ??= new OutboundBacklog();
                _backlog.Append(header);
                _backlog.Append(envelope);
                if (body is not null) _backlog.Append(body);
            }

            _queued += length;
            Charge();
            pauses = !_paused && _queued > options.OutboundHighWaterBytes;
            if (pauses) _paused = true;
            if (last) _ended = true;
        }

        metrics.SentFrame(opcode);
        if (pauses) metrics.Paused();
        return SendOutcome.Accepted;
    }

    /// <summary>Sends what is queued, on this thread as far as the socket takes it at once, else as it drains.</summary>
    public void Flush()
    {
        if (QueuedBytes == 0) return;
        int slice;
        lock (_gate)
        {
            if (_writing || _queued == 0) return;
            _writing = true;
            slice = TakeSlice();
        }

        Write(slice);
    }

    /// <summary>Drops what is queued and takes nothing more.</summary>
    public void Abandon()
    {
        lock (_gate) Drop();
    }

    /// <summary>Completes when nobody writes to the pipe any more. Everything is through then, or the socket has failed.</summary>
    public Task WhenIdleAsync()
    {
        lock (_gate)
        {
            if (!_writing) return Task.CompletedTask;
            _idle ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            return _idle.Task;
        }
    }

    // The common case: the socket takes everything at once, nothing is allocated, nobody waits.
    private void Write(int slice)
    {
        try
        {
            while (slice > 0)
            {
                ValueTask<FlushResult> flush = output.FlushAsync();
                if (!flush.IsCompletedSuccessfully)
                {
                    _ = WriteAsItDrainsAsync(flush, slice);
                    return;
                }

                slice = Settle(flush.Result, slice);
            }
        }
        catch (Exception)
        {
            Break();        // whatever the pipe says (reset, TLS stream disposed), the peer is gone; the read side reports why
        }
    }

    private async Task WriteAsItDrainsAsync(ValueTask<FlushResult> flush, int slice)
    {
        try
        {
            while (true)
            {
                bool waits = !flush.IsCompleted;
                FlushResult result = await flush.ConfigureAwait(false);
                if (waits) Interlocked.Increment(ref _stirs);
                slice = Settle(result, slice);
                if (slice == 0) return;
                flush = output.FlushAsync();
            }
        }
        catch (Exception)
        {
            Break();        // as above
        }
    }

    // After a flush: tells the owner what there is to tell and takes the next slice; 0 when the turn is over.
    private int Settle(FlushResult result, int flushed)
    {
        if (result.IsCompleted || result.IsCanceled)
        {
            Break();
            return 0;
        }

        metrics.SentBytes(flushed);
        int slice = Next(flushed, out bool drained);
        while (drained)
        {
            owner.OnDrained();                      // what it sends leaves in this same turn
            slice = Next(0, out drained);
        }

        return slice;
    }

    // The slice before is through: settles the account and takes the next one. 0 has ended the turn, unless the queue has drained.
    private int Next(int flushed, out bool drained)
    {
        lock (_gate)
        {
            if (!_broken) _queued -= flushed;
            Charge();
            drained = _paused && !_ended && _queued <= options.OutboundLowWaterBytes;
            if (drained)
            {
                _paused = false;
                return 0;
            }

            int slice = TakeSlice();
            if (slice == 0) EndTurn();
            return slice;
        }
    }

    private void Break()
    {
        lock (_gate)
        {
            Drop();
            EndTurn();
        }

        owner.OnBroken();
    }

    private void Drop()
    {
        _ended = true;
        _broken = true;
        _backlog?.Clear();
        _inPipe = 0;
        _queued = 0;
        Charge();
    }

    private void Charge()
    {
        long charge = _queued > SliceBytes ? _queued : 0;
        if (charge == _charged) return;
        room.Change(charge - _charged);
        _charged = charge;
    }

    private void EndTurn()
    {
        _writing = false;
        _idle?.SetResult();
        _idle = null;
        if (_backlog is { IsEmpty: true }) _backlog = null;
    }

    private int TakeSlice()
    {
        int slice = _inPipe;
        _inPipe = 0;
        if (_backlog is not null && slice < SliceBytes) slice += _backlog.MoveTo(output, SliceBytes - slice);
        return slice;
    }

    private void WriteToPipe(ReadOnlySpan<byte> header, ReadOnlySpan<byte> envelope, SharedBuffer? body, int length)
    {
        if (length > OnePieceBytes)
        {
            output.Write(header);
            output.Write(envelope);
            if (body is not null) output.Write(body.Span);
            return;
        }

        Span<byte> piece = output.GetSpan(length);
        header.CopyTo(piece);
        envelope.CopyTo(piece[header.Length..]);
        body?.Span.CopyTo(piece[(header.Length + envelope.Length)..]);
        output.Advance(length);
    }
}
