using System.Collections.Concurrent;
using System.Text;
using System.Threading.Channels;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Transport.Tests.Hosting;

/// <summary>Answers each message with itself, unless a test says otherwise; keeps its sessions for the test to look at.</summary>
internal sealed class TestEndpoint : ISyncEndpoint
{
    private readonly Channel<TestSession> _accepted = Channel.CreateUnbounded<TestSession>();

    public ConcurrentQueue<ConnectionInfo> Infos { get; } = new();

    /// <summary>Made before a connection comes; its session behaves so.</summary>
    public Action<TestSession>? Prepare { get; set; }

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info)
    {
        Infos.Enqueue(info);
        TestSession session = new(connection);
        Prepare?.Invoke(session);
        _accepted.Writer.TryWrite(session);
        return session;
    }

    public async Task<TestSession> NextAsync() => await _accepted.Reader.ReadAsync(TestContext.Current.CancellationToken);
}

internal sealed class TestSession(IPeerConnection connection) : IPeerSession
{
    private readonly TaskCompletionSource _disconnected = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _drained = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _drainedCount;
    private int _received;
    private int _disconnectedCount;

    public IPeerConnection Connection { get; } = connection;

    public bool IsEstablished { get; set; } = true;

    public int MaxMessageBytes { get; set; } = int.MaxValue;

    /// <summary>Instead of the echo.</summary>
    public Func<ReadOnlyMemory<byte>, ValueTask>? OnBinary { get; set; }

    /// <summary>Messages that were given between a batch's beginning and its end, per batch.</summary>
    public List<int> Batches { get; } = [];

    public bool IsInBatch { get; private set; }

    public int DrainedCount => Volatile.Read(ref _drainedCount);

    public int DisconnectedCount => Volatile.Read(ref _disconnectedCount);

    public Task WhenDrained => _drained.Task;

    public Task WhenDisconnected => _disconnected.Task;

    public ValueTask ReceiveAsync(ReadOnlyMemory<byte> message)
    {
        _received++;
        if (OnBinary is not null) return OnBinary(message);
        Connection.Send(message.Span, null);
        return default;
    }

    public ValueTask ReceiveTextAsync(ReadOnlyMemory<byte> message)
    {
        string text = Encoding.UTF8.GetString(message.Span);
        if (text == "break the protocol") throw new ProtocolException(CloseCode.PolicyViolation, text);
        if (text == "fail") throw new InvalidOperationException(text);
        Connection.Send("text:"u8, SharedBuffer.Copy(message.Span));
        return default;
    }

    public void BeginBatch()
    {
        if (!IsInBatch) _received = 0;
        IsInBatch = true;
    }

    public void EndBatch()
    {
        if (IsInBatch) Batches.Add(_received);
        IsInBatch = false;
    }

    public bool WasToldOfNoHello { get; private set; }

    public void HelloTimedOut() => WasToldOfNoHello = true;

    public void Drained()
    {
        Interlocked.Increment(ref _drainedCount);
        _drained.TrySetResult();
    }

    public void Disconnected()
    {
        Interlocked.Increment(ref _disconnectedCount);
        _disconnected.TrySetResult();
    }
}
