using System.Buffers;
using System.Diagnostics.Metrics;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Fuzzing.Tests.Corpora;
using Ratatoskr.Fuzzing.Tests.Frames;
using Ratatoskr.Protocol.WebSockets;
using Ratatoskr.Transport;
using Ratatoskr.Transport.Upgrades;
using SharedTests.Clocks;
using SharedTests.Fuzzing;

namespace Ratatoskr.Fuzzing.Tests.Upgrades;

/// <summary>
/// A connection from its first byte to its end, by both ways in, without a socket: served, refused or left to HTTP untouched; what the server writes is sound, and the loop comes to an end.
/// </summary>
public class ConnectionTargets
{
    private const long ConnectionBytes = 4 << 20;

    [Fact]
    public void Connection_from_its_first_byte() => FuzzRun.Run(800, one =>
    {
        byte[] head = RequestMutator.Make(one);
        if (one.OneIn(5)) head = ByteMutator.Mutate(one.Random, head, RequestMutator.Words);
        byte[] frames = ClientFrames(one);
        byte[] bytes = one.Input = [.. head, .. frames];
        using World world = new();
        Pipe toServer = new(World.Inline), toClient = new(World.Inline);
        DefaultConnectionContext context = new("fuzz") { Transport = new Duplex(toServer.Reader, toClient.Writer) };
        byte[]? passedOn = null;
        UpgradePeek peek = new(world.Transport);
        one.Call(bytes.Length, ConnectionBytes, () =>
        {
            Task serving = ServeAsync();
            int piece = 1 + one.Random.Next(one.OneIn(4) ? 4 : 4096);
            for (int at = 0; at < bytes.Length; at += piece)
            {
                toServer.Writer.WriteAsync(bytes.AsMemory(at, Math.Min(piece, bytes.Length - at))).AsTask().Wait(TestContext.Current.CancellationToken);
                world.Server.Scheduler.RunAll();
            }

            toServer.Writer.Complete();
            world.End(serving);
        });

        async Task ServeAsync()
        {
            if (await peek.IsForHttpAsync(context)) passedOn = await ReadAllAsync(context.Transport.Input);
        }

        byte[] answer = toClient.Reader.TryRead(out ReadResult read) ? read.Buffer.ToArray() : [];
        one.Note(passedOn is not null ? "left to HTTP" : answer.Length > 9 ? "answered " + Encoding.ASCII.GetString(answer, 9, 3) : "no answer");
        if (passedOn is null) return CheckAnswer(answer);
        Assert.Empty(answer);
        Assert.Equal(bytes, passedOn);
        return "left to HTTP";
    });

    [Fact]
    public void Upgrade_within_http() => FuzzRun.Run(1500, one =>
    {
        byte[] head = one.Input = RequestMutator.Make(one);
        if (PlainRequest.Read(head) is not { } plain || plain.Target.Length == 0 || plain.Target[0] != '/') return "no request for Kestrel";
        using World world = new();
        DefaultHttpContext context = new();
        string[] target = plain.Target.Split('?', 2);
        context.Request.Method = plain.Method.ToUpperInvariant();
        context.Request.Path = PathString.FromUriComponent(target[0].Split('#')[0]);
        context.Request.QueryString = new QueryString(target.Length > 1 ? "?" + target[1] : "");
        foreach ((string name, string value) in plain.Headers) context.Request.Headers.Append(name, value);
        using ClientStream client = new(ClientFrames(one));
        using MemoryStream body = new();
        context.Response.Body = body;
        context.Features.Set<IHttpUpgradeFeature>(new Upgradable(client));
        bool isLeft = false;
        HttpUpgrade upgrade = new(world.Transport, _ =>
        {
            isLeft = true;
            return Task.CompletedTask;
        });
        one.Call(head.Length + client.Length, ConnectionBytes, () => world.End(upgrade.InvokeAsync(context)));
        bool isUpgrade = UpgradeRequest.Parse(new ReadOnlySequence<byte>(head), UpgradeLimits.Default, out UpgradeRequest? request, out _, out _) == UpgradeOutcome.Upgrade && SyncPaths.Contains(request!.Path);
        if (isUpgrade) Assert.True(client.IsTaken, "the other way in takes it");
        if (client.IsTaken) return CheckFrames([.. client.Written]);
        if (isLeft) return "left to HTTP";
        Assert.True(context.Response.StatusCode is 400 or 403 or 426 or 503, $"{context.Response.StatusCode}");
        Assert.StartsWith("{\"error\":", Encoding.UTF8.GetString(body.ToArray()), StringComparison.Ordinal);
        return $"refused with {context.Response.StatusCode}";
    });

