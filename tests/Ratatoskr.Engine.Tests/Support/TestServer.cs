using System.Text;
using Automerge.Changes;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.InMemory;
using SharedTests.Clocks;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>The real engine in one thread: time, work and store move when the test moves them.</summary>
internal sealed class TestServer : IDisposable
{
    private const int RoundsMax = 1_000;

    private readonly List<TestPeer> _peers = [];
    private readonly RecordingLogger _logger = new();

    public TestServer(EngineLimits? limits = null, bool manualCommit = false, int shards = 1, IChunkStore? store = null, InMemoryChunkStore? kept = null, AccountServer? accounts = null, RateLimiter? limiter = null)
    {
        // The test framework's context would carry the engine's continuations to other threads.
        SynchronizationContext.SetSynchronizationContext(null);
        Store = kept ?? new InMemoryChunkStore(manualCommit);
        Access = new TestAccess(Control);
        if (accounts is not null) Control = accounts.Control;
        Engine = new SyncEngine(new SyncEngineOptions
        {
            Store = store ?? Store,
            Control = Control,
            Feed = new SilentNodeFeed(),
            Authenticator = accounts is null ? Access : accounts,
            Access = accounts is null ? Access : accounts.Resolver,
            Ledger = accounts?.Ledger,
            Limiter = limiter,
            Time = Time,
            Log = new EngineLog(_logger),
            StorageId = "server-store",
            HashKey = 0xC0FFEE,
            Limits = limits ?? new EngineLimits(),
            Scheduler = Scheduler,
            Shards = shards,
        });
    }

    public InMemoryChunkStore Store { get; }

    public EmbeddedControlLog Control { get; } = new();

    public TestAccess Access { get; }

    public ManualScheduler Scheduler { get; } = new();

    public ManualTime Time { get; } = new();

    public SyncEngine Engine { get; }

    public IReadOnlyList<(LogLevel Level, string Text)> LogLines => _logger.Lines;

    /// <summary>The id whose payload is this text: the same in every run.</summary>
    public static DocumentId Document(string text) => DocumentId.FromPayload(Encoding.UTF8.GetBytes(text));

    public TestPeer Connect(string name, bool speaksV1Only = false, string? storageId = null, string? token = null) =>
        Connect(new TestPeer(name, speaksV1Only, storageId, token));

    /// <summary>Connects, says hello and takes the answer.</summary>
    public TestPeer Connect(TestPeer peer)
    {
        if (!_peers.Contains(peer)) _peers.Add(peer);
        peer.Connect(Engine);
        Settle();
        return peer;
    }

    /// <summary>Takes a peer along that connects by itself.</summary>
    public void Watch(TestPeer peer) => _peers.Add(peer);

    /// <summary>Carries the peer's words to the engine, and lets the engine work until it has nothing left to do.</summary>
    public void Carry(TestPeer peer)
    {
        while (peer.Outbox.TryDequeue(out byte[]? message))
        {
            Receive(peer, message);
            Scheduler.RunAll();
        }
    }

    /// <summary>Carries one message; nothing runs but what the caller's thread does by itself.</summary>
    public void CarryOneWithoutWork(TestPeer peer) => Receive(peer, peer.Outbox.Dequeue());

    /// <summary>Carries everything in both directions until all are silent.</summary>
    public void Settle()
    {
        for (int round = 0; round < RoundsMax; round++)
        {
            Scheduler.RunAll();
            bool silent = true;
            foreach (TestPeer peer in _peers.ToArray())
            {
                if (!peer.IsConnected) continue;
                silent &= peer.Outbox.Count == 0 && peer.Connection.Sent.Count == 0;
                Carry(peer);
                if (peer.Connection.IsWritable) peer.Listen();
                Assert.Equal(0, peer.Connection.Unflushed);
            }

            if (!silent || Scheduler.Count > 0) continue;
            foreach (TestPeer peer in _peers) AssertTaken(peer);
            return;
        }

        Assert.Fail("the peers and the server do not fall silent");
    }

