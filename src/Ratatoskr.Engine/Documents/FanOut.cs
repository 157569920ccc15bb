using Automerge.Sync;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Shards;
using Ratatoskr.Protocol.Messages;

namespace Ratatoskr.Engine.Documents;

/// <summary>
/// Speaks to a document's peers at the end of a turn: for each marked link one message that brings the peer from where it is to now, or nothing.
/// Peers in the same state share one encoded body; only the envelope names them. A peer whose socket is full, or whose own changes are not on disk yet,
/// stays marked and is spoken to later: what it is owed is a state, not a queue.
/// </summary>
/// <remarks>One per shard; reuses its plans and buffers.</remarks>
internal sealed class FanOut(Shard shard)
{
    // Distinct messages remembered within one document's turn: readers are in one or two states, rarely more.
    private const int SharedMax = 4;

    private readonly SyncPlan[] _plans = [new(), new(), new(), new(), new()];
    private readonly SharedBuffer?[] _bodies = new SharedBuffer?[SharedMax + 1];
    private readonly SharedBufferWriter _writer = new();
    private int _next;

    /// <summary>After an exception: nothing half written may get into the next message.</summary>
    public void Reset()
    {
        _writer.Detach().Release();
        ReleaseBodies();
    }

    public void Flush(DocumentActor document, Timestamp now, IEffects effects)
    {
        if (document.IsLent) return;                                      // listed again when it is back
        document.Writes.Store(effects);
        List<PeerLink> dirty = document.DirtyLinks;
        for (int i = 0; i < dirty.Count; i++)
        {
            PeerLink link = dirty[i];
            link.Listed = false;
            if (!link.Closed && link.Dirty) Speak(document, link, now, effects);
        }

        dirty.Clear();
        document.Content?.DropRecreated();                                // whoever needed them has them, or asks again
        ReleaseBodies();
    }

    private void ReleaseBodies()
    {
        for (int i = 0; i < _bodies.Length; i++)
        {
            _bodies[i]?.Release();
            _bodies[i] = null;
        }

        _next = 0;
    }

    private void Speak(DocumentActor document, PeerLink link, Timestamp now, IEffects effects)
    {
        if (link.AwaitsCommit || link.OwnChangesIn > document.Writes.Committed) return; // marked again when it is committed
        if (!link.Session.Connection.IsWritable) return;                  // marked again when it has drained
        if (!document.Access.MayRead(link, effects))
        {
            if (!document.Access.IsUndecided(link)) link.Dirty = false; // else marked again when it is decided
            return;
        }

        if (document.Content is not { } content)
        {
            document.LoadAgain(now, effects);                             // marked again when it is loaded
            return;
        }

        if (!link.Heard && !link.MustAsk)
        {
            link.Dirty = false;                                           // marked when its first message is taken
            return;
        }

        if (link.Session.Local is { } local)
        {
            local.Acknowledge(content.Graph);
            link.Spoken();
            return;
        }

        if (content.Graph.Count > 0) link.Wants = false;
        else if (link.Wants)
        {
            if (document.HasProvider() && now < link.WantsUntil) return;  // marked again by the provider's answer, its end, or time
            link.Wants = false;
            effects.SendUnavailable(shard, link.Session, document.Id);
            shard.CountAbsent(link.Session);
        }

        if (content.Graph.Count == 0 && !link.Provides && !link.MustAsk)
        {
            link.Dirty = false;
            return;
        }

        SyncPlan plan = _plans[_next];
        SyncSession.Generate(content.Graph, content.Queue, link.State, SyncMode.Server, plan, content.FirstRowWithBytes);
        if (plan.Kind == SyncPlanKind.Nothing)
        {
            link.Spoken();
            return;
        }

        if (plan.SendsDocument || plan.Kind == SyncPlanKind.Reset)
        {
            if (link.WholeSendsLeft == 0)
            {
                shard.Metrics.DocumentDeferred();                         // marked again by the tick
                return;
            }

            link.WholeSendsLeft--;
        }
        else if (RowsToRecreate(content, plan) is { } rows)
        {
            document.AskToRecreate(rows, effects);
            return;                                                       // marked again when they are there
        }

        SharedBuffer body = BodyOf(plan, content);
        byte[] envelope = shard.Scratch;
        int length = MessageWriter.WriteSyncEnvelope(envelope, shard.ServerPeerId, link.Session.PeerId.Text, document.Id.Text, request: false, body.Length);
        effects.Send(link.Session, envelope.AsSpan(0, length), body);
        SyncSession.Commit(plan, content.Graph, link.State);
        link.Spoken();
        shard.Metrics.Sent(SentMessage.Sync);
    }

    private SharedBuffer BodyOf(SyncPlan plan, DocumentContent content)
    {
        for (int i = 0; i < _plans.Length; i++)
        {
            if (i != _next && _bodies[i] is { } shared && _plans[i].SameMessageAs(plan)) return shared;
        }

        SyncSession.Write(plan, content.Graph, _writer, content);
        SharedBuffer body = _writer.Detach();
        _bodies[_next] = body;
        _next = (_next + 1) % _plans.Length;
        _bodies[_next]?.Release();
        _bodies[_next] = null;
        return body;
    }

    // All that the message needs from the snapshot, also what happens to be at hand for somebody else: that will be gone when the rest is there.
    private static HashSet<int>? RowsToRecreate(DocumentContent content, SyncPlan plan)
    {
        bool isMissing = false;
        foreach (int row in plan.Rows) isMissing |= !content.HasBytes(row);
        if (!isMissing) return null;
        HashSet<int> rows = [];
        foreach (int row in plan.Rows)
        {
            if (row < content.FirstRowWithBytes) rows.Add(row);
        }

        return rows;
    }
}
