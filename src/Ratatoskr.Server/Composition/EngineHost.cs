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
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Server.Configuration;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.Faster;

namespace Ratatoskr.Server.Composition;

/// <summary>The sync engine over the embedded store.</summary>
internal sealed class EngineHost(ServerOptions options) : IEngineHost, ISyncEndpoint
{
    private FasterChunkStore? _store;
    private SyncEngine? _engine;

    public ISyncEndpoint Endpoint => this;

    public AccountServices? Accounts { get; private set; }

    public DocumentContents Contents => _engine!.Contents;

    public string? NotReadyBecause => _engine is null ? "the engine starts" : null;

    public async Task StartAsync(ILoggerFactory loggers, IMeterFactory meters, CancellationToken cancel)
    {
        _store = await FasterChunkStore.OpenAsync(new FasterStoreOptions
        {
            Folder = options.DataDirectory,
            Logger = loggers.CreateLogger("Ratatoskr.Storage"),
        }).ConfigureAwait(false);
        EmbeddedControlLog control = new();
        if (options.AccessMode == AccessMode.Accounts) Accounts = await AccountServices.OpenAsync(options, _store, control, loggers).ConfigureAwait(false); // the folder is ours by now
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
            Limiter = Accounts?.Limiter,
            Addresses = options.Accounts.Clients,
            Ledger = Accounts?.Ledger,
            Limits = new EngineLimits
            {
                MemoryBudgetBytes = (long)options.MemoryBudgetMb << 20,
                Document = DocumentLimits.Default with { MaxRows = options.MaxDocumentRows },
                Change = ChangeLimits.Default with { MaxOps = Math.Min(options.MaxDocumentRows, ChangeLimits.Default.MaxOps) },
                TailChangesMax = options.CompactAfterChanges,
                Validation = options.Validation,
            },
        });
        if (Accounts is not null) Accounts.Directory.DeleteContent = _engine.DeleteAsync;
    }

    public Task CommitAsync(CancellationToken cancel) => _engine!.CommitAsync(cancel);

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info) => _engine!.Accept(connection, info);

    public async ValueTask DisposeAsync()
    {
        if (_engine is not null) await _engine.DisposeAsync().ConfigureAwait(false);
        if (Accounts is not null) await Accounts.DisposeAsync().ConfigureAwait(false);
        if (_store is not null) await _store.DisposeAsync().ConfigureAwait(false);
    }

    private static ulong RandomKey()
    {
        Span<byte> key = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(key);
        return BinaryPrimitives.ReadUInt64LittleEndian(key);
    }
}
