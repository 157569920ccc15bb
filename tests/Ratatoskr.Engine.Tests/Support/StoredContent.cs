using Automerge.Changes;
using Automerge.Documents;
using Automerge.Operations;
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

    /// <summary>The op set of what a store holds, built by somebody who trusts nothing.</summary>
    public static OpSet Operations(IChunkStore store, DocumentId id)
    {
        StoredDocument stored = store.LoadAsync(id, CancellationToken.None).AsTask().GetAwaiter().GetResult();
        PeerDocument reader = new(id, default);
        reader.Apply(stored.Snapshot.Chunk.Span);
        int rows = reader.Graph.Count;
        foreach (TailEntry entry in stored.Tail) reader.Apply(entry.Chunks.Span);
        OpSet operations = stored.Snapshot.Chunk.IsEmpty ? new OpSet() : OpSet.Load(stored.Snapshot.Chunk.Span, DocumentLimits.Default);
        for (int row = rows; row < reader.Graph.Count; row++)
        {
            ChangeVerdict verdict = operations.TryApply(reader.ChangeAt(row), reader.Graph.HashAt(row), reader.Graph);
            if (!verdict.IsOk) throw new InvalidDataException($"stored change {reader.Graph.HashAt(row)}: {verdict.What}");
        }

        return operations;
    }
}
