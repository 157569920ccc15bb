using Automerge.Changes;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Buffers;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Simulation.Tests.Peers;
using Ratatoskr.Simulation.Tests.Plans;
using Ratatoskr.Simulation.Tests.Servers;

namespace Ratatoskr.Simulation.Tests.Checks;

/// <summary>The end of a schedule: no faults any more, everybody speaks until nobody has anything left to say; and then it is looked at who has what.</summary>
internal sealed class Rest(Scene scene, ApiCalls api)
{
    private const int RoundsMax = 300;

    // Longer, all together, than any time-out of the world: whoever waits for one has waited for it.
    private static readonly int[] s_waitsMs = [1_000, 3_000, 9_000, 9_000];
    private static readonly int[] s_shortWaitsMs = [1_000, 2_000];

    /// <summary>Lets everybody finish.</summary>
    public void Come()
    {
        scene.Tell("the faults end");
        scene.Store.HasSlowReads = false;
        scene.Accounts.IsSlow = false;
        scene.NoticeAbandoned();
        foreach (SimulatedPeer peer in scene.Peers)
        {
            if (!peer.HasTakenPart || !peer.IsHostile) continue;
            peer.Habits &= ~Habits.Hostile;                              // what he believes the server to know is not so
            if (peer.IsConnected) scene.Disconnect(peer);
            peer.Forget(documents: false);
        }

        api.Sweep();
        Settle(s_shortWaitsMs);
        if (scene.World.QuotaBytes is not null && scene.Crashes == 0) CheckLimits();
        for (int i = 0; i < 2; i++)
        {
            // Nobody is helped by a change that is none: a document whose access changes is looked at anew.
            if (scene.Truth.IsLimited(Scene.OwnerOf(i))) api.Quota(Scene.OwnerOf(i), Scene.Plenty);
        }

        for (int i = 0; scene.World.EndsOpen && i < scene.Documents.Length; i++)
        {
            if (scene.Truth[scene.Documents[i]] is not null) api.Open(i);
        }

        Settle(scene.World.OwnersLook ? s_shortWaitsMs : s_waitsMs);
        LetTheDeafSpeak();
        if (scene.World.OwnersLook) OwnersLook();
        if (api.Pending > 0) throw new PromiseBrokenException("rest", $"{api.Pending} calls of the API do not return");
    }

    /// <summary>Everybody has what he may have, and the store has what everybody may give.</summary>
    public void CheckEverybody()
    {
        scene.Audit.CheckConfirmed();
        foreach (DocumentId id in scene.Documents)
        {
            PeerDocument stored = scene.Store[id].Load(id);
            if (scene.Truth[id] is null && scene.Store[id].Changes.Count > 0) throw new PromiseBrokenException("deletion", $"{scene.ShortName(id)} is not there, and {scene.Store[id].Changes.Count} changes are stored");
            foreach (SimulatedPeer peer in scene.Peers) Check(peer, id, stored.Graph);
        }

        if (scene.World.OwnersLook) CheckQuotas();
    }

    /// <summary>When everybody has gone nothing is kept of anybody.</summary>
    public void CheckNothingIsLeft(int heldBefore)
    {
        foreach (SimulatedPeer peer in scene.Peers)
        {
            if (peer.IsConnected) scene.Disconnect(peer);
        }

        for (int i = 0; i < 3; i++)
        {
            scene.ProceedAll();
            scene.Store.Commit();
            scene.ProceedAll();
            scene.Time.Advance(scene.World.Limits.IdleDocumentMs + 1_001);
        }

        scene.ProceedAll();
        if (scene.Server.Engine.Leftovers() is { } left) throw new PromiseBrokenException("memory", left);
        if (scene.Crashes == 0 && SharedBuffer.Held != heldBefore) throw new PromiseBrokenException("memory", $"{SharedBuffer.Held - heldBefore} buffers were not given back");
    }

    private void Settle(int[] waitsMs)
    {
        int quiet = 0;
        for (int round = 0; quiet < waitsMs.Length; round++)
        {
            if (round == RoundsMax) throw new PromiseBrokenException("rest", "the peers and the server do not fall silent");
            if (CarryAll()) quiet = 0;
            else scene.Time.Advance(waitsMs[quiet++]);
        }
    }

    // Whether anything moved.
    private bool CarryAll()
    {
        bool moved = scene.ProceedAll();
        moved |= scene.NoticeAbandoned();
        while (scene.Store.CompleteRead(0, fails: false)) moved = true;
        while (scene.Truth.AnswerNext()) moved = true;
        moved |= scene.ProceedAll();
        moved |= scene.Store.Commit();
        moved |= scene.ProceedAll();
        foreach (SimulatedPeer peer in scene.Peers)
        {
            if (!peer.HasTakenPart) continue;
            if (!peer.IsConnected)
            {
                scene.Tell($"{peer.Name} joins again");
                scene.Connect(peer);
                moved = true;
            }

            while (peer.Say() is { } said)
            {
                moved = true;
                if (scene.Trace is not null) scene.Tell($"{peer.Name} → {Scene.Describe(said)}");
                scene.Proceed();
            }

            while (peer.Hear() is { } heard)
            {
                moved = true;
                if (scene.Trace is not null) scene.Tell($"{peer.Name} ← {Scene.Describe(heard)}");
                scene.Proceed();
            }

            if (peer.Connection!.Unflushed > 0) throw new PromiseBrokenException("rest", $"{peer.Connection.Unflushed} messages for {peer.Name} were not flushed");
            moved |= scene.NoticeClosed(peer);
        }

        return moved;
    }

