using Ratatoskr.Engine.Sessions;
using Ratatoskr.Protocol;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Server.Composition;

/// <summary>Stands where the engine will: sends every peer away with 1013, so a client tries again later instead of losing an edit.</summary>
internal sealed class NoEngine : IEngineHost, ISyncEndpoint
{
    private const string Reason = "no engine is wired in";

    public ISyncEndpoint Endpoint => this;

    public string? NotReadyBecause => Reason;

    public Task StartAsync(CancellationToken cancel) => Task.CompletedTask;

    public Task CommitAsync(CancellationToken cancel) => Task.CompletedTask;

    public IPeerSession Accept(IPeerConnection connection, ConnectionInfo info) => throw new ProtocolException(CloseCode.TryAgainLater, Reason);

    public ValueTask DisposeAsync() => default;
}