    private static byte[] ClientFrames(FuzzCase one)
    {
        List<FuzzFrame> frames = one.OneIn(2)
            ? FuzzFrame.Parse(one.Pick(Corpus.Files("sessions")).Bytes)
            : FrameMutator.Make(one.Random, Enumerable.Range(0, one.Random.Next(4)).Select(_ => one.Pick(Corpus.CapturedMessages)));
        if (one.OneIn(2)) FrameMutator.Mutate(one.Random, frames);
        return FrameMutator.Write(one.Random, frames);
    }

    private static string? CheckAnswer(byte[] answer)
    {
        if (answer.Length == 0) return "no answer to half a request";
        int end = answer.AsSpan().IndexOf("\r\n\r\n"u8) + 4;
        string head = Encoding.ASCII.GetString(answer, 0, end);
        Assert.Matches("^HTTP/1\\.1 (101|400|403|408|426|503) ", head);
        return head[9] == '1' ? CheckFrames(answer[end..]) : $"refused: {head[..head.IndexOf('\r', StringComparison.Ordinal)]}";
    }

    // Whole, unmasked frames in their shortest form, and at the end perhaps a close frame that says why.
    private static string? CheckFrames(byte[] frames)
    {
        string? closed = null;
        for (int at = 0; at < frames.Length;)
        {
            Assert.Null(closed);
            Assert.True(frames[at] is 0x82 or 0x88 or 0x89 or 0x8a, $"frame {frames[at]:x2}");
            int length7 = frames[at + 1], lengthBytes = length7 switch { 126 => 2, 127 => 8, _ => 0 };
            long length = length7;
            if (lengthBytes > 0) length = frames.AsSpan(at + 2, lengthBytes).ToArray().Aggregate(0L, (sum, b) => (sum << 8) | b);
            Assert.True(length7 < 128 && length >= lengthBytes switch { 0 => 0, 2 => 126, _ => 65536 });
            int start = at + 2 + lengthBytes;
            Assert.True(length <= frames.Length - start);
            if (frames[at] == 0x82) _ = new ServerMessage(frames[start..(start + (int)length)]);
            if (frames[at] == 0x88) closed = length == 0 ? "closed without a code" : $"closed with {(frames[start] << 8) | frames[start + 1]}";

            at = start + (int)length;
        }

        return closed;
    }

    private static async Task<byte[]> ReadAllAsync(PipeReader input)
    {
        using MemoryStream all = new();
        await input.CopyToAsync(all);
        return all.ToArray();
    }

    private sealed class World : ILoggerFactory
    {
        public static readonly PipeOptions Inline = new(readerScheduler: PipeScheduler.Inline, writerScheduler: PipeScheduler.Inline, pauseWriterThreshold: 0, useSynchronizationContext: false);

        private readonly Meter _meter = new("Ratatoskr.Fuzz");
        private readonly ManualTime _time = new();
        private readonly RecordingLogger _log = new();

        public World() => Transport = new SyncTransport(Server.Engine, new TransportOptions(), _meter, new Logger<SyncTransport>(this), _time);

        public TestServer Server { get; } = new();

        public SyncTransport Transport { get; }

        /// <summary>Lets time pass until whoever waits gives up.</summary>
        public void End(Task serving)
        {
            for (int seconds = 0; seconds < 120 && !serving.IsCompleted; seconds++)
            {
                Server.Scheduler.RunAll();
                if (!serving.IsCompleted) _time.Advance(1000);
            }

            Assert.True(serving.Wait(TimeSpan.FromSeconds(10)), "the connection does not end");
            Server.Scheduler.RunAll();
            Assert.Empty(_log.Lines.Where(line => line.Level >= LogLevel.Error).Select(line => line.Text));
            Assert.Equal((0, 0), (Transport.ConnectionCount, Server.Engine.SessionCount));
        }

        ILogger ILoggerFactory.CreateLogger(string categoryName) => _log;

        void ILoggerFactory.AddProvider(ILoggerProvider provider)
        {
        }

        public void Dispose()
        {
            Server.Dispose();
            _meter.Dispose();
        }
    }

    private sealed class Duplex(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }

    private sealed class Upgradable(ClientStream client) : IHttpUpgradeFeature
    {
        public bool IsUpgradableRequest => true;

        public Task<Stream> UpgradeAsync()
        {
            client.IsTaken = true;
            return Task.FromResult<Stream>(client);
        }
    }

    /// <summary>What a client sends, to its end; keeps what it is sent.</summary>
    private sealed class ClientStream(byte[] sent) : MemoryStream(sent, writable: false)
    {
        public List<byte> Written { get; } = [];

        public bool IsTaken { get; set; }

        public override bool CanWrite => true;

        public override void Write(byte[] buffer, int offset, int count) => Written.AddRange(buffer.AsSpan(offset, count));

        public override void Write(ReadOnlySpan<byte> buffer) => Written.AddRange(buffer);

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
        {
            Write(buffer, offset, count);
            return Task.CompletedTask;
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Write(buffer.Span);
            return default;
        }
    }
}
