using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Transport.Tests.Hosting;
using SharedTests.Clocks;

namespace Ratatoskr.Transport.Tests.Connections;

public sealed class WebSocketConnectionTests
{
    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Stock_client_gets_every_message_back_and_a_clean_close()
    {
        await using TestServer server = await TestServer.StartAsync();
        using ClientWebSocket client = new();
        await client.ConnectAsync(server.WebSocketUri, Cancel);
        byte[] buffer = new byte[1024];
        for (int i = 0; i < 100; i++)
        {
            byte[] message = Encoding.ASCII.GetBytes($"message {i}");
            await client.SendAsync(message, WebSocketMessageType.Binary, true, Cancel);
            ValueWebSocketReceiveResult got = await client.ReceiveAsync(buffer.AsMemory(), Cancel);
            Assert.Equal(message, buffer[..got.Count]);
        }

        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, "done", Cancel);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
        TestSession session = await server.Endpoint.NextAsync();
        await session.WhenDisconnected;
        Assert.Equal(1, session.DisconnectedCount);
        Assert.False(session.Connection.IsWritable);
        Assert.Equal(1, server.Count("ratatoskr.connections.accepted"));
        Assert.Equal(100, server.Count("ratatoskr.frames.received type=binary"));
        Assert.Equal(1, server.Count("ratatoskr.frames.received type=close"));
        Assert.Equal(1, server.Count("ratatoskr.connections.ended reason=closed_by_peer"));
    }

    [Fact]
    public async Task Peer_that_answers_a_ping_is_alive_and_one_that_does_not_is_not()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(time: time);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        Task<bool> first = session.Connection.AnswersAsync(2_000).AsTask(), second = session.Connection.AnswersAsync(2_000).AsTask();
        Assert.Equal(Opcode.Ping, (await client.ReadFrameAsync()).Opcode);
        await client.WriteAsync(RawClient.Frame(Opcode.Pong, []));
        Assert.True(await first);
        Assert.True(await second);

        Task<bool> third;
        while ((third = session.Connection.AnswersAsync(2_000).AsTask()).IsCompleted) await Task.Yield();        // it has not gone back to listening yet
        Assert.Equal(Opcode.Ping, (await client.ReadFrameAsync()).Opcode);
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.False(await third);
        session.Connection.Close(CloseCode.Normal, "");
        Assert.False(await session.Connection.AnswersAsync(2_000));
    }

    [Fact]
    public async Task Messages_that_arrive_together_are_a_batch_that_ends_before_anybody_waits()
    {
        TaskCompletionSource gate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        bool waitedInBatch = false;
        await using TestServer server = await TestServer.StartAsync(prepare: endpoint => endpoint.Prepare = session => session.OnBinary = message =>
        {
            session.Connection.Send(message.Span, null);
            return message.Span[0] == 'w' ? new ValueTask(WaitAsync(session)) : default;
        });
        async Task WaitAsync(TestSession session)
        {
            await gate.Task;
            waitedInBatch = session.IsInBatch;
        }

        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;
        await client.WriteAsync(RawClient.Frame(Opcode.Binary, "alone"u8));
        await client.ReadFrameAsync();
        Assert.Empty(session.Batches);

        await client.WriteAsync([.. RawClient.Frame(Opcode.Binary, "one"u8), .. RawClient.Frame(Opcode.Binary, "two"u8), .. RawClient.Frame(Opcode.Binary, "three"u8)]);
        for (int i = 0; i < 3; i++) await client.ReadFrameAsync();
        await client.WriteAsync([.. RawClient.Frame(Opcode.Binary, "one"u8), .. RawClient.Frame(Opcode.Binary, "wait"u8), .. RawClient.Frame(Opcode.Binary, "two"u8)]);
        for (int i = 0; i < 2; i++) await client.ReadFrameAsync();
        gate.SetResult();
        await client.ReadFrameAsync();
        await client.WriteAsync(RawClient.Frame(Opcode.Close, []));
        await session.WhenDisconnected;
        Assert.Equal([3, 2], session.Batches);
        Assert.False(waitedInBatch);
    }

    [Fact]
    public async Task Message_of_megabytes_goes_in_and_out_whole()
    {
        await using TestServer server = await TestServer.StartAsync();
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient closing = client;
        byte[] message = new byte[5_000_000];
        new Random(1).NextBytes(message);

        Task writing = client.WriteAsync(RawClient.Frame(Opcode.Binary, message));
        ServerFrame echo = await client.ReadFrameAsync();
        await writing;

        Assert.Equal(message, echo.Payload);
    }

    [Fact]
    public async Task Ping_between_fragments_is_answered_at_once_and_the_message_stays_whole()
    {
        await using TestServer server = await TestServer.StartAsync();
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        await client.WriteAsync(RawClient.Frame(Opcode.Binary, "one "u8, fin: false));
        await client.WriteAsync(RawClient.Frame(Opcode.Ping, "alive?"u8));
        ServerFrame pong = await client.ReadFrameAsync();
        await client.WriteAsync(RawClient.Frame(Opcode.Continuation, "two "u8, fin: false));
        await client.WriteAsync(RawClient.Frame(Opcode.Continuation, "three"u8));
        ServerFrame message = await client.ReadFrameAsync();

        Assert.Equal(Opcode.Pong, pong.Opcode);
        Assert.Equal("alive?", pong.Text);
        Assert.Equal(Opcode.Binary, message.Opcode);
        Assert.Equal("one two three", message.Text);
    }

    [Fact]
    public async Task Pings_beyond_those_of_a_second_close_with_1008_counted_once()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { PingsPerSecondMax = 10 }, time);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;
        byte[] ten = [.. Enumerable.Repeat(RawClient.Frame(Opcode.Ping, "!"u8), 10).SelectMany(ping => ping)];

        await client.WriteAsync(ten);
        for (int i = 0; i < 10; i++) Assert.Equal(Opcode.Pong, (await client.ReadFrameAsync()).Opcode);
        time.Advance(s_second);
        await client.WriteAsync([.. ten, .. ten]);

        for (int i = 0; i < 10; i++) Assert.Equal(Opcode.Pong, (await client.ReadFrameAsync()).Opcode);
        Assert.Equal(1008, (await client.ReadFrameAsync()).CloseCode);
        await client.WriteAsync(RawClient.Frame(Opcode.Close, [0x03, 0xf0]));
        await session.WhenDisconnected;
        Assert.Equal(1, server.Count("ratatoskr.close_frames.sent code=policy_violation"));
    }

    [Fact]
    public async Task Message_that_arrives_for_long_gives_way_when_others_have_no_room()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { InboundBytesMax = 300_000 }, time);
        (RawClient slow, TestSession slowSession) = await server.UpgradeRawAsync();
        using RawClient closingSlow = slow;
        (RawClient quick, _) = await server.UpgradeRawAsync();
        using RawClient closingQuick = quick;
        byte[] message = new byte[200_000];
        byte[] frame = RawClient.Frame(Opcode.Binary, message);
        Task<ServerFrame> end = slow.ReadFrameAsync();
        await slow.WriteAsync(frame[..150_000]);
        while (server.Count("ratatoskr.inbound.buffered") < 100_000) await Task.Delay(5, Cancel);
        for (int second = 0; second < 11; second++) time.Advance(s_second);

        await quick.WriteAsync(frame);

        ServerFrame answer = await quick.ReadFrameAsync();
        while (answer.Opcode == Opcode.Ping) answer = await quick.ReadFrameAsync();
        Assert.Equal(message, answer.Payload);
        while ((await end).Opcode == Opcode.Ping) end = slow.ReadFrameAsync();
        Assert.Equal(1013, (await end).CloseCode);
        await slowSession.WhenDisconnected;
    }

    [Fact]
    public async Task Long_queues_that_are_too_much_together_close_the_one_that_grows()
    {
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { OutboundBytesMax = 1_000_000 });
        List<RawClient> clients = [];
        List<TestSession> sessions = [];
        for (int i = 0; i < 20; i++)
        {
            (RawClient client, TestSession session) = await server.UpgradeRawAsync();
            clients.Add(client);
            sessions.Add(session);
        }

        // Nobody reads: what the sockets' own buffers do not take waits here.
        byte[] message = new byte[500_000];
        for (int round = 0; round < 40; round++)
        {
            foreach (TestSession session in sessions)
            {
                session.Connection.Send(message, null);
                session.Connection.Flush();
            }
        }

        Assert.InRange(sessions.Sum(session => session.Connection.QueuedBytes), 0, 1_000_000 + (20 * 600_000));
        Assert.InRange(server.Count("ratatoskr.connections.ended reason=slow_reader"), 1, 20);
        foreach (RawClient client in clients) client.Dispose();
    }

    [Fact]
    public async Task Text_goes_to_the_sessions_text_method()
    {
        await using TestServer server = await TestServer.StartAsync();
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        await client.WriteAsync(RawClient.Frame(Opcode.Text, "hello"u8));

        Assert.Equal("text:hello", (await client.ReadFrameAsync()).Text);
    }

    public static TheoryData<string, byte[], int, string> Broken => new()
    {
        { "unmasked", [0x82, 0x01, 0x00], 1002, "protocol_error" },
        { "reserved opcode", RawClient.Frame((Opcode)3, "x"u8), 1002, "protocol_error" },
        { "text that is not UTF-8", RawClient.Frame(Opcode.Text, [0xff, 0xfe]), 1007, "invalid_payload" },
        { "longer than allowed", RawClient.Frame(Opcode.Binary, new byte[2000]), 1009, "message_too_big" },
        { "refused by the session", RawClient.Frame(Opcode.Text, "break the protocol"u8), 1008, "policy_violation" },
        { "the session fails", RawClient.Frame(Opcode.Text, "fail"u8), 1011, "internal_error" },
    };

    [Theory]
    [MemberData(nameof(Broken))]
    public async Task Broken_input_closes_with_its_code_and_one_log_line(string what, byte[] frame, int code, string name)
    {
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { MessageBytesMax = 1000 });
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        await client.WriteAsync(frame);
        ServerFrame close = await client.ReadFrameAsync();
        await client.WriteAsync(RawClient.Frame(Opcode.Close, close.Payload.AsSpan(0, 2)));

        Assert.Equal(Opcode.Close, close.Opcode);
        Assert.True(code == close.CloseCode, what);
        Assert.True(await client.IsClosedAsync());
        await session.WhenDisconnected;
        Assert.Single(server.Logs.Lines);
        Assert.Equal(1, server.Count("ratatoskr.connections.ended reason=" + (code == 1011 ? "fault" : "protocol_error")));
        Assert.Equal(1, server.Count("ratatoskr.close_frames.sent code=" + name));
    }

    [Fact]
    public async Task Session_that_allows_more_after_its_hello_gets_more()
    {
        await using TestServer server = await TestServer.StartAsync(prepare: endpoint => endpoint.Prepare = session =>
        {
            session.MaxMessageBytes = 10;
            session.OnBinary = message =>
            {
                session.MaxMessageBytes = 2000;
                session.Connection.Send(message.Span, null);
                return default;
            };
        });
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        // In one packet: the second message is allowed by what the first one did.
        await client.WriteAsync([.. RawClient.Frame(Opcode.Binary, "hello"u8), .. RawClient.Frame(Opcode.Binary, new byte[2000])]);
        await client.ReadFrameAsync();
        Assert.Equal(2000, (await client.ReadFrameAsync()).Payload.Length);

        await client.WriteAsync(RawClient.Frame(Opcode.Binary, new byte[2001]));
        Assert.Equal(1009, (await client.ReadFrameAsync()).CloseCode);
    }

    [Fact]
    public async Task Session_that_refuses_in_Accept_closes_with_its_code()
    {
        await using TestServer server = await TestServer.StartAsync(prepare: endpoint =>
            endpoint.Prepare = _ => throw new ProtocolException(CloseCode.TryAgainLater, "not now"));
        using RawClient client = await server.ConnectRawAsync();
        await client.WriteAsync(RawClient.UpgradeRequest("/"));
        await client.ReadHeadAsync();

        ServerFrame close = await client.ReadFrameAsync();
        await client.WriteAsync(RawClient.Frame(Opcode.Close, close.Payload.AsSpan(0, 2)));

        Assert.Equal(1013, close.CloseCode);
        Assert.Equal("not now", Encoding.UTF8.GetString(close.Payload.AsSpan(2)));
        Assert.True(await client.IsClosedAsync());
    }

    [Fact]
    public async Task Session_that_takes_its_time_holds_the_next_message_back()
    {
        TaskCompletionSource first = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int received = 0;
        await using TestServer server = await TestServer.StartAsync(prepare: endpoint => endpoint.Prepare = session => session.OnBinary = message =>
        {
            int count = Interlocked.Increment(ref received);
            session.Connection.Send(message.Span, null);
            session.Connection.Flush();
            return count == 1 ? new ValueTask(first.Task) : default;
        });
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        await client.WriteAsync([.. RawClient.Frame(Opcode.Binary, "a"u8), .. RawClient.Frame(Opcode.Binary, "b"u8)]);
        Assert.Equal("a", (await client.ReadFrameAsync()).Text);
        Assert.Equal(1, Volatile.Read(ref received));
        first.SetResult();
        Assert.Equal("b", (await client.ReadFrameAsync()).Text);
    }

    [Fact]
    public async Task Peer_that_vanishes_is_told_to_its_session()
    {
        await using TestServer server = await TestServer.StartAsync();
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();

        client.Tcp.Client.LingerState = new System.Net.Sockets.LingerOption(true, 0);
        client.Dispose();                                       // a reset

        await session.WhenDisconnected;
        session.Connection.Send("into the void"u8, null);       // silently dropped
        session.Connection.Flush();
        Assert.False(session.Connection.IsWritable);
        Assert.Equal(0, session.Connection.QueuedBytes);
    }

    [Fact]
    public async Task Messages_from_eight_threads_arrive_whole_and_in_each_threads_order()
    {
        const int threads = 8;
        const int perThread = 500;
        await using TestServer server = await TestServer.StartAsync();
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        Task[] senders = [.. Enumerable.Range(0, threads).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < perThread; i++)
            {
                SharedBuffer body = SharedBuffer.Rent(i * 37 % 9000);
                body.Writable.Fill((byte)i);
                session.Connection.Send([(byte)thread, (byte)(i >> 8), (byte)i], body);
                body.Release();
                if (i % 3 == 0) session.Connection.Flush();
            }

            session.Connection.Flush();
        }))];

        int[] next = new int[threads];
        for (int n = 0; n < threads * perThread; n++)
        {
            byte[] message = (await client.ReadFrameAsync()).Payload;
            int i = (message[1] << 8) | message[2];
            Assert.Equal(next[message[0]]++, i);
            Assert.Equal(i * 37 % 9000, message.Length - 3);
            Assert.Equal(-1, message.AsSpan(3).IndexOfAnyExcept((byte)i));
        }

        await Task.WhenAll(senders);
    }

    [Fact]
    public async Task Slow_reader_is_not_writable_until_it_has_caught_up_and_is_told_once()
    {
        TransportOptions options = new() { OutboundHighWaterBytes = 1_000_000, OutboundLowWaterBytes = 100_000 };
        await using TestServer server = await TestServer.StartAsync(options);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        SharedBuffer body = SharedBuffer.Copy(new byte[100_000]);
        int sent = 0;
        while (session.Connection.IsWritable)
        {
            session.Connection.Send("0123456789"u8, body);
            session.Connection.Flush();
            Assert.True(++sent < 10_000, "the kernel takes it all");
        }

        Assert.InRange(session.Connection.QueuedBytes, options.OutboundHighWaterBytes, options.OutboundHighWaterBytes + 100_100);
        Assert.Equal(0, session.DrainedCount);

        for (int i = 0; i < sent; i++) Assert.Equal(100_010, (await client.ReadFrameAsync()).Payload.Length);
        await session.WhenDrained;
        Assert.True(session.Connection.IsWritable);
        Assert.Equal(1, session.DrainedCount);
        Assert.Equal(1, server.Count("ratatoskr.outbound.pauses"));
        body.Release();
    }

    [Fact]
    public async Task Queue_at_its_hard_limit_closes_with_1013_and_holds_no_more_than_one_message_above_it()
    {
        TransportOptions options = new() { OutboundHighWaterBytes = 200_000, OutboundLowWaterBytes = 100_000, OutboundHardLimitBytes = 1_000_000 };
        await using TestServer server = await TestServer.StartAsync(options);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        SharedBuffer body = SharedBuffer.Copy(new byte[100_000]);
        for (int i = 0; i < 1000; i++)
        {
            session.Connection.Send(default, body);
            session.Connection.Flush();
            Assert.InRange(session.Connection.QueuedBytes, 0, options.OutboundHardLimitBytes + 100_200);
        }

        ServerFrame frame;
        do frame = await client.ReadFrameAsync();
        while (frame.Opcode == Opcode.Binary);
        Assert.Equal(1013, frame.CloseCode);
        Assert.Equal(1, server.Count("ratatoskr.connections.ended reason=slow_reader"));
        Assert.Single(server.Logs.Lines);
        body.Release();
    }

    [Fact]
    public async Task Peer_that_never_reads_is_cut_after_the_close_timeout_and_its_bodies_are_released()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { OutboundHardLimitBytes = 2_000_000 }, time);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;
        SharedBuffer body = SharedBuffer.Copy(new byte[1_000_000]);
        for (int i = 0; i < 20; i++)
        {
            session.Connection.Send(default, body);
            session.Connection.Flush();
        }

        Assert.False(session.Connection.IsWritable);
        time.Advance(TimeSpan.FromSeconds(6));

        await session.WhenDisconnected;
        Assert.Equal(0, session.Connection.QueuedBytes);
        body.Release();
        Assert.Equal(0, body.Length);       // ours was the last reference
    }

    [Fact]
    public async Task Peer_that_sends_on_after_its_end_lets_others_go_first()
    {
        NotingScheduler busy = new();
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { BusyScheduler = busy });
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient flooding = client;
        busy.Noted = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await client.WriteAsync(new byte[] { 0x82, 0x01, 0x01 });                  // not masked
        Assert.Equal(Opcode.Close, (await client.ReadFrameAsync()).Opcode);

        byte[] flood = new byte[1 << 20];
        while (!busy.Noted.Task.IsCompleted) await client.WriteAsync(flood);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Peer_that_sends_on_after_its_end_is_cut_when_that_is_more_than_a_message(bool understood)
    {
        const int Most = 4 << 20, Flood = 1 << 20, SocketsMay = 64 << 20;
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { MessageBytesMax = Most, PingsPerSecondMax = 1 }, new ManualTime());
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient flooding = client;
        byte[] ping = RawClient.Frame(Opcode.Ping, default);
        await client.WriteAsync(understood ? [.. ping, .. ping, .. ping] : [0x82, 0x01, 0x01]);
        ServerFrame last = await client.ReadFrameAsync();
        while (last.Opcode == Opcode.Pong) last = await client.ReadFrameAsync();
        Assert.Equal(Opcode.Close, last.Opcode);

        await client.WriteAsync(RawClient.Frame(Opcode.Binary, new byte[Most]));       // what was on its way already
        byte[] flood = RawClient.Frame(Opcode.Binary, new byte[Flood]);
        long sent = 0;
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            for (; sent <= SocketsMay; sent += flood.Length) await client.WriteAsync(flood);
        });
        await session.WhenDisconnected;
        Assert.InRange(sent, 0, SocketsMay);
        Assert.Equal(1, server.Count("ratatoskr.connections.cut"));
    }

    [Fact]
    public async Task Silent_peer_is_pinged_and_cut_after_two_pings_without_an_answer()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(time: time);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        time.Advance(TimeSpan.FromSeconds(9));
        Assert.Equal(0, server.Count("ratatoskr.frames.sent type=ping"));
        time.Advance(TimeSpan.FromSeconds(1.5));
        Assert.Equal(Opcode.Ping, (await client.ReadFrameAsync()).Opcode);
        time.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(Opcode.Ping, (await client.ReadFrameAsync()).Opcode);
        Assert.Equal(0, session.DisconnectedCount);
        time.Advance(TimeSpan.FromSeconds(10));

        Assert.True(await client.IsClosedAsync());
        await session.WhenDisconnected;
        Assert.Equal(2, server.Count("ratatoskr.pings.missed"));
        Assert.Equal(1, server.Count("ratatoskr.connections.ended reason=silent"));
        Assert.Equal(1, server.Count("ratatoskr.connections.cut"));
    }

    [Fact]
    public async Task Peer_that_answers_pings_lives_on()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(time: time);
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;
        for (int i = 0; i < 10; i++)
        {
            ServerFrame? ping = null;
            for (int seconds = 0; ping is null && seconds < 12; seconds++)
            {
                long before = server.Count("ratatoskr.frames.sent type=ping");
                time.Advance(s_second);
                if (server.Count("ratatoskr.frames.sent type=ping") > before) ping = await client.ReadFrameAsync();
            }

            Assert.Equal(Opcode.Ping, ping?.Opcode);
            await client.WriteAsync(RawClient.Frame(Opcode.Pong, ping!.Payload));
            await client.WriteAsync(RawClient.Frame(Opcode.Binary, "fence"u8));     // its echo says that the pong before it was read
            await client.ReadFrameAsync();

            // We may have read the echo before the server's flush has returned, and while bytes are queued it sends no ping.
            Assert.True(SpinWait.SpinUntil(() => session.Connection.QueuedBytes == 0, TimeSpan.FromSeconds(30)));
        }

        Assert.Equal(0, session.DisconnectedCount);
        Assert.Equal(0, server.Count("ratatoskr.pings.missed"));
    }

    [Fact]
    public async Task Session_that_is_busy_does_not_make_its_peer_look_dead()
    {
        ManualTime time = new();
        TaskCompletionSource busy = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = await TestServer.StartAsync(time: time, prepare: endpoint => endpoint.Prepare = session => session.OnBinary = _ =>
        {
            entered.TrySetResult();
            return new ValueTask(busy.Task);
        });
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;
        await client.WriteAsync(RawClient.Frame(Opcode.Binary, "work"u8));
        await entered.Task;

        time.Advance(TimeSpan.FromMinutes(5));

        Assert.Equal(0, server.Count("ratatoskr.connections.ended reason=silent"));
        Assert.True(session.Connection.IsWritable);
        busy.SetResult();
    }

    [Fact]
    public async Task Peer_that_takes_nothing_is_cut_though_its_session_is_busy()
    {
        const int MoreThanSocketsHold = 32 << 20;
        ManualTime time = new();
        TaskCompletionSource busy = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource entered = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await using TestServer server = await TestServer.StartAsync(time: time, prepare: endpoint => endpoint.Prepare = session => session.OnBinary = _ =>
        {
            entered.TrySetResult();
            return new ValueTask(busy.Task);
        });
        (RawClient client, TestSession session) = await server.UpgradeRawAsync();
        using RawClient closing = client;
        await client.WriteAsync(RawClient.Frame(Opcode.Binary, "work"u8));
        await entered.Task;
        SharedBuffer body = SharedBuffer.Rent(MoreThanSocketsHold);
        session.Connection.Send("much"u8, body);
        session.Connection.Flush();
        body.Release();

        // What the sockets take at first is a sign of life: time passes until there is none any more.
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                time.Advance(s_second);
                return server.Count("ratatoskr.connections.ended reason=silent") == 1;
            },
            TimeSpan.FromSeconds(30)));
        busy.SetResult();
        await session.WhenDisconnected;
    }

    [Fact]
    public async Task Peer_without_a_hello_is_closed_with_1008()
    {
        ManualTime time = new();
        await using TestServer server = await TestServer.StartAsync(
            time: time, prepare: endpoint => endpoint.Prepare = session => session.IsEstablished = false);
        (RawClient client, _) = await server.UpgradeRawAsync();
        using RawClient closing = client;

        time.Advance(TimeSpan.FromSeconds(11));

        Assert.Equal(1008, (await client.ReadFrameAsync()).CloseCode);
    }

    [Fact]
    public async Task Unfinished_messages_of_all_peers_together_are_bounded()
    {
        await using TestServer server = await TestServer.StartAsync(new TransportOptions { InboundBytesMax = 1_700_000 });
        (RawClient one, _) = await server.UpgradeRawAsync();
        (RawClient two, _) = await server.UpgradeRawAsync();
        using RawClient closingOne = one;
        using RawClient closingTwo = two;

        byte[] frame = RawClient.Frame(Opcode.Binary, new byte[700_000]);
        await one.WriteAsync(frame[..^1]);
        Task writing = two.WriteAsync(frame[..^1]);

        // Each is in a buffer of a mebibyte. Whichever of the two passes the limit; the other one's message is still whole.
        Task<ServerFrame> first = one.ReadFrameAsync();
        Task<ServerFrame> second = two.ReadFrameAsync();
        Task<ServerFrame> closed = await Task.WhenAny(first, second);
        Assert.Equal(1013, (await closed).CloseCode);
        await writing;
        await (closed == first ? two : one).WriteAsync(frame[^1..]);
        Assert.Equal(700_000, (await (closed == first ? second : first)).Payload.Length);
    }

    private sealed class NotingScheduler : PipeScheduler
    {
        public TaskCompletionSource Noted { get; set; } = new();

        public override void Schedule(Action<object?> action, object? state)
        {
            Noted.TrySetResult();
            ThreadPool.Schedule(action, state);
        }
    }
}