    // A client that takes no changes never says what it lacks. Where a Bloom filter of the server wrongly has all that it offers, it is silent until its next edit (automerge 3.5.0).
    private void LetTheDeafSpeak()
    {
        bool anySpeaks = false;
        foreach (SimulatedPeer peer in scene.Peers)
        {
            if (!peer.IsDeaf || !peer.HasTakenPart) continue;
            foreach (DocumentId id in peer.Documents.Keys)
            {
                scene.Tell($"{peer.Name} edits {scene.ShortName(id)} once more");
                scene.Audit.Made(id, peer.Edit(id, "once more", 1), peer, peer.User);
                anySpeaks = true;
            }
        }

        if (anySpeaks) Settle(s_shortWaitsMs);
    }

    // With new clients, which know nothing.
    private void OwnersLook()
    {
        for (int i = 0; i < 2; i++)
        {
            SimulatedPeer owner = new(100 + i, Scene.OwnerOf(i), Habits.None);
            scene.Peers.Add(owner);
            foreach (DocumentId id in scene.Documents)
            {
                if (scene.Truth[id]?.OwnerId == owner.User) owner.Open(id);
            }

            scene.Connect(owner);
        }

        Settle(s_waitsMs);
    }

    private void Check(SimulatedPeer peer, DocumentId id, ChangeGraph stored)
    {
        if (!peer.HasTakenPart || !peer.Documents.TryGetValue(id, out PeerDocument? own)) return;
        Permission may = scene.Truth.IsExpired(id) ? Permission.None : scene.Truth.May(peer.User, id);
        string who = $"{peer.Name}, {scene.ShortName(id)}";
        if ((may & Permission.Read) != 0 && !peer.IsDeaf)
        {
            for (int row = 0; row < stored.Count; row++)
            {
                if (!own.Graph.Contains(stored.HashAt(row))) throw new PromiseBrokenException("convergence", $"{who}: it lacks {stored.HashAt(row).ToString()[..6]}, which is stored");
            }
        }

        for (int row = 0; (may & Permission.Write) != 0 && row < own.Graph.Count; row++)
        {
            if (!stored.Contains(own.Graph.HashAt(row))) throw new PromiseBrokenException("convergence", $"{who}: it may write, and {own.Graph.HashAt(row).ToString()[..6]} is not stored");
        }

        bool isEmpty = may == Permission.None || stored.Count == 0;
        if (own.Graph.Count == 0 && isEmpty && !own.IsUnavailable) throw new PromiseBrokenException("convergence", $"{who}: it waits for an answer");
    }

    // Nobody has got more than he may have. What a snapshot takes beyond what it replaces is nobody's fault; and a process that has died takes some bytes' count with it.
    private void CheckLimits()
    {
        const long SnapshotOverheadBytes = 400;
        for (int i = 0; i < 2; i++)
        {
            string owner = Scene.OwnerOf(i);
            long stored = 0, limit = scene.Truth.StorageLimit(owner);
            foreach (DocumentId id in scene.Documents)
            {
                if (scene.Truth[id]?.OwnerId == owner) stored += scene.Store[id].CountedBytes(scene.Store[id].Load(id).Graph) - SnapshotOverheadBytes;
            }

            if (stored > limit) throw new PromiseBrokenException("quota", $"{owner} may have {limit} bytes, and has {stored} beside snapshots' overhead");
        }
    }

    // What owners are charged is what is stored; and so say their documents' records.
    private void CheckQuotas()
    {
        for (int i = 0; i < 2; i++)
        {
            string owner = Scene.OwnerOf(i);
            long stored = 0;
            foreach (DocumentId id in scene.Documents)
            {
                if (scene.Truth[id] is not { } record || record.OwnerId != owner || scene.Truth.IsExpired(id)) continue;
                long bytes = scene.Store[id].CountedBytes(scene.Store[id].Load(id).Graph);
                stored += bytes;
                if (record.Size != bytes) throw new PromiseBrokenException("quota", $"{scene.ShortName(id)} takes {bytes} bytes, and its record says {record.Size}");
            }

            if (scene.Documents.Any(scene.Truth.IsExpired)) continue;
            if (stored > 0 && (!scene.Server.Ledger.TryGet(owner, out Engine.Limits.OwnerAccount? account) || account.StorageBytes != stored))
                throw new PromiseBrokenException("quota", $"{owner} has {stored} bytes stored, and is charged {(scene.Server.Ledger.TryGet(owner, out account) ? account.StorageBytes : -1)}");
        }
    }
}
