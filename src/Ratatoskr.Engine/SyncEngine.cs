using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine;

/// <summary>What the engine is given; everything that touches the world comes in here.</summary>
public sealed record SyncEngineOptions
{
    public required IChunkStore Store { get; init; }

    public required IControlLog Control { get; init; }

    public required INodeFeed Feed { get; init; }

    public required IAuthenticator Authenticator { get; init; }

    public required IAccessPolicy Access { get; init; }

    public required TimeProvider Time { get; init; }

    public required EngineLog Log { get; init; }

    /// <summary>Identifies the store to peers across restarts; they key their saved sync states on it.</summary>
    public required string StorageId { get; init; }

    /// <summary>Keys hash tables that attackers fill; fresh random bits per process.</summary>
    public required ulong HashKey { get; init; }

    public EngineLimits Limits { get; init; } = new();

    public IWorkScheduler Scheduler { get; init; } = ThreadPoolScheduler.Instance;

    /// <summary>Single-threaded loops; as many as cores.</summary>
    public int Shards { get; init; } = 1;
}

/// <summary>
/// The sync engine: accepts connections, routes their messages to shards, and feeds the shards what the store, the control log, other nodes and time have to say.
/// </summary>
/// <remarks>Safe on any thread.</remarks>
public sealed class SyncEngine : ISyncEndpoint, IAsyncDisposable
{
    private const int TickMs = 1_000;

    private readonly SessionHost _host;
    private readonly ShardSet _shards;
    private readonly Workers _workers;
    private readonly SyncEngineOptions _options;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _pumps;

    public SyncEngine(SyncEngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        StorageId storageId = StorageId.FromString(options.StorageId);
        PeerId peerId = PeerId.FromString($"ratatoskr-{options.StorageId}");
        EngineClock clock = new(options.Time);
        _workers = new Workers(Math.Max(1, Environment.ProcessorCount - 1), options.Limits.MemoryBudgetBytes, options.Scheduler);
        ShardContext context = new(options.Shards, peerId, storageId, options.Access, options.Control, options.Limits, Metrics, options.Log, options.HashKey, _workers);
        _shards = new ShardSet([.. Enumerable.Range(0, options.Shards).Select(i => new ShardRunner(context, i, options.Store, clock, options.Scheduler))]);
        _host = new SessionHost(
            _shards, new SessionRegistry(options.Access, Metrics), options.Authenticator, peerId, storageId, options.Limits, Metrics, options.Log);
        Contents = new DocumentContents(_host, options.Store, options.HashKey);
        _timer = options.Time.CreateTimer(_ => _shards.PostToAll(new ShardInput { Kind = ShardInputKind.Tick }), null, TimeSpan.FromMilliseconds(TickMs), TimeSpan.FromMilliseconds(TickMs));
        _pumps = Task.WhenAll(PumpControlAsync(_stop.Token), PumpFeedAsync(_stop.Token));
    }

    public EngineMetrics Metrics { get; } = new();

    /// <summary>Reads and writes documents for the API.</summary>
    public DocumentContents Contents { get; }

    /// <summary>Peers that have said a hello and are still here.</summary>
    public int SessionCount => _host.Registry.Count;

    /// <summary>For tests, while nothing runs: what is in memory of a document.</summary>
    internal DocumentContent? ContentOf(DocumentId id) => _shards.For(id.Text).Shard.ContentOf(id);

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info) => new PeerSession(_host, connection, info);

    /// <summary>
    /// Completes when everything taken so far is on disk and acknowledged, or <paramref name="stop"/> says to stop waiting. For a graceful stop, after the last connection has stopped reading.
    /// </summary>
    public async Task CommitAsync(CancellationToken stop)
    {
        _workers.IsStopping = true;
        while (!stop.IsCancellationRequested)
        {
            bool idle = true;
            for (int i = 0; i < _shards.Count; i++) idle &= _shards[i].IsIdle;
            if (idle) return;
            await Task.Delay(TimeSpan.FromMilliseconds(2), _options.Time, CancellationToken.None);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _timer.DisposeAsync();
        await _stop.CancelAsync();
        await _pumps;
        _stop.Dispose();
        Metrics.Dispose();
    }

    private async Task PumpControlAsync(CancellationToken stop)
    {
        try
        {
            await foreach (ControlInput input in _options.Control.Inputs.ReadAllAsync(stop))
            {
                switch (input)
                {
                    case ControlChanged changed:
                        await Task.WhenAll(Enumerable.Range(0, _shards.Count).Select(i => _shards[i].ApplyAsync(changed.Number, changed.Change)));
                        _options.Control.Applied(changed.Number);
                        break;
                    case LeaseLost:
                        _shards.PostToAll(new ShardInput { Kind = ShardInputKind.LeaseLost });
                        break;
                    case Rejoined:
                        _shards.PostToAll(new ShardInput { Kind = ShardInputKind.Rejoined });
                        break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the engine stops
        }
    }

    private async Task PumpFeedAsync(CancellationToken stop)
    {
        try
        {
            await foreach (FeedInput input in _options.Feed.Inputs.ReadAllAsync(stop))
            {
                switch (input)
                {
                    case FeedDelivered { Kind: FeedKind.Chunks } delivered:
                        _shards.For(delivered.Id.Text).Post(new ShardInput { Kind = ShardInputKind.ForeignChunks, Document = delivered.Id, Payload = delivered.Bytes });
                        break;
                    case FeedDelivered { Kind: FeedKind.Ephemeral } delivered:
                        _shards.For(delivered.Id.Text).Post(new ShardInput { Kind = ShardInputKind.ForeignEphemeral, Document = delivered.Id, Payload = delivered.Bytes });
                        break;
                    case FeedDelivered delivered:
                        delivered.Bytes.Release();
                        break;
                    case FeedGap:
                        _shards.PostToAll(new ShardInput { Kind = ShardInputKind.FeedGap });
                        break;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the engine stops
        }
    }
}
