using Ratatoskr.Engine.Shards;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// What of a document's content is not on disk yet, and who must not be answered before it is: the writers, and those who may be authors
/// of what others have brought.
/// </summary>
/// <remarks>Owned by the document.</remarks>
internal sealed class DocumentWrites(DocumentActor document, Shard shard)
{
    // In no store operation yet.
    private const ulong NotStored = ulong.MaxValue;

    private readonly StoreQueue _store = new();
    private readonly List<PeerLink> _held = new(0);           // those that await a commit and do not know yet which
    private List<(ulong After, ControlDelivery Change)>? _settling;
    private int _unstoredFrom;

    /// <summary>The last store operation known to be on disk, with all before it.</summary>
    public ulong Committed => _store.Committed;

    /// <summary>Store operations are on their way.</summary>
    public bool IsStoring => _store.Count > 0;

    /// <summary>Changes of the content that no store operation holds yet.</summary>
    public bool HasUnstored => _unstoredFrom < document.Content!.Graph.Count;

    public bool HasUncommitted => IsStoring || HasUnstored;

    /// <summary>Something could not be stored, and will be tried again.</summary>
    public bool HasFailed => _store.HasFailed;

    /// <summary>Control changes wait for what was taken before them.</summary>
    public bool IsSettling => _settling is not null;

    /// <summary>The store still has what nobody waits for any more: what is read before it has answered may lack that, and the disk have it afterwards.</summary>
    public bool HasGivenUp => _store.HasGivenUp;

    /// <summary>What is surely on disk: a snapshot of it may replace what the store has of it.</summary>
    public StoredPart Stored => _store.Stored;

    /// <summary>Content was read: all of it is stored.</summary>
    public void Begin(DocumentContent content)
    {
        _unstoredFrom = content.Graph.Count;
        _store.Begin(new StoredPart(content.Graph.Count, content.LastSequence));
    }

    /// <summary>A peer has written, as it was allowed to by a decision under this fence.</summary>
    public void Wrote(PeerLink link, Fence authorisedUnder)
    {
        if (link.WroteUnder is not { } before || IsOlder(authorisedUnder, before)) link.WroteUnder = authorisedUnder;
        Hold(link);
    }

    /// <summary>Nothing more is said to a peer for this document until what was taken so far is on disk.</summary>
    public void Hold(PeerLink link)
    {
        if (link.AwaitsCommit) return;
        link.AwaitsCommit = true;
        _held.Add(link);
    }

    // Whose queued changes came free is not kept, and their authors may have another connection by now: nobody is answered before they are on disk.
    public void HoldAll()
    {
        foreach (PeerLink link in document.Links) Hold(link);
    }

    /// <summary>The peer waits for what is not on disk yet.</summary>
    public bool IsOwedTo(PeerLink link) => link.AwaitsCommit || link.OwnChangesIn > Committed;

    // A peer that has what we have not given it may be its author: it came to us through another peer, or on the peer's last connection.
    // So may one that claimed what we do not know until this very message, of what this turn has taken so far.
    public void HoldIfPerhapsAuthor(PeerLink link)
    {
        if (link.State.HasTheirHeads ? link.ClaimsUnknown && HasUnstored : HasUncommitted) Hold(link);
    }

    /// <summary>At the end of a turn: the changes taken in it go to the store, in one operation where their bytes lie together.</summary>
    public void Store(IEffects effects)
    {
        if (document.Content is not { } content) return;
        if (HasUnstored)
        {
            foreach (PeerLink link in document.Links)
            {
                if (link.ClaimsUnknown) Hold(link);
            }
        }

        if (_store.HoldsSnapshot) return;
        while (HasUnstored)
        {
            ReadOnlyMemory<byte> chunks = content.ChangesFrom(_unstoredFrom, out _unstoredFrom);
            content.LastSequence++;
            AppendBatch batch = new(document.Id, chunks, content.Graph.Heads.ToArray());
            _store.Start(new StoreOperation(_store.NextNumber(), new StoredPart(_unstoredFrom, content.LastSequence), batch, WriteFence()), effects);
        }

        foreach (PeerLink link in _held)
        {
            link.WroteUnder = null;
            link.AwaitsCommit = false;
            link.OwnChangesIn = _store.Last;
        }

        _held.Clear();
        if (_settling is not null) SettleAfter(_store.Last);
        shard.Recharge(document);
    }

