using Automerge.Changes;

namespace Automerge.Sync;

/// <summary>What a message told.</summary>
/// <param name="PeerHasOurHeads">The peer has every change that we have.</param>
/// <param name="WeHaveTheirHeads">We have every change that the peer has.</param>
/// <param name="Restarted">The peer began anew, or asks us to: what it lacks will be sent again.</param>
/// <param name="SharedHeadsChanged">The persisted form of the state is another now.</param>
public readonly record struct ReceiveOutcome(bool PeerHasOurHeads, bool WeHaveTheirHeads, bool Restarted, bool SharedHeadsChanged);

public static partial class SyncSession
{
    [ThreadStatic]
    private static List<int>? s_rows;

    /// <summary>
    /// Takes in what a message says. To be called when the document has applied the message's changes (or has decided not to):
    /// heads in it that came with it are then known.
    /// </summary>
    /// <param name="graph">The document, afterwards.</param>
    /// <param name="state">What is known of the peer.</param>
    /// <param name="message">The message.</param>
    /// <param name="headsBefore">Our heads before the message's changes were applied.</param>
    /// <param name="changesIgnored">The message's changes were not applied, for whatever reason.</param>
    /// <param name="mode">As given to <see cref="Generate"/>.</param>
    public static ReceiveOutcome Receive(
        ChangeGraph graph,
        SyncState state,
        in SyncMessageReader message,
        ReadOnlySpan<ChangeHash> headsBefore,
        bool changesIgnored = false,
        SyncMode mode = SyncMode.Server)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentNullException.ThrowIfNull(state);
        bool restarted = mode == SyncMode.Server && IsRestart(state, message);
        ulong sharedBefore = Fingerprint(state.SharedHeads);
        state.InFlight = false;
        state.ResetAnswered = false;
        restarted |= NoteFlags(state, message);

        bool brought = message.ChangeCount > 0 && !changesIgnored && !state.ReadOnly;
        if (brought) AdvanceShared(graph, state, headsBefore);

        bool allKnown = graph.ContainsAll(message.Heads);
        if (mode == SyncMode.Compatible)
        {
            PruneSent(graph, state, message.Heads);
            if (message.ChangeCount == 0 && message.Heads.SequenceEqual(headsBefore)) state.LastSent.Set(message.Heads);
            if (allKnown && message.Heads.IsEmpty)
            {
                // The peer has lost its data.
                state.LastSent.Clear();
                state.ForgetSent();
            }

            state.KeepTheirHave(message);
        }
        else
        {
            ReceiveServer(graph, state, message, allKnown, restarted);
        }

