using System.Buffers;
using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Transport.Connections;
using Ratatoskr.Transport.Tests.Hosting;

namespace Ratatoskr.Transport.Tests.Connections;

/// <summary>The writer over a pipe whose other end the test reads, so that every step is the test's own.</summary>
public sealed class OutboundWriterTests : IDisposable, IOutboundOwner
{
    private const int PipeBytes = 64 * 1024;

    private readonly Meter _meter = new("Ratatoskr.Test");
    private readonly Pipe _pipe = new(new PipeOptions(
        pauseWriterThreshold: PipeBytes, resumeWriterThreshold: PipeBytes / 2, readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline,
        useSynchronizationContext: false));

    private readonly StrictPipeWriter _strict;
    private readonly OutboundWriter _writer;
    private int _drained;
    private int _broken;
    private Action? _onDrained;

    public OutboundWriterTests()
    {
        TransportOptions options = new() { OutboundHighWaterBytes = 200_000, OutboundLowWaterBytes = 50_000, OutboundHardLimitBytes = 1_000_000 };
        _strict = new StrictPipeWriter(_pipe.Writer);
        _writer = new OutboundWriter(_strict, options, new TransportMetrics(_meter), new OutboundRoom(options.OutboundBytesMax), this);
    }

    public void Dispose() => _meter.Dispose();

    void IOutboundOwner.OnDrained()
    {
        _drained++;
        _onDrained?.Invoke();
    }

    void IOutboundOwner.OnBroken() => _broken++;

    [Fact]
    public void Small_messages_wait_for_one_flush_and_leave_with_it()
    {
        for (int i = 0; i < 10; i++) _writer.Send([(byte)i], null);
        Assert.Equal(30, _writer.QueuedBytes);
        Assert.Empty(Read());

        _writer.Flush();

        Assert.Equal(1, _strict.FlushCount);
        Assert.Equal(0, _writer.QueuedBytes);
        Assert.Equal(30, Read().Length);
    }

    [Fact]
    public void Flush_of_nothing_does_nothing()
    {
        _writer.Flush();
        Assert.Equal(0, _strict.FlushCount);
    }

    [Fact]
    public void Large_body_passes_in_slices_and_is_released_once_it_is_through()
    {
        SharedBuffer body = SharedBuffer.Copy(Enumerable.Range(0, 500_000).Select(i => (byte)(i * 7)).ToArray());
        byte[] expected = body.Span.ToArray();
        _writer.Send("envelope"u8, body);
        _writer.Flush();
        body.Release();
        Assert.Equal(500_000, body.Length);         // the queue still holds it

        byte[] received = ReadUntilIdle();

        Assert.Equal(10 + 8 + 500_000, received.Length);
        Assert.Equal(expected, received[18..]);
        Assert.InRange(_strict.LargestSlice, 1, OutboundWriter.SliceBytes);
        Assert.Equal(0, body.Length);
        Assert.Equal(0, _strict.Breaches);
        Assert.NotEqual(0, _writer.Stirs);
    }

    [Fact]
    public void Sends_during_a_pending_flush_wait_their_turn_in_order()
    {
        SharedBuffer body = SharedBuffer.Copy(new byte[100_000]);
        _writer.Send(default, body);
        _writer.Flush();                             // pending: the pipe is full
        for (int i = 0; i < 100; i++)
        {
            _writer.Send([(byte)i, 0xaa], null);
            _writer.Flush();
        }

        byte[] received = ReadUntilIdle();

        Assert.Equal(0, _strict.Breaches);
        Assert.Equal(100_010 + (100 * 4), received.Length);
        for (int i = 0; i < 100; i++) Assert.Equal([0x82, 2, (byte)i, 0xaa], received[(100_010 + (i * 4))..][..4]);
        body.Release();
        Assert.Equal(0, body.Length);
    }

