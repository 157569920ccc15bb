using System.Buffers;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Automerge.Changes;

namespace Automerge.Sync;

/// <summary>
/// The sync protocol of one document with one peer (format §7): what to send next, and what a message of the peer means.
/// The protocol assumes a reliable stream in order; after a broken one call <see cref="SyncState.Reconnect"/>.
/// </summary>
/// <remarks>
/// Pure functions over a graph and a state of the same owner. A turn is: read the message, verify and apply its changes, <see cref="Receive"/>;
/// then, whenever something may have changed, <see cref="Generate"/>, and if the message is really sent <see cref="Write"/> and <see cref="Commit"/>.
/// </remarks>
public static partial class SyncSession
{
    /// <summary>Says what the peer should be sent now. Changes nothing but the plan.</summary>
    /// <param name="graph">The document.</param>
    /// <param name="queue">Its changes that wait for others, or null if there are none.</param>
    /// <param name="state">What is known of the peer.</param>
    /// <param name="mode">Whose choices to make.</param>
    /// <param name="plan">Overwritten, and returned.</param>
    /// <param name="rowsWithoutBytes">
    /// Server mode: rows below this have no bytes at hand (they are in the snapshot), so a plan that needs one of them sends the whole document instead.
    /// </param>
    public static SyncPlan Generate(ChangeGraph graph, ChangeQueue? queue, SyncState state, SyncMode mode, SyncPlan plan, int rowsWithoutBytes = 0)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(plan);
        plan.Clear();
        plan.Mode = mode;
        plan.RowCount = graph.Count;
        plan.Version = state.TheyKnowV2 ? SyncVersion.V2 : SyncVersion.V1;
        plan.Flags = SyncFlags.SupportsSyncReset
            | (state.ReadOnly ? SyncFlags.ReadOnly : 0)
            | (state.NeedsReset && state.TheyKnowReset ? SyncFlags.SyncReset : 0);
        if (!state.NeedsReset || state.TheyKnowReset) plan.HeadList.Set(graph.Heads);
        if (!state.ReadOnly) CollectNeed(graph, queue, state, plan);

