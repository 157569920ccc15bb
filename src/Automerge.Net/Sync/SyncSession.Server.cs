using System.Runtime.InteropServices;
using Automerge.Changes;

namespace Automerge.Sync;

public static partial class SyncSession
{
    // Fragments of what was sent; honest exchanges leave one or two. Beyond this we forget, and may send again.
    private const int SentRangesMax = 1024;

    // A first message to an unknown peer names our rows in a filter only up to this many (5 KiB); beyond, the peer is left to say what it has first.
    private const int UnaskedBloomRowsMax = 4096;

    private static void GenerateServer(ChangeGraph graph, SyncState state, SyncPlan plan, int rowsWithoutBytes)
    {
        if (state.HasTheirHeads && !state.AllTheirHeadsKnown && !state.ReadOnly && !state.ResetAnswered && NamesUnknownShared(graph, state))
        {
            PlanReset(plan, graph);
            return;
        }

        // The peer's answer to a reset will say what it really has; until then only news of our own is worth a message.
        bool headsChanged = !state.LastSentHeads.SequenceEqual(graph.Heads);
        if (state.ResetAnswered && !headsChanged) return;

        bool skipped = false;
        if (state.HasTheirHeads && !state.PeerReadOnly) skipped = PlanChangesServer(graph, state, plan, rowsWithoutBytes);
        plan.NeedFingerprint = Fingerprint(plan.Need);

        bool says = plan.ChangeCount > 0
            || !state.HaveResponded
            || state.MustAnswer
            || headsChanged
            || (plan.NeedList.Count > 0 && plan.NeedFingerprint != state.LastNeed);
        if (!says) return;

        plan.Kind = SyncPlanKind.Message;
        plan.Certain = state.HasTheirHeads && !state.PeerReadOnly && (plan.SendsDocument || (!skipped && state.AssumedCertain));
        PlanHaveServer(graph, state, plan);
    }

    // Returns whether a row was left out only because a filter of the peer seems to have it.
    private static bool PlanChangesServer(ChangeGraph graph, SyncState state, SyncPlan plan, int rowsWithoutBytes)
    {
        bool skipped = false;
        if (state.TheirHeads.Count == 0 && state.TheyKnowV2 && state.Assumed == 0)
        {
            plan.SendsDocument = graph.Count > 0;
            return false;
        }

        if (state.AllTheirHeadsKnown || state.TheirHaveCount <= 0)
        {
            // What the peer has is exactly the past of its heads (or it did not say what it has beside them, and is sent all that it may lack).
            graph.CollectNotCoveredBy(state.PeerHeads, plan.RowList, state.Assumed);
        }
        else
        {
            ChooseSinceTheirHave(graph, state, plan, state.Assumed);
            foreach (int row in plan.Range)
            {
                if (plan.Chosen.IsMarked(row)) plan.RowList.Add(row);
                else skipped = true;
            }
        }

        AddNeeded(graph, state, plan);
        plan.Chosen.Clear();
        if (state.TheyKnowV2 && plan.RowList.Count > 0 && plan.RowList[0] < rowsWithoutBytes)
        {
            plan.RowList.Clear();
            plan.SendsDocument = true;
        }

        return skipped;
    }

    // Asked for by hash and not on the way already.
    private static void AddNeeded(ChangeGraph graph, SyncState state, SyncPlan plan)
    {
        if (state.TheirNeed.Count == 0) return;
        foreach (int row in plan.Rows) plan.Chosen.Mark(row);
        bool added = false;
        foreach (ref readonly ChangeHash hash in state.TheirNeed.Span)
        {
            int row = graph.Find(hash);
            if (row < 0 || state.Sent.Contains(row) || !plan.Chosen.Mark(row)) continue;
            plan.RowList.Add(row);
            added = true;
        }

        if (added) plan.RowList.Sort();
    }

    private static void PlanHaveServer(ChangeGraph graph, SyncState state, SyncPlan plan)
    {
        if (plan.Certain && !state.TheyLackOurHeads)
        {
            // The peer is, or with this message will be, where we are: it can tell by our heads alone what we lack.
            plan.HasHave = true;
            plan.LastSyncList.Set(graph.Heads);
            return;
        }

        if (state.HasTheirHeads && state.AllTheirHeadsKnown)
        {
            // It has nothing that we lack, so no filter is needed to keep it from sending.
            plan.HasHave = true;
            plan.LastSyncList.Set(state.PeerHeads);
            return;
        }

        if (!NeedsOnlyTheirHeads(state, plan)) return;
        foreach (ref readonly ChangeHash hash in state.SharedHeads)
        {
            if (graph.Contains(hash)) plan.LastSyncList.Append(hash);
        }

        graph.CollectNotCoveredBy(plan.LastSync, plan.BloomList);
        plan.HasHave = state.HasTheirHeads || plan.BloomList.Count <= UnaskedBloomRowsMax;
        if (plan.HasHave) return;
        plan.BloomList.Clear();
        plan.LastSyncList.Clear();
    }

    private static void CommitServer(SyncPlan plan, ChangeGraph graph, SyncState state)
    {
        if (plan.Kind == SyncPlanKind.Reset)
        {
            state.ResetAnswered = true;
            state.HaveResponded = true;
            state.LastSent.Set(graph.Heads);
            state.InFlight = true;
            return;
        }

        CommitSent(plan, graph, state);
        if (state.Sent.RangeCount > SentRangesMax) state.Sent.Clear();
        state.MustAnswer = false;
        state.LastNeed = plan.NeedFingerprint;
        if (!state.HasTheirHeads || state.PeerReadOnly) return;

        // The peer's have and need are answered: from here on only new rows matter.
        state.Assumed = plan.RowCount;
        state.AssumedCertain = plan.Certain;
        state.ForgetTheirHave();
        state.TheirNeed.Clear();
    }

    // 0 for none. Only compares our own questions with each other, so no secret is needed: a peer that makes two of them meet is not asked.
    private static ulong Fingerprint(ReadOnlySpan<ChangeHash> hashes)
    {
        ulong print = (ulong)hashes.Length;
        foreach (ref readonly ChangeHash hash in hashes)
        {
            ReadOnlySpan<ulong> words = MemoryMarshal.Cast<byte, ulong>(hash.Bytes);
            foreach (ulong word in words) print = (print ^ word) * 0x9E37_79B9_7F4A_7C15;
        }

        return print;
    }
}