        LearnShared(graph, state, message, allKnown, mode);
        state.TheirHeads.Set(message.Heads);
        state.TheirNeed.Set(message.Need);
        state.HasTheirHeads = true;
        state.HasTheirNeed = true;
        state.AllTheirHeadsKnown = allKnown;
        bool atOurs = allKnown && graph.CoversAll(message.Heads);
        return new ReceiveOutcome(atOurs, allKnown, restarted, Fingerprint(state.SharedHeads) != sharedBefore);
    }

    // A V1 message from a peer that reads V2: a first message again, or a reset message. From a peer that does not, a V1 message that claims to
    // have nothing beside heads, or nothing any more.
    private static bool IsRestart(SyncState state, in SyncMessageReader message)
    {
        if (!state.HasTheirHeads) return false;
        if (message.Version != SyncVersion.V1) return false;
        if (state.TheyKnowV2) return true;
        if (message.HaveCount != 1 || (message.Heads.IsEmpty && state.TheirHeads.Count == 0)) return false;
        foreach (SyncMessageReader.HaveEntry have in message.Have) return have.LastSync.IsEmpty && have.Bloom.IsEmpty;
        return false;
    }

    private static bool NoteFlags(SyncState state, in SyncMessageReader message)
    {
        if (!message.HasFlags) return false;
        state.TheyKnowV2 = true;
        state.TheyKnowReset = (message.Flags & SyncFlags.SupportsSyncReset) != 0;
        state.PeerReadOnly = (message.Flags & SyncFlags.ReadOnly) != 0;
        if ((message.Flags & SyncFlags.SyncReset) == 0) return false;
        state.ForgetSent();
        return true;
    }

    // What the changes added, and what is still a head of what was shared.
    private static void AdvanceShared(ChangeGraph graph, SyncState state, ReadOnlySpan<ChangeHash> headsBefore)
    {
        state.Shared.KeepOnly(graph.Heads);
        foreach (ref readonly ChangeHash head in graph.Heads)
        {
            if (headsBefore.BinarySearch(head) < 0) state.Shared.Append(head);
        }

        state.Shared.Normalise();
    }

    private static void LearnShared(ChangeGraph graph, SyncState state, in SyncMessageReader message, bool allKnown, SyncMode mode)
    {
        if (allKnown)
        {
            state.Shared.Set(message.Heads);
            return;
        }

        AppendKnown(graph, ref state.Shared, message.Heads);
        if (mode == SyncMode.Server)
        {
            foreach (SyncMessageReader.HaveEntry have in message.Have) AppendKnown(graph, ref state.Shared, have.LastSync);
        }

        state.Shared.Normalise();
        if (state.Shared.Count <= SyncState.SharedHeadsMax) return;
        state.Shared.Clear();
        AppendKnown(graph, ref state.Shared, message.Heads);
        state.Shared.Normalise();
    }

    private static void AppendKnown(ChangeGraph graph, ref HashList list, ReadOnlySpan<ChangeHash> hashes)
    {
        foreach (ref readonly ChangeHash hash in hashes)
        {
            if (graph.Contains(hash)) list.Append(hash);
        }
    }

    private static void ReceiveServer(ChangeGraph graph, SyncState state, in SyncMessageReader message, bool allKnown, bool restarted)
    {
        if (restarted) Restart(state);
        if (!allKnown)
        {
            state.KeepTheirHave(message);
            return;
        }

        // The peer has exactly the past of its heads: its filter says no more than that.
        state.ForgetTheirHave();
        state.LastNeed = 0;
        if (message.Heads.IsEmpty)
        {
            if (state.Assumed == 0) return;
            if (!state.SawEmptyHeads)
            {
                state.SawEmptyHeads = true;
                return;
            }

            // Said again after everything was sent: it really has nothing.
            Restart(state);
            return;
        }

        state.SawEmptyHeads = false;
        if (!graph.CoversAll(message.Heads)) return;
        state.Sent.Clear();
        state.Assumed = graph.Count;
        state.AssumedCertain = true;
        state.TheyLackOurHeads = false;
        if (message.ChangeCount == 0) state.LastSent.Set(graph.Heads);
    }

    private static void Restart(SyncState state)
    {
        // It did not know what we said is shared, or starts from scratch: either way only its own words count now.
        state.TheyLackOurHeads = state.HaveResponded && state.Assumed > 0;
        state.Shared.Clear();
        state.ForgetSent();
        state.LastNeed = 0;
        state.MustAnswer = true;
    }

    // Sent rows that the peer's heads cover have arrived. Costs nothing when everything has, and else goes back no further than the oldest sent row.
    private static void PruneSent(ChangeGraph graph, SyncState state, ReadOnlySpan<ChangeHash> theirHeads)
    {
        if (state.Sent.IsEmpty) return;
        if (graph.CoversAll(theirHeads))
        {
            state.Sent.Clear();
            return;
        }

        List<int> rows = s_rows ??= [];
        rows.Clear();
        graph.CollectNotCoveredBy(theirHeads, rows, state.Sent.Lowest);
        RowRanges left = default;
        foreach (int row in rows)
        {
            if (state.Sent.Contains(row)) left.Add(row, row + 1);
        }

        rows.Clear();
        state.Sent = left;
    }
}
