using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Engine.Tests.Support;

/// <summary>An in-memory store whose loads can be held back or made to fail.</summary>
internal sealed class HookedStore(InMemoryChunkStore inner) : IChunkStore
{
    private readonly List<TaskCompletionSource> _held = [];

    public bool FailsLoads { get; set; }

    /// <summary>Appends are refused, as on a full disk.</summary>
    public bool FailsAppends { get; set; }

    public bool HoldsLoads { get; set; }

    public bool HoldsStates { get; set; }

    /// <summary>Compactions lose against somebody else.</summary>
    public bool RefusesCompactions { get; set; }

    /// <summary>Compactions fail, after they were done.</summary>
    public bool FailsCompactions { get; set; }

    public int Loads { get; private set; }

    public int Compactions { get; private set; }

    public StoreCursor Now => inner.Now;

    public void ReleaseHeld()
    {
        TaskCompletionSource[] held = [.. _held];
        _held.Clear();
        foreach (TaskCompletionSource gate in held) gate.SetResult();
    }

    public async ValueTask<StoredDocument> LoadAsync(DocumentId id, CancellationToken stop)
    {
        Loads++;
        if (HoldsLoads) await GateAsync();
        if (FailsLoads) throw new IOException("the disk does not answer");
        return await inner.LoadAsync(id, stop);
    }

    public async ValueTask<ReadOnlyMemory<byte>> LoadSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, CancellationToken stop)
    {
        if (HoldsStates) await GateAsync();
        return await inner.LoadSyncStateAsync(id, storageId, stop);
    }

    public async ValueTask<bool> CompactAsync(DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence, CancellationToken stop)
    {
        Compactions++;
        if (RefusesCompactions) return false;
        bool done = await inner.CompactAsync(id, read, body, folded, fence, stop);
        return FailsCompactions ? throw new IOException("the disk does not answer") : done;
    }

    public ValueTask PeekAsync(ReadOnlyMemory<DocumentId> ids, Memory<DocumentPeek> into, CancellationToken stop) => inner.PeekAsync(ids, into, stop);

    public async ValueTask<AppendOutcome> AppendAsync(AppendBatch batch, Fence authorisedUnder, CancellationToken stop) =>
        FailsAppends ? throw new IOException("no space left") : await inner.AppendAsync(batch, authorisedUnder, stop);

    public ValueTask<bool> DeleteAsync(DocumentId id, Fence fence, CancellationToken stop) => inner.DeleteAsync(id, fence, stop);

    public IAsyncEnumerable<StoreDelta> ReadSinceAsync(StoreCursor since, CancellationToken stop) => inner.ReadSinceAsync(since, stop);

    public ValueTask SaveSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state, CancellationToken stop) =>
        inner.SaveSyncStateAsync(id, storageId, state, stop);

    private Task GateAsync()
    {
        TaskCompletionSource gate = new();
        _held.Add(gate);
        return gate.Task;
    }
}
