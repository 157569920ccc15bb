using System.Diagnostics.Metrics;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

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

    /// <summary>Makes the engine's meter; null: one that belongs to the engine alone.</summary>
    public IMeterFactory? Meters { get; init; }

    /// <summary>Identifies the store to peers across restarts; they key their saved sync states on it.</summary>
    public required string StorageId { get; init; }

    /// <summary>Keys hash tables that attackers fill; fresh random bits per process.</summary>
    public required ulong HashKey { get; init; }

    public EngineLimits Limits { get; init; } = new();

    /// <summary>Counts connections, messages and bytes; null where nobody is limited (<c>ACCESS_MODE=open</c>).</summary>
    public RateLimiter? Limiter { get; init; }

    /// <summary>Finds clients behind proxies.</summary>
    public ClientAddress Addresses { get; init; } = ClientAddress.Direct;

    /// <summary>Counts what owners have stored; null where documents have none.</summary>
    public QuotaLedger? Ledger { get; init; }

    public IWorkScheduler Scheduler { get; init; } = ThreadPoolScheduler.Instance;

    /// <summary>Where workers' jobs run, <see cref="WorkerCount"/> at a time and one that nobody waits for; null: with everything else.</summary>
    public IWorkScheduler? WorkerScheduler { get; init; }

    /// <summary>Jobs at a time that peers wait for.</summary>
    public static int WorkerCount => Math.Max(1, Environment.ProcessorCount - 1);

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

    // Sizes of documents that were written are recorded this often, in ticks.
    private const int RecordTicks = 3;

    private readonly SessionHost _host;
    private readonly ShardSet _shards;
    private readonly Workers _workers;
    private readonly SyncEngineOptions _options;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _pumps;
    private readonly EngineClock _clock;
    private Task _recording = Task.CompletedTask;
    private ulong _brought;
    private int _ticks;

    public SyncEngine(SyncEngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        Metrics = new EngineMetrics(options.Meters);
        if (options.Limiter is { } limiter) limiter.Metrics = Metrics;
        StorageId storageId = StorageId.FromString(options.StorageId);
        PeerId peerId = PeerId.FromString($"ratatoskr-{options.StorageId}");
        EngineClock clock = new(options.Time);
        _workers = new Workers(SyncEngineOptions.WorkerCount, options.Limits.MemoryBudgetBytes, options.WorkerScheduler ?? options.Scheduler);
        ShardContext context = new(options.Shards, peerId, storageId, options.Access, options.Control, options.Limits, Metrics, options.Log, options.HashKey, _workers, options.Ledger);
        _shards = new ShardSet([.. Enumerable.Range(0, options.Shards).Select(i => new ShardRunner(context, i, options.Store, clock, options.Scheduler))]);
        _host = new SessionHost(
            _shards, new SessionRegistry(options.Access, Metrics), options.Authenticator, peerId, storageId, options.Limits, Metrics, options.Log, clock, options.Limiter, options.Addresses);
        _clock = clock;
        ShowLevels();
        Contents = new DocumentContents(_host, options.Store, options.HashKey);
        _timer = options.Time.CreateTimer(_ => Tick(), null, TimeSpan.FromMilliseconds(TickMs), TimeSpan.FromMilliseconds(TickMs));
        _pumps = Task.WhenAll(PumpControlAsync(_stop.Token), PumpFeedAsync(_stop.Token));
    }

    public EngineMetrics Metrics { get; }

    /// <summary>Reads and writes documents for the API.</summary>
    public DocumentContents Contents { get; }

    /// <summary>Peers that have said a hello and are still here.</summary>
    public int SessionCount => _host.Registry.Count;

    /// <summary>For tests, while nothing runs: what is in memory of a document.</summary>
    internal DocumentContent? ContentOf(DocumentId id) => _shards.For(id.Text).Shard.ContentOf(id);

    /// <summary>For tests, while nothing runs and everybody has gone: what is still kept or charged; null when nothing is.</summary>
    internal string? Leftovers()
    {
        if (SessionCount > 0) return $"{SessionCount} sessions";
        if (_workers.ReservedBytes > 0) return $"{_workers.ReservedBytes} bytes promised to workers";
        for (int i = 0; i < _shards.Count; i++)
        {
            if (_shards[i].Shard.Leftovers() is { } left) return $"shard {i}: {left}";
            if (!_shards[i].IsIdle) return $"shard {i} is not idle";
        }

        return null;
    }

    /// <summary>For tests: the last control change that the shards have in their mailboxes.</summary>
    internal ControlNumber Brought => new(Volatile.Read(ref _brought));

    /// <summary>For tests, while nothing runs: the shards, whose accounts must come out even.</summary>
    internal IEnumerable<Shard> Shards => Enumerable.Range(0, _shards.Count).Select(i => _shards[i].Shard);

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info)
    {
        ArgumentNullException.ThrowIfNull(info);

        // URLs end up in logs and histories; whoever sends a token there must notice. Where nobody has tokens, it is a query like any other.
        if (_host.Limiter is not null && info.HasTokenInQuery)
        {
            Metrics.SessionRefused(SessionRefusal.TokenInAddress);
            throw new ProtocolException(CloseCode.PolicyViolation, "a token goes into the Authorization header or an auth message, not into the URL");
        }

        return new PeerSession(_host, connection, info);
    }

    /// <summary>
    /// Completes when everything taken so far is on disk and acknowledged, or <paramref name="stop"/> says to stop waiting. For a graceful stop, after the last connection has stopped reading.
    /// </summary>
    public async Task CommitAsync(CancellationToken stop)
    {
        await CommitChangesAsync(stop);
        await RecordSizesAsync();
    }

    /// <summary>
    /// Frees a document's content, in memory and in the store, after its record has gone and all have heard of it. Completes when nothing of it is left.
    /// </summary>
    /// <param name="ownerId">Whose bytes they were.</param>
    /// <param name="recordedBytes">What its record said.</param>
    public Task DeleteAsync(DocumentId id, string ownerId, long recordedBytes)
    {
        Deletion deletion = new(ownerId, recordedBytes);
        _shards.For(id.Text).Post(new ShardInput { Kind = ShardInputKind.Delete, Document = id, Result = deletion });
        return deletion.Done.Task;
    }

    private void ShowLevels()
    {
        Meter meter = Metrics.Meter;
        EngineLimits limits = _options.Limits;
        meter.ShowLevel("ratatoskr.sessions.active", "{session}", "peers that have said a hello and are still here", () => SessionCount);
        meter.ShowLevel("ratatoskr.documents.active", "{document}", "documents known to the shards, with or without content in memory", () => Sum(static shard => shard.Shard.DocumentCount));
        meter.ShowLevel("ratatoskr.links.active", "{link}", "documents that sessions have open, once per session", () => Sum(static shard => shard.Shard.LinkCount));
        meter.ShowLevels<MemoryUse>("ratatoskr.memory.used", "By", "use", "memory that is accounted for", use => use switch
        {
            MemoryUse.Documents => Sum(static shard => shard.Shard.ContentBytes),
            MemoryUse.Links => Sum(static shard => shard.Shard.LinkBytes),
            MemoryUse.Mailboxes => Sum(static shard => shard.MailboxBytes),
            MemoryUse.Waiting => Sum(static shard => Volatile.Read(ref shard.Shard.HeldBytes)),
            _ => _workers.ReservedBytes,
        });
        meter.ShowGauge("ratatoskr.memory.limit", "By", "MEMORY_BUDGET_MB: what documents may take, and what links may take", () => limits.MemoryBudgetBytes);
        meter.ShowGauge("ratatoskr.mailboxes.limit", "By", "what mailbox and waiting messages of one shard may take", () => limits.MailboxBytesMax);
        meter.ShowLevels<WorkerJobs>("ratatoskr.workers.jobs", "{job}", "queue", "jobs that wait for a worker or run", queue => queue == WorkerJobs.Urgent ? _workers.UrgentCount : _workers.BackgroundCount);
        meter.ShowLevel("ratatoskr.views.active", "{document}", "documents that the API has opened, or waits to open", () => Contents.Openings);
        if (_options.Ledger is { } ledger) meter.ShowLevel("ratatoskr.quotas.accounts", "{account}", "owners whose use of storage is in memory", () => ledger.Count);
        if (_options.Limiter is { } limiter) meter.ShowLevels<RateLimitKind>("ratatoskr.rate_limits.keys", "{key}", "limit", "addresses and users that limits remember", kind => limiter.Count(kind));
    }

    private long Sum(Func<ShardRunner, long> of)
    {
        long sum = 0;
        for (int i = 0; i < _shards.Count; i++) sum += of(_shards[i]);
        return sum;
    }

    private async Task CommitChangesAsync(CancellationToken stop)
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
        await _recording;
        await RecordSizesAsync();
        _stop.Dispose();
        Metrics.Dispose();
    }

    private void Tick()
    {
        _shards.PostToAll(new ShardInput { Kind = ShardInputKind.Tick });
        _host.Registry.Tick(_clock.Now);
        if (++_ticks % RecordTicks == 0 && _recording.IsCompleted) _recording = RecordSizesAsync();
    }

    // Advisory until the next time: what is not recorded now is kept, and read back from the documents after a crash.
    private async Task RecordSizesAsync()
    {
        if (_options.Ledger is not { } ledger) return;
        try
        {
            await ledger.RecordAsync(CancellationToken.None);
        }
        catch (Exception e)
        {
            _options.Log.SizesFailed(e);
            Metrics.StoreFailed(StoreCall.RecordSizes);
        }
    }

    private async Task PumpControlAsync(CancellationToken stop)
    {
        Task inForce = Task.CompletedTask;
        try
        {
            // Not ReadAllAsync, nor WhenAll below: they may go on elsewhere, and a simulation has one thread.
            while (await _options.Control.Inputs.WaitToReadAsync(stop))
            {
                while (_options.Control.Inputs.TryRead(out ControlInput? input))
                {
                    switch (input)
                    {
                        case ControlChanged changed:
                            inForce = ConfirmAsync(inForce, changed.Number, Bring(changed));
                            Volatile.Write(ref _brought, changed.Number.Value);
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
        }
        catch (OperationCanceledException)
        {
            // the engine stops
        }
    }

    // What concerns one document is its shard's affair; the rest is everybody's. Nobody decides by what was known before.
    private Task[] Bring(ControlChanged changed)
    {
        _options.Access.Changed(changed.Change);
        if (changed.Change.Kind == ControlSubject.Revoked) _host.Registry.Revoke(changed.Change.Subject);
        if (!changed.Change.Document.IsDefault) return [_shards.For(changed.Change.Document.Text).ApplyAsync(changed.Number, changed.Change)];
        Task[] applied = new Task[_shards.Count];
        for (int i = 0; i < applied.Length; i++) applied[i] = _shards[i].ApplyAsync(changed.Number, changed.Change);
        return applied;
    }

    // In order. A shard that still stores what was taken before one change has applied the next ones all the same.
    private async Task ConfirmAsync(Task before, ControlNumber number, Task[] applied)
    {
        await before;
        foreach (Task shard in applied) await shard;
        _options.Control.Applied(number);
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
