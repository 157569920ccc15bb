using Ratatoskr.Engine.Access;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Protocol.WebSockets;

namespace Ratatoskr.Engine.Sessions;

/// <summary>What came of wanting a peer id.</summary>
internal enum JoinOutcome : byte
{
    Joined,

    /// <summary>It belongs to somebody else.</summary>
    Refused,

    /// <summary>Only if its holder is gone: ask it, then try again.</summary>
    AskHolder,
}

/// <summary>
/// Who is connected, and which connection speaks for which peer id. A second join replaces the first: its session ends for every shard before the new one is announced.
/// Credentials that end take their sessions with them.
/// </summary>
/// <remarks>Safe on any thread. Bounded by the number of connections.</remarks>
internal sealed class SessionRegistry(IAccessPolicy access, EngineMetrics metrics)
{
    private readonly Dictionary<PeerId, PeerSession> _sessions = new(PeerId.Comparer.Instance);
    private readonly HashSet<PeerSession> _authenticated = [];
    private readonly Lock _gate = new();
    private long _revocations;

    /// <summary>Sessions with a peer id.</summary>
    public int Count
    {
        get
        {
            lock (_gate) return _sessions.Count;
        }
    }

    /// <summary>Grows with every revocation. A credential looked at under one number may not be valid under the next.</summary>
    public long Revocations
    {
        get
        {
            lock (_gate) return _revocations;
        }
    }

    /// <summary>Gives a session its principal, whose credential was found valid after <paramref name="revocations"/> were known.</summary>
    /// <returns>false: something was revoked meanwhile; look at the credential again.</returns>
    public bool TryAuthenticate(PeerSession session, Principal principal, long revocations)
    {
        lock (_gate)
        {
            if (revocations != _revocations) return false;
            session.Principal = principal;
            if (!session.IsEnded) _authenticated.Add(session);
            return true;
        }
    }

    /// <param name="silent">The holder that was asked and did not answer; null when none was.</param>
    /// <param name="holder">Whom to ask.</param>
    public JoinOutcome Join(PeerSession session, PeerSession? silent, out PeerSession? holder)
    {
        lock (_gate)
        {
            if (_sessions.TryGetValue(session.PeerId, out holder) && holder != session)
            {
                Takeover takeover = access.MayReplace(holder.Principal, session.Principal);
                if (takeover == Takeover.Refuse) return JoinOutcome.Refused;
                if (takeover == Takeover.IfSilent && holder != silent) return JoinOutcome.AskHolder;
            }

            _sessions[session.PeerId] = session;
        }

        if (holder is not null && holder != session)
        {
            metrics.SessionReplaced();
            holder.End();
            holder.Connection.Close(CloseCode.Normal, "replaced by a newer connection of the same peer");
        }

        return JoinOutcome.Joined;
    }

    public void Leave(PeerSession session)
    {
        lock (_gate)
        {
            _authenticated.Remove(session);
            if (!session.PeerId.IsDefault && _sessions.TryGetValue(session.PeerId, out PeerSession? current) && current == session) _sessions.Remove(session.PeerId);
        }
    }

    /// <summary>A session, API token or user was revoked: whoever came with it is sent away. When this returns, nothing of them is taken any more.</summary>
    public void Revoke(string subject)
    {
        List<PeerSession>? revoked = null;
        lock (_gate)
        {
            _revocations++;
            foreach (PeerSession session in _authenticated)
            {
                if (session.Principal.IsMeantBy(subject)) (revoked ??= []).Add(session);
            }
        }

        foreach (PeerSession session in revoked ?? []) session.Revoke();
    }

    /// <summary>Time has passed: sessions whose credentials have ended are sent away, and those that were too fast are heard again.</summary>
    public void Tick(Timestamp now)
    {
        List<PeerSession>? due = null;
        lock (_gate)
        {
            foreach (PeerSession session in _authenticated)
            {
                if (session.IsDue(now)) (due ??= []).Add(session);
            }
        }

        foreach (PeerSession session in due ?? []) session.Tick(now);
    }
}
