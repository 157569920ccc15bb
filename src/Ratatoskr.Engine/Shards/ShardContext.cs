using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Shards;

/// <summary>What all shards share.</summary>
/// <param name="HashKey">Keys the change graphs' tables, so that ground hashes cannot be made to collide.</param>
internal sealed record ShardContext(
    int ShardCount,
    PeerId ServerPeerId,
    StorageId ServerStorageId,
    IAccessPolicy Access,
    IControlLog Control,
    EngineLimits Limits,
    EngineMetrics Metrics,
    EngineLog Log,
    ulong HashKey,
    Workers Workers,
    QuotaLedger? Ledger);
