using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// Who may do what with a document: decisions are kept in its links and made anew when its access has moved. What the policy does not know by heart is asked elsewhere,
/// one question at a time; the document's inputs wait for the answer, so that nothing is done under a decision that is none yet. An answer that was being made while access moved
/// counts for nothing.
/// </summary>
/// <remarks>Owned by the document.</remarks>
internal sealed class DocumentAccess(DocumentActor document, Shard shard)
{
    // The policy failed: it is asked again a little later.
    private const int AskAgainMs = 1_000;

    private uint _version = 1;
    private bool _asked;

    /// <summary>Whether the peer may read now. One comparison while a decision is good; else it is decided, and the peer told when it may not, or may no longer.</summary>
    /// <returns>false, and <see cref="IsUndecided"/>: not known yet.</returns>
    public bool MayRead(PeerLink link, IEffects effects) => shard.Now < link.ReadsUntil || Decide(link, effects);

    /// <summary>Whether what a worker has made of the peer's changes may be taken. Asks nobody: the peer may be gone.</summary>
    public bool MayStillWrite(PeerLink link) => link.DecidedAtVersion == _version && shard.Now < link.ReadsUntil && link.Decision.MayWrite && !link.Session.IsRevoked;

    public bool IsUndecided(PeerLink link) => link.DecidedAtVersion != _version || shard.Now >= link.Decision.ExpiresAt;

    /// <summary>Decisions made so far count no more.</summary>
    public void Forget()
    {
        _version++;
        foreach (PeerLink link in document.Links) link.ReadsUntil = default;
    }

    /// <summary>A grant or a revocation: it binds open connections at once, and gives another chance to those that were refused.</summary>
    public void Changed(IEffects effects)
    {
        Forget();
        foreach (PeerLink link in document.Links) link.GiveAnotherChance();
        DecideAll(effects);
    }

    /// <summary>The peer has shown another credential.</summary>
    public void Renewed(PeerLink link, IEffects effects)
    {
        link.ReadsUntil = default;
        link.DecidedAtVersion--;
        link.GiveAnotherChance();
        MayRead(link, effects);
    }

    /// <summary>The answer to the question under way is here.</summary>
    public void Answered(AccessQuestion question, IEffects effects)
    {
        _asked = false;
        if (question.Version == _version && question.Link is { Closed: false } link && IsUndecided(link))
        {
            if (question.Error is not null || !TryTake(link, question.Answer, effects)) Fail(link, question.Error, effects);
        }

        DecideAll(effects);
    }

    /// <summary>Time has passed: what has expired is told to idle peers too.</summary>
    public void Tick(IEffects effects) => DecideAll(effects);

    private void DecideAll(IEffects effects)
    {
        for (int i = document.Links.Count - 1; i >= 0; i--)
        {
            PeerLink link = document.Links[i];
            if (IsUndecided(link)) MayRead(link, effects);
        }
    }

    private bool Decide(PeerLink link, IEffects effects)
    {
        if (!IsUndecided(link) || shard.Now < link.AskNotBefore) return false;
        if (shard.Access.TryDecide(link.Session.Principal, document.Id, shard.Now, out AccessDecision decision) && TryTake(link, decision, effects)) return link.Decision.MayRead;
        if (_asked) return false;
        _asked = true;
        document.AwaitAccess();
        effects.Decide(new AccessQuestion(document, link, _version));
        return false;
    }

    private bool TryTake(PeerLink link, in AccessDecision decision, IEffects effects)
    {
        if (!document.Quota.TryAttach(decision)) return false;
        bool isNew = link.DecidedAtVersion == 0;
        bool hasChanged = link.HasAnotherChance || decision.Permission != link.Decision.Permission;
        link.HasAnotherChance = false;
        link.Decision = decision;
        link.DecidedAtVersion = _version;
        link.ReadsUntil = decision.MayRead ? decision.ExpiresAt : default;
        link.UpdateReadOnly();
        if (!decision.MayRead)
        {
            Deny(link, effects);
            return true;
        }

        bool wasDenied = link.Denied;
        link.Denied = false;
        if (wasDenied)
        {
            if (document.Content is not null && document.Writes.HasUncommitted) document.Writes.Hold(link);
            link.AskAgain();                                      // what it said meanwhile was not listened to
            link.Wants = true;
            link.WantsUntil = shard.Now.AfterMs(shard.Limits.ProviderTimeoutMs);
        }

        if (wasDenied || link.Dirty || (hasChanged && !isNew)) document.Mark(link);
        if (wasDenied || isNew) shard.Gossip.Opened(link, effects);
        return true;
    }

    private void Deny(PeerLink link, IEffects effects)
    {
        if (link.Denied && link.DeniedAsMissing == !link.Decision.Exists) return;
        link.Denied = true;
        link.DeniedAsMissing = !link.Decision.Exists;
        shard.Metrics.DocumentRefused(link.Decision.Exists ? DocumentRefusal.Denied : DocumentRefusal.NotRegistered);
        if (link.Decision.Exists) effects.SendError(shard, link.Session, ErrorCodes.PermissionDenied, "Read access required", document.Id);
        else effects.SendError(shard, link.Session, ErrorCodes.DocumentNotFound, "Document must be created via API before syncing", document.Id);
        effects.SendUnavailable(shard, link.Session, document.Id);
        shard.CountAbsent(link.Session);
    }

    // Nobody waits for ever: the peer is told, and heard again as soon as it can be decided about.
    private void Fail(PeerLink link, Exception? cause, IEffects effects)
    {
        link.AskNotBefore = shard.Now.AfterMs(AskAgainMs);
        shard.Log.AccessFailed(document.Id, cause);
        shard.Metrics.StoreFailed(StoreCall.Decide);
        if (link.Denied) return;
        shard.Metrics.DocumentRefused(DocumentRefusal.Undecided);
        link.Denied = true;
        effects.SendError(shard, link.Session, ErrorCodes.InternalError, "Access cannot be decided at the moment", document.Id);
        effects.SendUnavailable(shard, link.Session, document.Id);
    }
}
