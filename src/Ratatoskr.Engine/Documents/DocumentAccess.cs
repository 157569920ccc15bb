using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Documents;

/// <summary>Who may do what with a document: decisions are cached in its links and made anew when its access has moved.</summary>
/// <remarks>Owned by the document.</remarks>
internal sealed class DocumentAccess(DocumentActor document, Shard shard)
{
    private uint _version = 1;

    /// <summary>Decisions made so far count no more.</summary>
    public void Forget() => _version++;

    /// <summary>Whether the peer may read, by the cached decision or a new one; tells it when it no longer may.</summary>
    public bool MayRead(PeerLink link, IEffects effects)
    {
        if (link.DecidedAtVersion != _version)
        {
            if (!shard.Access.TryDecide(link.Session.Principal, document.Id, default, out AccessDecision decision)) return false;
            link.Decision = decision;
            link.DecidedAtVersion = _version;
            link.State.ReadOnly = link.Refused || !link.Decision.MayWrite;
            if (link.Decision.MayRead) link.Denied = false;
        }

        if (link.Decision.MayRead) return true;
        if (link.Denied) return false;
        link.Denied = true;
        effects.SendError(shard, link.Session, ErrorCodes.PermissionDenied, "Read access required", document.Id);
        effects.SendUnavailable(shard, link.Session, document.Id);
        return false;
    }

    /// <summary>A grant or a revocation: it binds open connections at once, and gives another chance to those that were refused.</summary>
    public void Changed(Timestamp now, IEffects effects)
    {
        Forget();
        for (int i = document.Links.Count - 1; i >= 0; i--)
        {
            PeerLink link = document.Links[i];
            bool wasDenied = link.Denied, wasRefused = link.Refused;
            Permission before = link.Decision.Permission;
            link.Refused = false;
            if (!MayRead(link, effects)) continue;
            if (wasDenied)
            {
                if (document.Content is not null && document.Writes.HasUncommitted) document.Writes.Hold(link);
                link.AskAgain();                                  // what it said meanwhile was not listened to
                link.Wants = true;
                link.WantsUntil = now.AfterMs(shard.Limits.ProviderTimeoutMs);
            }

            if (wasDenied || wasRefused || link.Decision.Permission != before) document.Mark(link);
        }
    }
}
