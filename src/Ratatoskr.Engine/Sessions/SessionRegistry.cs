using Ratatoskr.Engine.Access;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Sessions;

/// <summary>Which connection speaks for which peer id. A second join replaces the first: its session ends for every shard before the new one is announced.</summary>
/// <remarks>Safe on any thread. Bounded by the number of connections.</remarks>
internal sealed class SessionRegistry(IAccessPolicy access, EngineMetrics metrics)
{
    private readonly Dictionary<PeerId, PeerSession> _sessions = new(PeerId.Comparer.Instance);
    private readonly Lock _gate = new();

    public int Count
    {
        get
        {
            lock (_gate) return _sessions.Count;
        }
    }

    /// <returns>false: the id belongs to a peer whose principal is another, and the policy does not let it go.</returns>
    public bool TryJoin(PeerSession session)
    {
        PeerSession? replaced;
        lock (_gate)
        {
            if (_sessions.TryGetValue(session.PeerId, out replaced) && access.MayReplace(replaced.Principal, session.Principal) != Takeover.Replace) return false;
            _sessions[session.PeerId] = session;
        }

        if (replaced is not null && replaced != session)
        {
            metrics.SessionReplaced();
            replaced.End();
            replaced.Connection.Close(CloseCode.Normal, "replaced by a newer connection of the same peer");
        }

        return true;
    }

    public void Leave(PeerSession session)
    {
        lock (_gate)
        {
            if (_sessions.TryGetValue(session.PeerId, out PeerSession? current) && current == session) _sessions.Remove(session.PeerId);
        }
    }
}
