using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Ratatoskr.Transport.Sockets;

namespace Ratatoskr.Transport.Tests.Sockets;

public class SocketConnectionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Bytes_come_and_go()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        for (int i = 0; i < 100; i++)
        {
            byte[] sent = Encoding.ASCII.GetBytes($"message {i}");
            ValueTask<ReadResult> reading = connection.Input().ReadAsync(Cancel);
            await client.SendAsync(sent, Cancel);
            ReadResult read = await reading;
            Assert.Equal(sent, read.Buffer.ToArray());
            await connection.Output().WriteAsync(read.Buffer.ToArray(), Cancel);
            connection.Input().AdvanceTo(read.Buffer.End);
            Assert.Equal(sent, await client.ReceiveAsync(sent.Length));
        }

        await connection.DisposeAsync();
        Assert.Equal(0, await client.ReceiveAsync(new byte[1], Cancel));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task What_is_consumed_in_any_pieces_is_what_was_sent(int seed)
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        Random random = new(seed);
        byte[] sent = new byte[3_000_000];
        random.NextBytes(sent);
        Task sending = Task.Run(async () =>
        {
            Random pieces = new(seed);
            for (int at = 0; at < sent.Length;)
            {
                int piece = Math.Min(1 + pieces.Next(pieces.Next(4) == 0 ? 200_000 : 3000), sent.Length - at);
                await client.SendAsync(sent.AsMemory(at, piece), Cancel);
                at += piece;
            }

            client.Shutdown(SocketShutdown.Send);
        });

        List<byte> taken = [];
        while (true)
        {
            ReadResult read = await connection.Input().ReadAsync(Cancel);
            ReadOnlySequence<byte> buffer = read.Buffer;
            Assert.Equal(sent[taken.Count..(taken.Count + (int)buffer.Length)], buffer.ToArray());
            if (read.IsCompleted && buffer.IsEmpty) break;
            long consumed = read.IsCompleted || random.Next(3) == 0 ? buffer.Length : random.NextInt64(buffer.Length + 1);
            long examined = random.Next(2) == 0 ? buffer.Length : consumed + random.NextInt64(buffer.Length - consumed + 1);
            taken.AddRange(buffer.Slice(0, consumed).ToArray());
            connection.Input().AdvanceTo(buffer.GetPosition(consumed), buffer.GetPosition(examined));
        }

        await sending;
        Assert.Equal(sent, taken);
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task What_was_examined_and_not_consumed_comes_again_with_more()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        await client.SendAsync("ab"u8.ToArray(), Cancel);
        ReadResult read = await connection.Input().ReadAsync(Cancel);
        connection.Input().AdvanceTo(read.Buffer.Start, read.Buffer.End);
        Assert.False(connection.Input().TryRead(out ReadResult _));
        ValueTask<ReadResult> reading = connection.Input().ReadAsync(Cancel);
        Assert.False(reading.IsCompleted);
        await client.SendAsync("c"u8.ToArray(), Cancel);
        read = await reading;
        Assert.Equal("abc"u8, read.Buffer.ToArray());
        connection.Input().AdvanceTo(read.Buffer.GetPosition(1), read.Buffer.GetPosition(2));
        Assert.True(connection.Input().TryRead(out read));
        Assert.Equal("bc"u8, read.Buffer.ToArray());
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task One_read_brings_what_is_there()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        byte[] sent = new byte[30_000];
        new Random(3).NextBytes(sent);
        await client.SendAsync(sent, Cancel);
        Assert.Equal(sent, (await connection.Input().ReadAsync(Cancel)).Buffer.ToArray());
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Who_does_not_read_takes_nothing_from_the_kernel()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        client.Blocking = false;
        long sent = 0;
        for (int full = 0; full < 3;)
        {
            int count = client.Send(new byte[64 * 1024], SocketFlags.None, out SocketError error);
            sent += count;
            full = error == SocketError.WouldBlock ? full + 1 : 0;
            if (full > 0) await Task.Yield();
        }

        long taken = 0;
        while (taken < sent)
        {
            ReadResult read = await connection.Input().ReadAsync(Cancel);
            Assert.InRange(read.Buffer.Length, 1, 128 * 1024);
            taken += read.Buffer.Length;
            connection.Input().AdvanceTo(read.Buffer.End);
        }

        Assert.Equal(sent, taken);
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Flush_waits_for_who_does_not_read_and_everything_arrives()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        byte[] sent = new byte[20_000_000];
        new Random(5).NextBytes(sent);
        connection.Output().Write(sent);
        Assert.Equal(sent.Length, connection.Output().UnflushedBytes);
        ValueTask<FlushResult> flush = connection.Output().FlushAsync(Cancel);
        Assert.False(flush.IsCompleted);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await connection.Output().FlushAsync(Cancel));
        byte[] received = await client.ReceiveAsync(sent.Length);
        Assert.False((await flush).IsCompleted);
        Assert.Equal(sent, received);
        Assert.Equal(0, connection.Output().UnflushedBytes);
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Bytes_before_the_end_come_before_it()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        await client.SendAsync(new byte[100_000], Cancel);
        client.Dispose();
        long taken = 0;
        while (true)
        {
            ReadResult read = await connection.Input().ReadAsync(Cancel);
            taken += read.Buffer.Length;
            connection.Input().AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) break;
        }

        Assert.Equal(100_000, taken);
        await connection.ClosedAsync();
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Reset_is_an_end_and_no_exception()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        ValueTask<FlushResult> flush = await connection.Output().FillAsync();
        ValueTask<ReadResult> reading = connection.Input().ReadAsync(Cancel);
        client.Reset();
        Assert.True((await reading).IsCompleted);
        Assert.True((await flush).IsCompleted);
        await connection.ClosedAsync();
        connection.Output().Write("nobody reads it"u8);
        Assert.True((await connection.Output().FlushAsync(Cancel)).IsCompleted);
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Peer_who_hangs_up_is_noticed_though_nobody_reads()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        Task closed = connection.ClosedAsync();
        client.Dispose();
        await closed;
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Peer_whose_last_bytes_are_unread_has_not_hung_up()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        Task closed = connection.ClosedAsync();
        await client.SendAsync("last"u8.ToArray(), Cancel);
        client.Shutdown(SocketShutdown.Send);
        while (!((SocketConnection)connection).MayHaveEnded) await Task.Yield();
        Assert.False(closed.IsCompleted);
        ReadResult read = await connection.Input().ReadAsync(Cancel);
        Assert.Equal("last"u8, read.Buffer.ToArray());
        connection.Input().AdvanceTo(read.Buffer.End);
        Assert.True((await connection.Input().ReadAsync(Cancel)).IsCompleted);
        await closed;
        await connection.Output().WriteAsync("answer"u8.ToArray(), Cancel);
        Assert.Equal("answer"u8.ToArray(), await client.ReceiveAsync(6));
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Read_can_be_canceled_before_it_and_while_it_waits()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        connection.Input().CancelPendingRead();
        ReadResult read = await connection.Input().ReadAsync(Cancel);
        Assert.True(read.IsCanceled);
        connection.Input().AdvanceTo(read.Buffer.End);

        ValueTask<ReadResult> reading = connection.Input().ReadAsync(Cancel);
        Assert.False(reading.IsCompleted);
        connection.Input().CancelPendingRead();
        read = await reading;
        Assert.True(read is { IsCanceled: true, IsCompleted: false, Buffer.IsEmpty: true });
        connection.Input().AdvanceTo(read.Buffer.End);

        using CancellationTokenSource source = new();
        reading = connection.Input().ReadAsync(source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await reading);

        await client.SendAsync("x"u8.ToArray(), Cancel);
        read = await connection.Input().ReadAsync(Cancel);
        Assert.False(read.IsCanceled);
        Assert.Equal("x"u8, read.Buffer.ToArray());
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Flush_can_be_canceled_and_goes_on_later()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        ValueTask<FlushResult> flush = await connection.Output().FillAsync();
        connection.Output().CancelPendingFlush();
        Assert.True((await flush).IsCanceled);
        long unflushed = connection.Output().UnflushedBytes;
        Assert.InRange(unflushed, 1, long.MaxValue);

        using CancellationTokenSource source = new();
        flush = connection.Output().FlushAsync(source.Token);
        await source.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(async () => await flush);

        Task<FlushResult> last = connection.Output().FlushAsync(Cancel).AsTask();
        Task draining = Task.Run(async () =>
        {
            while (await client.ReceiveAsync(new byte[64 * 1024], Cancel) > 0)
            {
            }
        }, Cancel);
        Assert.True(await last is { IsCanceled: false, IsCompleted: false });
        await connection.DisposeAsync();
        await draining;
    }

    [Fact]
    public async Task Abort_ends_what_waits_and_resets()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        ValueTask<ReadResult> reading = connection.Input().ReadAsync(Cancel);
        ValueTask<FlushResult> flush = await connection.Output().FillAsync();
        Task closed = connection.ClosedAsync();
        connection.Abort(new ConnectionAbortedException("enough"));
        Assert.True((await reading).IsCompleted);
        Assert.True((await flush).IsCompleted);
        await closed;
        await connection.DisposeAsync();
        SocketException reset = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            while (true) await client.ReceiveAsync(new byte[1 << 20], Cancel);
        });
        Assert.Equal(SocketError.ConnectionReset, reset.SocketErrorCode);
        connection.Abort(new ConnectionAbortedException("once more"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_was_written_and_not_flushed_goes_out_before_the_end(bool afterCancel)
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        byte[] sent = new byte[5_000_000];
        new Random(7).NextBytes(sent);
        connection.Output().Write(sent);
        if (afterCancel) connection.Output().CancelPendingFlush();
        await connection.Output().CompleteAsync();
        Task disposing = connection.DisposeAsync().AsTask();
        Assert.Equal(sent, await client.ReceiveAsync(sent.Length));
        Assert.Equal(0, await client.ReceiveAsync(new byte[1], Cancel));
        await disposing;
    }

    [Fact]
    public async Task Closing_while_a_flush_waits_cuts()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        ValueTask<FlushResult> flush = await connection.Output().FillAsync();
        await connection.DisposeAsync();
        Assert.True((await flush).IsCompleted);
    }

    [Fact]
    public async Task Features_are_the_connection_and_what_others_have_set()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        Assert.Same(connection, connection.Features.Get<IConnectionIdFeature>());
        Assert.Same(connection, connection.Features[typeof(IMemoryPoolFeature)]);
        Assert.Null(connection.Features.Get<ITlsHandshakeFeature>());
        for (int i = 0; i < 3; i++)
        {
            connection.Features.Set(new StringBuilder("a"));
            connection.Features.Set(new Uri("http://b"));
            connection.Features.Set<IConnectionIdFeature>(new Named());
            connection.Features.Set(new Version(1, 2));
            connection.Features.Set<object>("c");
            Assert.Equal(5, connection.Features.Count());
            Assert.Equal("named", connection.Features.Get<IConnectionIdFeature>()!.ConnectionId);
            Assert.Equal("a", connection.Features.Get<StringBuilder>()!.ToString());
            connection.Features.Set<StringBuilder>(null);
            Assert.Null(connection.Features.Get<StringBuilder>());
            Assert.Equal("c", connection.Features.Get<object>());
        }

        await connection.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_waited_goes_on_where_it_is_told_to(bool onPool)
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        if (onPool) ((SocketConnection)connection).WakesOn = PipeScheduler.ThreadPool;
        Task<bool> reading = IsOnPoolAfterReadAsync();
        await client.SendAsync(new byte[1], Cancel);
        Assert.Equal(onPool, await reading);
        await connection.DisposeAsync();

        async Task<bool> IsOnPoolAfterReadAsync()
        {
            await connection.Input().ReadAsync(Cancel).ConfigureAwait(false);
            return Thread.CurrentThread.IsThreadPoolThread;
        }
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task Addresses_are_those_of_the_socket(string address)
    {
        await using SocketHost host = SocketHost.Start(address: IPAddress.Parse(address));
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        Assert.Equal(client.LocalEndPoint, connection.RemoteEndPoint);
        Assert.Equal(client.RemoteEndPoint, connection.LocalEndPoint);
        await connection.DisposeAsync();
    }

    [Fact]
    public async Task Messages_back_and_forth_allocate_nothing()
    {
        await using SocketHost host = SocketHost.Start();
        (Socket client, ConnectionContext connection) = await host.PairAsync();
        using Socket _ = client;
        const int Rounds = 2000;
        TaskCompletionSource<long> allocated = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Task echoing = EchoAsync();
        byte[] message = new byte[100];
        for (int i = 0; i < Rounds; i++)
        {
            client.Send(message);
            for (int got = 0; got < message.Length;) got += client.Receive(message, got, message.Length - got, SocketFlags.None);
        }

        Assert.InRange(await allocated.Task, 0, 4096);
        client.Dispose();
        await echoing;
        await connection.DisposeAsync();

        // All on the poller's thread, once it has waited there.
        async Task EchoAsync()
        {
            long before = 0;
            for (int i = 1; ; i++)
            {
                ReadResult read = await connection.Input().ReadAsync(CancellationToken.None).ConfigureAwait(false);
                if (i == Rounds / 2) before = GC.GetAllocatedBytesForCurrentThread();
                if (i == Rounds) allocated.SetResult(GC.GetAllocatedBytesForCurrentThread() - before);
                if (read.Buffer.IsEmpty) return;
                foreach (ReadOnlyMemory<byte> piece in read.Buffer) connection.Output().Write(piece.Span);
                connection.Input().AdvanceTo(read.Buffer.End);
                await connection.Output().FlushAsync(CancellationToken.None).ConfigureAwait(false);
            }
        }
    }

    private sealed class Named : IConnectionIdFeature
    {
        public string ConnectionId { get; set; } = "named";
    }
}
