using System.Buffers;
using Automerge.Changes;
using Automerge.Sync;
using Ratatoskr.Engine.Shards;

namespace Ratatoskr.Engine.Documents;

/// <summary>What persistent peers share with us, kept in the store so that they need not tell it again after a restart. Advisory.</summary>
internal static class PeerStates
{
    /// <summary>A persistent peer that opens a document with content, and whose stored state was not asked for yet. Of one that has spoken more is known.</summary>
    public static bool IsNeededFor(PeerLink link, DocumentContent content) => link.Session.IsPersistent && !link.StateAsked && !link.Heard && content.Graph.Count > 0;

    public static void Adopt(PeerLink link, ReadOnlySpan<byte> encoded)
    {
        if (encoded.IsEmpty || !SyncState.TryDecode(encoded, out SyncState? state) || state is null) return;
        state.ReadOnly = link.State.ReadOnly;
        link.State = state;
        link.SavedSharedHash = Hash(state);
    }

    /// <summary>Saves the state if what is shared has changed since.</summary>
    public static void Save(PeerLink link, IEffects effects)
    {
        if (!link.Session.IsPersistent || link.AwaitsState || link.State.SharedHeads.IsEmpty) return;
        int shared = Hash(link.State);
        if (shared == link.SavedSharedHash) return;
        link.SavedSharedHash = shared;
        ArrayBufferWriter<byte> encoded = new();
        link.State.Encode(encoded);
        effects.SaveSyncState(link.Document.Id, link.Session, encoded.WrittenMemory);
    }

    private static int Hash(SyncState state)
    {
        HashCode hash = default;
        foreach (ref readonly ChangeHash head in state.SharedHeads) hash.AddBytes(head.Bytes);
        return hash.ToHashCode();
    }
}
