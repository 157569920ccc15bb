using System.Buffers.Binary;
using System.Diagnostics.Metrics;
using System.Security.Cryptography;
using Automerge.Changes;
using Automerge.Documents;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Documents;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Server.Configuration;
using Ratatoskr.Storage;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.Faster;

namespace Ratatoskr.Server.Composition;

/// <summary>The sync engine over the embedded store.</summary>
internal sealed class EngineHost(ServerOptions options) : IEngineHost, ISyncEndpoint
{
    private readonly YieldingThreads _workers = new(SyncEngineOptions.WorkerCount + 1, "Worker");      // one for what nobody waits for
    private FasterChunkStore? _store;
    private SyncEngine? _engine;

    public ISyncEndpoint Endpoint => this;

    public AccountServices? Accounts { get; private set; }

    public BlobServices? Blobs { get; private set; }

    public DocumentContents Contents => _engine!.Contents;

    public string? NotReadyBecause => _engine is null ? "the engine starts" : null;

    public async Task StartAsync(IWorkScheduler urgent, ILoggerFactory loggers, IMeterFactory meters, CancellationToken cancel)
    {
        StoreMetrics metrics = new(meters);
        RightOfWay way = new(TimeProvider.System);
        _store = await FasterChunkStore.OpenAsync(new FasterStoreOptions
        {
            Metrics = metrics,
            Callers = urgent,
            Way = way,
            Folder = options.DataDirectory,
            Logger = loggers.CreateLogger("Ratatoskr.Storage"),
        }).ConfigureAwait(false);
        Task rehearsing = Rehearsal.ReadAsync(_store, cancel);
        EmbeddedControlLog control = new();
        if (options.AccessMode == AccessMode.Accounts) Accounts = await AccountServices.OpenAsync(options, _store, control, metrics, loggers).ConfigureAwait(false); // the folder is ours by now
        _engine = new SyncEngine(new SyncEngineOptions
        {
            Store = _store,
            Control = control,
            Feed = new SilentNodeFeed(),
            Authenticator = Accounts is null ? new OpenAuthenticator() : Accounts.Authenticator,
            Access = Accounts is null ? new OpenAccessPolicy(control) : Accounts.Access,
            Time = TimeProvider.System,
            Meters = meters,
            Log = new EngineLog(loggers.CreateLogger("Ratatoskr.Engine")),
            StorageId = _store.StorageId,
            HashKey = RandomKey(),
            Shards = options.ShardCount,
            Scheduler = urgent,
            WorkerScheduler = _workers,
            Limiter = Accounts?.Limiter,
            Addresses = options.Accounts.Clients,
            Ledger = Accounts?.Ledger,
            Limits = MemoryLimits.Of(options, new EngineLimits
            {
                Document = DocumentLimits.Default with { MaxRows = options.MaxDocumentRows },
                Change = ChangeLimits.Default with { MaxOps = Math.Min(options.MaxDocumentRows, ChangeLimits.Default.MaxOps) },
                TailChangesMax = options.CompactAfterChanges,
                Validation = options.Validation,
            }),
        });
        _engine.Metrics.Meter.ShowLevel("ratatoskr.control_log.waiting", "{change}", "changes of access that are not in force yet", () => control.Waiting);
        if (Accounts is not null)
        {
            Connect(Accounts, _engine);
            Blobs = await BlobServices.OpenAsync(options, Accounts, way, _engine.Metrics.Meter, loggers, cancel).ConfigureAwait(false);
        }

        await rehearsing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    public Task CommitAsync(CancellationToken cancel) => _engine!.CommitAsync(cancel);

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info) => _engine!.Accept(connection, info);

    public async ValueTask DisposeAsync()
    {
        if (_engine is not null) await _engine.DisposeAsync().ConfigureAwait(false);
        if (Blobs is not null) await Blobs.DisposeAsync().ConfigureAwait(false);
        _workers.Dispose();
        if (Accounts is not null) await Accounts.DisposeAsync().ConfigureAwait(false);
        if (_store is not null) await _store.DisposeAsync().ConfigureAwait(false);
    }

    private static void Connect(AccountServices accounts, SyncEngine engine)
    {
        accounts.Directory.DeleteContent = engine.DeleteAsync;
        accounts.Directory.Metrics = engine.Metrics;
        engine.Metrics.Meter.ShowLevel("ratatoskr.access.records", "{document}", "documents whose owner and access list are in memory", () => accounts.Access.RecordCount);
    }

    private static ulong RandomKey()
    {
        Span<byte> key = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(key);
        return BinaryPrimitives.ReadUInt64LittleEndian(key);
    }
}