    /// <summary>The content's snapshot, just received, goes to the store in place of all that is there.</summary>
    public void StoreSnapshot(SnapshotBody body, IEffects effects)
    {
        DocumentContent content = document.Content!;
        StoredPart after = new(content.SnapshotRows, content.LastSequence);
        StoreOperation operation = new(_store.NextNumber(), after, document.Id, content.Version, body, new TailRange(content.LastSequence), WriteFence());
        content.Version = new SnapshotVersion(content.Version.Value + 1);
        _unstoredFrom = content.SnapshotRows;
        _store.Start(operation, effects);
    }

    /// <returns>false: the result is of an operation that is not waited for any more.</returns>
    public bool Awaits(ulong number) => _store.Awaits(number);

    public void Complete(ulong number)
    {
        _store.Complete(number);
        ReleaseSettled();
        foreach (PeerLink link in document.Links)
        {
            if (link.Dirty && link.OwnChangesIn <= Committed) document.Mark(link);
        }

        if (!_store.HoldsSnapshot && document.Content is not null && HasUnstored) shard.MarkDirty(document);
    }

    /// <summary>Holds a control change back until what was taken so far is on disk or given up.</summary>
    public void Settle(ControlDelivery change)
    {
        bool hasUnstored = document.IsLent || (document.Content is not null && HasUnstored);
        if (!hasUnstored && !IsStoring && !_store.HasGivenUp) return;
        change.Hold();
        (_settling ??= []).Add((hasUnstored ? NotStored : _store.Last, change));
    }

    /// <summary>The store has answered, one way or the other.</summary>
    public void Returned(ulong number)
    {
        _store.Returned(number);
        ReleaseSettled();
    }

    /// <summary>An operation may not have been stored; it will be sent again.</summary>
    public void Failed() => _store.Failed();

    /// <summary>Sends every unanswered store operation again, in order; repeating one that was stored does no harm.</summary>
    public void Retry(IEffects effects) => _store.Retry(effects);

    /// <summary>Gives up waiting, after the content was given up: what the store holds is read anew.</summary>
    public void Clear()
    {
        _store.Clear();
        foreach (PeerLink link in _held)
        {
            link.WroteUnder = null;
            link.AwaitsCommit = false;
        }

        _held.Clear();
        if (_settling is not null) SettleAfter(_store.Last);
    }

    /// <summary>The same after an internal error: nobody hears of results any more.</summary>
    public void Abandon()
    {
        Clear();
        foreach ((_, ControlDelivery change) in _settling ?? []) change.Release();
        _settling = null;
    }

    // Everything taken so far is in operations up to this one.
    private void SettleAfter(ulong number)
    {
        for (int i = 0; i < _settling!.Count; i++)
        {
            if (_settling[i].After == NotStored) _settling[i] = (number, _settling[i].Change);
        }

        ReleaseSettled();
    }

    private void ReleaseSettled()
    {
        if (_settling is null || _store.HasGivenUp) return;
        for (int i = _settling.Count - 1; i >= 0; i--)
        {
            if (_settling[i].After > Committed) continue;
            _settling[i].Change.Release();
            _settling.RemoveAt(i);
        }

        if (_settling.Count == 0) _settling = null;
    }

    // The oldest decision among this turn's writers: what any of them may no longer do must not be stored.
    private Fence WriteFence()
    {
        Fence? fence = null;
        foreach (PeerLink link in _held)
        {
            if (link.WroteUnder is { } own && (fence is not { } oldest || IsOlder(own, oldest))) fence = own;
        }

        return fence ?? shard.CurrentFence;
    }

    private static bool IsOlder(Fence one, Fence other) => (one.Epoch, one.Control).CompareTo((other.Epoch, other.Control)) < 0;
}
