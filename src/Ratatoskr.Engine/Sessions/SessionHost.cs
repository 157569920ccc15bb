using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Sessions;

/// <summary>What every session needs of the engine. Safe on any thread.</summary>
internal sealed record SessionHost(
    ShardSet Shards,
    SessionRegistry Registry,
    IAuthenticator Authenticator,
    PeerId ServerPeerId,
    StorageId ServerStorageId,
    EngineLimits Limits,
    EngineMetrics Metrics,
    EngineLog Log,
    EngineClock Clock,
    RateLimiter? Limiter,
    ClientAddress Addresses)
{
    private int _clients;

    /// <summary>Names connections of the original client, which says none itself.</summary>
    public int NextClientNumber() => Interlocked.Increment(ref _clients);
}