    [Fact]
    public void Pending_flush_with_an_empty_backlog_still_owns_the_pipe()
    {
        _writer.Send(new byte[30_000], null);
        _writer.Flush();
        _writer.Send(new byte[30_000], null);
        _writer.Flush();
        _writer.Send(new byte[30_000], null);
        _writer.Flush();                             // the third fills the pipe and waits, with nothing behind it

        _writer.Send("late"u8, null);
        _writer.Flush();

        Assert.Equal(0, _strict.Breaches);
        Assert.Equal((3 * 30_004) + 6, ReadUntilIdle().Length);
    }

    [Fact]
    public void Drained_is_told_once_and_what_it_sends_leaves_in_the_same_turn()
    {
        _onDrained = () => _writer.Send("from drained"u8, null);
        SharedBuffer body = SharedBuffer.Copy(new byte[90_000]);
        for (int i = 0; i < 4; i++) _writer.Send(default, body);
        Assert.False(_writer.IsWritable);
        _writer.Flush();
        Assert.Equal(0, _drained);

        byte[] received = ReadUntilIdle();

        Assert.Equal(1, _drained);
        Assert.True(_writer.IsWritable);
        Assert.Equal("from drained"u8, received.AsSpan(received.Length - 12));
        body.Release();
    }

    [Fact]
    public void Hard_limit_refuses_messages_but_not_the_close_frame()
    {
        SharedBuffer body = SharedBuffer.Copy(new byte[300_000]);
        int accepted = 0;
        while (_writer.Send(default, body) == SendOutcome.Accepted) accepted++;
        Assert.Equal(4, accepted);                   // 1.2 MB: the fourth was let in at 0.9 MB, the fifth was not
        Assert.Equal(SendOutcome.Accepted, _writer.SendClose([0x88, 0]));
        Assert.Equal(SendOutcome.Ended, _writer.SendClose([0x88, 0]));
        Assert.Equal(SendOutcome.Ended, _writer.Send("more"u8, null));
        _writer.Flush();
        Assert.Equal([0x88, 0], ReadUntilIdle()[^2..]);
        body.Release();
        Assert.Equal(0, body.Length);
    }

    [Fact]
    public async Task Reader_that_goes_away_ends_everything_and_frees_the_queue()
    {
        SharedBuffer body = SharedBuffer.Copy(new byte[150_000]);
        _writer.Send(default, body);
        _writer.Send(default, body);
        _writer.Flush();
        Task idle = _writer.WhenIdleAsync();
        Assert.False(idle.IsCompleted);

        await _pipe.Reader.CompleteAsync();

        await idle;
        Assert.Equal(1, _broken);
        Assert.Equal(0, _writer.QueuedBytes);
        Assert.Equal(SendOutcome.Ended, _writer.Send("more"u8, body));
        body.Release();
        Assert.Equal(0, body.Length);
    }

    [Fact]
    public void Abandon_frees_the_queue_while_a_flush_is_pending()
    {
        SharedBuffer body = SharedBuffer.Copy(new byte[150_000]);
        _writer.Send(default, body);
        _writer.Flush();
        _writer.Abandon();
        body.Release();
        Assert.Equal(0, body.Length);
        ReadUntilIdle();
        Assert.True(_writer.WhenIdleAsync().IsCompleted);
        Assert.Equal(0, _writer.QueuedBytes);
        Assert.Equal(0, _drained);
    }

    [Fact]
    public void Small_sends_allocate_nothing()
    {
        SharedBuffer body = SharedBuffer.Copy(new byte[200]);
        for (int warmUp = 0; warmUp < 100; warmUp++) SendOne();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++) SendOne();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        body.Release();

        void SendOne()
        {
            _writer.Send("an envelope"u8, body);
            _writer.Flush();
            if (_pipe.Reader.TryRead(out ReadResult read)) _pipe.Reader.AdvanceTo(read.Buffer.End);
        }
    }

    private byte[] Read()
    {
        if (!_pipe.Reader.TryRead(out ReadResult read)) return [];
        byte[] bytes = read.Buffer.ToArray();
        _pipe.Reader.AdvanceTo(read.Buffer.End);
        return bytes;
    }

    private byte[] ReadUntilIdle()
    {
        List<byte> all = [];
        while (Read() is { Length: > 0 } bytes) all.AddRange(bytes);
        return [.. all];
    }
}