        if (mode == SyncMode.Server) GenerateServer(graph, state, plan, rowsWithoutBytes);
        else GenerateCompatible(graph, state, plan);
        return plan;
    }

    /// <summary>Notes that the planned message has been handed to the peer's stream. The state must not have changed since the plan was made.</summary>
    public static void Commit(SyncPlan plan, ChangeGraph graph, SyncState state)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        Debug.Assert(plan.RowCount == graph.Count, "the plan is of another moment");
        if (plan.Kind == SyncPlanKind.Nothing) return;
        if (plan.Mode == SyncMode.Server) CommitServer(plan, graph, state);
        else if (plan.Kind == SyncPlanKind.Message) CommitSent(plan, graph, state);
    }

    /// <summary>Writes the planned message.</summary>
    /// <param name="plan">What to send.</param>
    /// <param name="graph">The document, as it was when the plan was made.</param>
    /// <param name="output">Gets the message.</param>
    /// <param name="source">Gives the bytes of the changes.</param>
    public static void Write(SyncPlan plan, ChangeGraph graph, IBufferWriter<byte> output, IChangeSource source)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(source);
        if (plan.Version == SyncVersion.V1 && !plan.SendsDocument)
        {
            SyncMessageWriter writer = WriteSummary(plan, graph, output);
            writer.WriteCount(plan.RowList.Count);
            foreach (int row in plan.Rows)
            {
                writer.WriteCount(source.ChangeLength(row));
                source.WriteChange(row, output);
            }
        }
        else
        {
            long length = BodyLength(plan, source);
            WriteHead(plan, graph, output, length);
            if (plan.SendsDocument) source.WriteDocument(output);
            foreach (int row in plan.Rows) source.WriteChange(row, output);
        }

        WriteTail(plan, output);
    }

    /// <summary>Bytes of the changes in the plan, one after the other; 0 when it has none.</summary>
    public static long BodyLength(SyncPlan plan, IChangeSource source)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(source);
        if (plan.SendsDocument) return source.DocumentLength;
        long length = 0;
        foreach (int row in plan.Rows) length += source.ChangeLength(row);
        return length;
    }

    /// <summary>
    /// Writes all before the bytes of the changes, for a caller that sends those from where they are: one entry of <paramref name="bodyLength"/> bytes,
    /// or none. Not for V1 messages with rows, which have an entry for each change.
    /// </summary>
    public static void WriteHead(SyncPlan plan, ChangeGraph graph, IBufferWriter<byte> output, long bodyLength)
    {
        ArgumentNullException.ThrowIfNull(plan);
        Debug.Assert(plan.Version == SyncVersion.V2 || plan.RowList.Count == 0, "V1 has an entry for each change");
        SyncMessageWriter writer = WriteSummary(plan, graph, output);
        writer.WriteCount(bodyLength > 0 ? 1 : 0);
        if (bodyLength > 0) writer.WriteCount(bodyLength);
    }

    /// <summary>Writes all after the bytes of the changes.</summary>
    public static void WriteTail(SyncPlan plan, IBufferWriter<byte> output)
    {
        ArgumentNullException.ThrowIfNull(plan);
        new SyncMessageWriter(output).WriteFlags(plan.Flags);
    }

    private static SyncMessageWriter WriteSummary(SyncPlan plan, ChangeGraph graph, IBufferWriter<byte> output)
    {
        SyncMessageWriter writer = new(output);
        writer.WriteVersion(plan.Version);
        writer.WriteHashes(plan.Heads);
        writer.WriteHashes(plan.Need);
        writer.WriteCount(plan.HasHave ? 1 : 0);
        if (plan.HasHave) writer.WriteHave(plan.LastSync, graph, plan.BloomRows);
        return writer;
    }

    // What is missing before the peer's heads could be ours.
    private static void CollectNeed(ChangeGraph graph, ChangeQueue? queue, SyncState state, SyncPlan plan)
    {
        if (state.AllTheirHeadsKnown) return;
        if (queue is { Count: > 0 })
        {
            queue.CollectMissing(graph, state.PeerHeads, plan.NeedList);
            return;
        }

        foreach (ref readonly ChangeHash head in state.PeerHeads)
        {
            if (!graph.Contains(head)) plan.NeedList.Add(head);
        }
    }

    private static bool NeedsOnlyTheirHeads(SyncState state, SyncPlan plan)
    {
        foreach (ref readonly ChangeHash hash in plan.Need)
        {
            if (!state.TheirHeads.Contains(hash)) return false;
        }

        return true;
    }

    // Only the first entry counts for this, as in Automerge.
    private static bool NamesUnknownShared(ChangeGraph graph, SyncState state)
    {
        foreach (SyncMessageReader.HaveEntry have in state.TheirHave) return !graph.ContainsAll(have.LastSync);
        return false;
    }

    private static void PlanReset(SyncPlan plan, ChangeGraph graph)
    {
        plan.Kind = SyncPlanKind.Reset;
        plan.Version = SyncVersion.V1;
        plan.HeadList.Set(graph.Heads);
        plan.NeedList.Clear();
        plan.HasHave = true;
    }

    private static void PlanHaveSinceShared(ChangeGraph graph, SyncState state, SyncPlan plan)
    {
        plan.HasHave = true;
        plan.LastSyncList.Set(state.SharedHeads);
        graph.CollectNotCoveredBy(state.SharedHeads, plan.BloomList);
    }

    // ---- Automerge's own choices ----
    private static void GenerateCompatible(ChangeGraph graph, SyncState state, SyncPlan plan)
    {
        if (state.HasTheirHave && NamesUnknownShared(graph, state))
        {
            PlanReset(plan, graph);
            return;
        }

        PlanChangesCompatible(graph, state, plan);
        bool unchanged = state.LastSentHeads.SequenceEqual(graph.Heads);
        if (unchanged && state.HaveResponded)
        {
            bool headsEqual = state.HasTheirHeads && state.PeerHeads.SequenceEqual(graph.Heads);
            if ((headsEqual || state.ReadOnly) && plan.ChangeCount == 0) return;
            if (state.InFlight) return;
        }

        if (NeedsOnlyTheirHeads(state, plan)) PlanHaveSinceShared(graph, state, plan);
        plan.Kind = SyncPlanKind.Message;
    }

    private static void PlanChangesCompatible(ChangeGraph graph, SyncState state, SyncPlan plan)
    {
        if (state.PeerReadOnly || !state.HasTheirHave || !state.HasTheirNeed) return;
        if (state.TheyKnowV2 && state.HasTheirHeads && state.TheirHeads.Count == 0)
        {
            plan.SendsDocument = true;
            return;
        }

        if (state.TheirHaveCount > 0) ChooseSinceTheirHave(graph, state, plan, 0);

        // Asked for by hash, in the order asked, before the rest in graph order.
        foreach (ref readonly ChangeHash hash in state.TheirNeed.Span)
        {
            int row = graph.Find(hash);
            if (row >= 0 && !plan.Chosen.IsMarked(row) && !state.Sent.Contains(row)) plan.RowList.Add(row);
        }

        foreach (int row in plan.Range)
        {
            if (plan.Chosen.IsMarked(row) && !state.Sent.Contains(row)) plan.RowList.Add(row);
        }

        plan.Chosen.Clear();
        if (state.TheyKnowV2 && plan.RowList.Count > graph.Count / 3)
        {
            plan.RowList.Clear();
            plan.SendsDocument = true;
        }
    }

    /// <summary>
    /// Fills <see cref="SyncPlan.Range"/> with the rows after all of the peer's lastSync (and, in Server mode, after its heads) and marks in
    /// <see cref="SyncPlan.Chosen"/> those that it lacks: absent from all its filters, or after one that is.
    /// </summary>
    private static void ChooseSinceTheirHave(ChangeGraph graph, SyncState state, SyncPlan plan, int from)
    {
        HashList cover = default;
        foreach (SyncMessageReader.HaveEntry have in state.TheirHave)
        {
            foreach (ref readonly ChangeHash hash in have.LastSync) cover.Append(hash);
        }

        if (plan.Mode == SyncMode.Server)
        {
            foreach (ref readonly ChangeHash hash in state.PeerHeads) cover.Append(hash);
        }

        graph.CollectNotCoveredBy(cover.Span, plan.Range, from);
        foreach (int row in plan.Range)
        {
            bool chosen = !IsInAFilter(state, graph.HashAt(row));
            foreach (int dep in graph.DepsOf(row)) chosen |= plan.Chosen.IsMarked(dep);
            if (chosen) plan.Chosen.Mark(row);
        }
    }

    private static bool IsInAFilter(SyncState state, in ChangeHash hash)
    {
        foreach (SyncMessageReader.HaveEntry have in state.TheirHave)
        {
            if (have.Bloom.Contains(hash)) return true;
        }

        return false;
    }

    private static void CommitSent(SyncPlan plan, ChangeGraph graph, SyncState state)
    {
        state.HaveResponded = true;
        state.LastSent.Set(graph.Heads);
        state.InFlight = true;
        state.NeedsReset = false;
        if (plan.SendsDocument) state.Sent.Add(0, plan.RowCount);
        else state.Sent.Add(CollectionsMarshal.AsSpan(plan.RowList));
    }
}
