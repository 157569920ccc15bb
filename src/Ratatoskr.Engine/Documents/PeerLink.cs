using Automerge.Sync;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Sessions;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Documents;

/// <summary>One session's interest in one document: its sync state, what it may do, and what it is owed.</summary>
/// <remarks>Owned by the document's shard.</remarks>
internal sealed class PeerLink(PeerSession session, SessionSlot slot, DocumentActor document)
{
    public PeerSession Session { get; } = session;

    /// <summary>What the shard keeps of the session, also after it has left: its share of what may wait counts on.</summary>
    public SessionSlot Slot { get; } = slot;

    public DocumentActor Document { get; } = document;

    public SyncState State { get; set; } = new();

    /// <summary>The cached access decision; good while <see cref="DecidedAtVersion"/> is the document's.</summary>
    public AccessDecision Decision { get; set; }

    public uint DecidedAtVersion { get; set; }

    /// <summary>Until when the decision lets it read: all that is looked at while it is good. In the past when it does not, or there is none.</summary>
    public Timestamp ReadsUntil { get; set; }

    /// <summary>When the policy may be asked again, after it failed.</summary>
    public Timestamp AskNotBefore { get; set; }

    /// <summary>Access was changed since it was refused.</summary>
    public bool HasAnotherChance { get; set; }

    /// <summary>Bytes it wanted to write beyond a quota: it is read-only until there is room for them. 0: none.</summary>
    public long OverQuotaBytes { get; set; }

    /// <summary>It was told that its changes cannot be stored now: it is read-only until they can.</summary>
    public bool Unstored { get; set; }

    /// <summary>Its changes are not taken.</summary>
    public bool IsReadOnly => Refused || OverQuotaBytes > 0 || Unstored || !Decision.MayWrite;

    /// <summary>
    /// The store operation that holds this peer's last own changes. Until it is committed nothing is sent to the peer for this document:
    /// any frame would carry heads that confirm what is not yet on disk.
    /// </summary>
    public ulong OwnChangesIn { get; set; }

    /// <summary>Something may have to be sent; the link is in the document's list of those, or waits for its socket or its commit.</summary>
    public bool Dirty { get; set; }

    /// <summary>In the document's dirty list of this turn.</summary>
    public bool Listed { get; set; }

    /// <summary>Wrote in this turn, under this fence; its changes get their store operation at the end of it.</summary>
    public Fence? WroteUnder { get; set; }

    /// <summary>May not be answered before what was taken up to this turn is on disk: it wrote, or may be the author of what another has written.</summary>
    public bool AwaitsCommit { get; set; }

    /// <summary>Said last that it has changes we lack, or has not been heard: some of those that others bring may be its own.</summary>
    public bool ClaimsUnknown { get; set; } = true;

    /// <summary>Sent changes that went to the queue at some time.</summary>
    public bool HasQueued { get; set; }

    /// <summary>Asked for a document that has no content and was not told yet that it is unavailable.</summary>
    public bool Wants { get; set; }

    /// <summary>When to tell it so even though another peer claims to have the document.</summary>
    public Timestamp WantsUntil { get; set; }

    /// <summary>Said that it has changes we lack, and has not said otherwise since.</summary>
    public bool Provides { get; set; }

    /// <summary>Was told that it may not read; a grant makes it whole again.</summary>
    public bool Denied { get; set; }

    /// <summary>Was told so because the document is not there.</summary>
    public bool DeniedAsMissing { get; set; }

    /// <summary>Sent a change that was refused; its further changes are ignored and it was told once.</summary>
    public bool Refused { get; set; }

    /// <summary>Its persisted sync state was asked for.</summary>
    public bool StateAsked { get; set; }

    /// <summary>Its persisted sync state was asked for and is not here yet.</summary>
    public bool AwaitsState { get; set; }

    /// <summary>The shared heads that were last given to the store, to save only what changed.</summary>
    public int SavedSharedHash { get; set; }

    /// <summary>Whole documents and resets it may still be sent in this second.</summary>
    public int WholeSendsLeft { get; set; }

    /// <summary>What the shard was charged for the link.</summary>
    public long ChargedBytes { get; set; }

    /// <summary>
    /// A sync message of it was taken, or it was asked to speak. Before that nothing is said to it: its first message, which may wait, says what it has.
    /// </summary>
    public bool Heard { get; set; }

    /// <summary>What it said was not heard, or was lost: it must be spoken to, even about a document without content.</summary>
    public bool MustAsk { get; private set; }

    /// <summary>Said last that it has nothing.</summary>
    public bool HasNothing { get; set; }

    /// <summary>Said once that it has something. If it says otherwise later it may be its author all the same.</summary>
    public bool HadSomething { get; set; }

    /// <summary>It has sent changes that nobody has looked at.</summary>
    public bool HasLostChanges { get; set; }

    /// <summary>Messages of it that wait for the document.</summary>
    public int WaitingInputs { get; set; }

    /// <summary>Its session has left: it is closed when the last of its messages that wait is taken.</summary>
    public bool Leaves { get; set; }

    public bool Closed { get; set; }

    /// <summary>What the peer said was not heard, or is lost on our side: the next message asks for it. Until then it may be the author of whatever others bring.</summary>
    public void AskAgain()
    {
        State.AskAgain(HasLostChanges);
        ClaimsUnknown = true;
        MustAsk = true;
        Dirty = true;
    }

    /// <summary>What it was refused for may be allowed now.</summary>
    public void GiveAnotherChance()
    {
        HasAnotherChance |= Refused || OverQuotaBytes > 0;
        Refused = false;
        OverQuotaBytes = 0;
    }

    /// <summary>Tells it with every message whether it may write.</summary>
    public void UpdateReadOnly() => State.ReadOnly = IsReadOnly;

    /// <summary>The same, and it has sent changes that were not taken.</summary>
    public void AskForLost()
    {
        HasLostChanges = true;
        AskAgain();
    }

    /// <summary>It has been spoken to.</summary>
    public void Spoken()
    {
        MustAsk = false;
        HasLostChanges = false;
        Heard = true;
        Dirty = false;
    }
}
