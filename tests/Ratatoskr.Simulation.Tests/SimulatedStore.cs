using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Simulation.Tests;

/// <summary>
/// One process's way to the store. Appends get the outcomes of the seed, reads come back when the schedule says so or fail.
/// The store below outlives the process.
/// </summary>
internal sealed class SimulatedStore(InMemoryChunkStore disk, Random random) : IChunkStore
{
    private readonly List<TaskCompletionSource> _reads = [];
    private readonly HashSet<DocumentId> _loaded = new(DocumentId.Comparer.Instance);

    /// <summary>Whether calls may fail or be late.</summary>
    public bool IsUnreliable { get; set; } = true;

    public int WaitingReads => _reads.Count;

    /// <summary>Loads of one document beyond the first: it had left memory, or was given up.</summary>
    public int Reloads { get; private set; }

    /// <summary>Snapshots that replaced others, or a tail.</summary>
    public int Compactions { get; private set; }

    public StoreCursor Now => disk.Now;

    public AppendVerdict Verdict() => IsUnreliable
        ? random.Next(100) switch
        {
            < 5 => AppendVerdict.UnknownLost,
            < 10 => AppendVerdict.UnknownStored,
            < 13 => AppendVerdict.Fence,
            < 20 => AppendVerdict.Hold,
            _ => AppendVerdict.Store,
        }
        : AppendVerdict.Store;

    public void CompleteRead(int index)
    {
        TaskCompletionSource read = _reads[index];
        _reads.RemoveAt(index);
        read.SetResult();
    }

    public async ValueTask<StoredDocument> LoadAsync(DocumentId id, CancellationToken stop)
    {
        if (!_loaded.Add(id)) Reloads++;

        // What is read is the truth of the moment in which the answer is made.
        if (IsUnreliable && random.Next(2) == 0) await LateAsync();
        if (IsUnreliable && random.Next(25) == 0) throw new IOException("a simulated read error");
        return await disk.LoadAsync(id, stop);
    }

    public async ValueTask<ReadOnlyMemory<byte>> LoadSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, CancellationToken stop)
    {
        if (IsUnreliable && random.Next(2) == 0) await LateAsync();
        if (IsUnreliable && random.Next(25) == 0) throw new IOException("a simulated read error");
        return await disk.LoadSyncStateAsync(id, storageId, stop);
    }

    public ValueTask PeekAsync(ReadOnlyMemory<DocumentId> ids, Memory<DocumentPeek> into, CancellationToken stop) => disk.PeekAsync(ids, into, stop);

    public ValueTask<AppendOutcome> AppendAsync(AppendBatch batch, Fence authorisedUnder, CancellationToken stop) => disk.AppendAsync(batch, authorisedUnder, stop);

    public async ValueTask<bool> CompactAsync(DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence, CancellationToken stop)
    {
        if (IsUnreliable && random.Next(10) == 0) throw new IOException("a simulated write error");
        bool done = await disk.CompactAsync(id, read, body, folded, fence, stop);
        if (done) Compactions++;
        if (IsUnreliable && random.Next(10) == 0) throw new IOException("a simulated error after the write");
        return done;
    }

    public ValueTask<bool> DeleteAsync(DocumentId id, Fence fence, CancellationToken stop) => disk.DeleteAsync(id, fence, stop);

    public IAsyncEnumerable<StoreDelta> ReadSinceAsync(StoreCursor since, CancellationToken stop) => disk.ReadSinceAsync(since, stop);

    public ValueTask SaveSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state, CancellationToken stop) =>
        disk.SaveSyncStateAsync(id, storageId, state, stop);

    private Task LateAsync()
    {
        TaskCompletionSource read = new();
        _reads.Add(read);
        return read.Task;
    }
}