    // When nothing is left to do, nobody may wait for room: Transport would never read from that connection again.
    private static void AssertTaken(TestPeer peer)
    {
        foreach (Task received in peer.Waiting)
        {
            Assert.True(received.IsCompleted, $"a message of {peer.Name} waits for room, and nothing is left to do that could make it");
            received.GetAwaiter().GetResult();
        }

        peer.Waiting.Clear();
    }

    /// <summary>The socket of a slow reader has room again.</summary>
    public void Drain(TestPeer peer)
    {
        peer.Connection.IsWritable = true;
        peer.Session!.Drained();
        Scheduler.RunAll();
    }

    public void Tick(int seconds = 1)
    {
        Time.Advance(1_000L * seconds);
        Scheduler.RunAll();
    }

    public void Commit()
    {
        Store.Commit();
        Scheduler.RunAll();
    }

    /// <summary>Puts a change through the control log and waits until it is in force.</summary>
    public async Task ChangeAccessAsync(DocumentId document) =>
        await InForceAsync(await Control.AppendAsync(new ControlChange(ControlSubject.Access, document, ""), CancellationToken.None));

    /// <summary>The same without giving the thread away: everything that waits runs first, so that the order is always the same.</summary>
    public void ChangeAccess(DocumentId document) => Bind(new ControlChange(ControlSubject.Access, document, ""));

    /// <summary>The same for any change.</summary>
    public void Bind(ControlChange change) => Assert.True(IsBound(BeginBind(change)), "the change does not come into force");

    /// <summary>Returns when the shards have heard of the change and said what follows from it.</summary>
    /// <returns>Completes when it is in force.</returns>
    public Task BeginBind(ControlChange change)
    {
        Scheduler.RunAll();
        ControlNumber number = Control.AppendAsync(change, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        Assert.True(SpinWait.SpinUntil(() => Engine.Brought.Value >= number.Value, TimeSpan.FromSeconds(30)));
        Scheduler.RunAll();
        return Control.InForceAsync(number, CancellationToken.None).AsTask();
    }

    /// <summary>Whether a change comes into force: what the shards say is heard by other threads.</summary>
    public bool IsBound(Task change) => SpinWait.SpinUntil(
        () =>
        {
            Scheduler.RunAll();
            return change.IsCompleted;
        },
        TimeSpan.FromSeconds(30));

    public async Task InForceAsync(ControlNumber number)
    {
        Task inForce = Control.InForceAsync(number, CancellationToken.None).AsTask();
        while (!inForce.IsCompleted)
        {
            Scheduler.RunAll();
            await Task.Yield();
        }

        SynchronizationContext.SetSynchronizationContext(null);
        Scheduler.RunAll();
    }

    /// <summary>The hashes of all changes that a reader of the store would find.</summary>
    public IReadOnlyCollection<ChangeHash> StoredChanges(DocumentId id) => StoredContent.Read(Store, id);

    /// <summary>The stored appends since the snapshot.</summary>
    public IReadOnlyList<byte[]> Stored(DocumentId id) =>
        [.. Store.LoadAsync(id, CancellationToken.None).AsTask().GetAwaiter().GetResult().Tail.Select(t => t.Chunks.ToArray())];

    public void Dispose()
    {
        string[] bugs = [.. _logger.Critical];
        Engine.Metrics.Dispose();
        Assert.True(bugs.Length == 0, string.Join('\n', bugs));
    }

    /// <summary>What Transport does with a message.</summary>
    public static void Receive(TestPeer peer, byte[] message)
    {
        if (peer.Connection.ClosedWith is not null) return;
        try
        {
            // A connection whose messages wait for room is not read from meanwhile. What it has sent is taken all the same, so here it is read on;
            // that room comes is for Settle to see.
            Task received = peer.Session!.ReceiveAsync(message).AsTask();
            if (received.IsCompleted) received.GetAwaiter().GetResult();
            else peer.Waiting.Add(received);
            peer.Connection.Flush();
        }
        catch (ProtocolException e)
        {
            peer.Connection.Close(e.CloseCode, e.Message);
            peer.Session!.Disconnected();
        }
    }
}
