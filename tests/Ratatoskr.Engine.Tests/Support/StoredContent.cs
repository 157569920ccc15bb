using Automerge.Changes;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>What a store really holds, read without the engine.</summary>
internal static class StoredContent
{
    public static HashSet<ChangeHash> Read(IChunkStore store, DocumentId id)
    {
        PeerDocument reader = Load(store, id);
        HashSet<ChangeHash> hashes = [];
        for (int row = 0; row < reader.Graph.Count; row++) hashes.Add(reader.Graph.HashAt(row));
        return hashes;
    }

    public static PeerDocument Load(IChunkStore store, DocumentId id)
    {
        StoredDocument stored = store.LoadAsync(id, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        PeerDocument reader = new(id, default);
        reader.Apply(stored.Snapshot.Chunk.Span);
        foreach (TailEntry entry in stored.Tail) reader.Apply(entry.Chunks.Span);
        return reader;
    }
}
