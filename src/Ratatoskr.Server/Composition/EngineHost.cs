using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Server.Configuration;
using Ratatoskr.Storage.Embedded;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Server.Composition;

/// <summary>The sync engine over the embedded store.</summary>
internal sealed class EngineHost(ServerOptions options) : IEngineHost, ISyncEndpoint
{
    private SyncEngine? _engine;

    public ISyncEndpoint Endpoint => this;

    public string? NotReadyBecause => _engine is null ? "the engine starts" : null;

    public Task StartAsync(ILoggerFactory loggers, CancellationToken cancel)
    {
        EmbeddedControlLog control = new();
        _engine = new SyncEngine(new SyncEngineOptions
        {
            Store = new InMemoryChunkStore(),
            Control = control,
            Feed = new SilentNodeFeed(),
            Authenticator = new OpenAuthenticator(),
            Access = new OpenAccessPolicy(control),
            Time = TimeProvider.System,
            Log = new EngineLog(loggers.CreateLogger("Ratatoskr.Engine")),
            StorageId = Guid.NewGuid().ToString(),
            HashKey = RandomKey(),
            Shards = options.ShardCount,
            Limits = new EngineLimits { MemoryBudgetBytes = (long)options.MemoryBudgetMb << 20 },
        });
        return Task.CompletedTask;
    }

    public Task CommitAsync(CancellationToken cancel) => _engine!.CommitAsync(cancel);

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info) => _engine!.Accept(connection, info);

    public async ValueTask DisposeAsync()
    {
        if (_engine is not null) await _engine.DisposeAsync().ConfigureAwait(false);
    }

    private static ulong RandomKey()
    {
        Span<byte> key = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(key);
        return BinaryPrimitives.ReadUInt64LittleEndian(key);
    }
}
