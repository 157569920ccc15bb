using System.Runtime.CompilerServices;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>What becomes of a call to the store.</summary>
internal enum StoreVerdict : byte
{
    /// <summary>Done, and said so.</summary>
    Stored,

    /// <summary>Done; the answer comes later, or never if the process dies before.</summary>
    StoredUnanswered,

    /// <summary>Done, and not known whether.</summary>
    UnknownStored,

    /// <summary>Not done, and not known whether.</summary>
    UnknownLost,

    /// <summary>Done, and an exception.</summary>
    FailedStored,

    /// <summary>Not done, and an exception.</summary>
    FailedLost,

    /// <summary>Not done: somebody else has spoken.</summary>
    Fenced,
}

/// <summary>
/// The chunk store: a disk that outlives processes, and the calls of one process that wait for a step to say what becomes of them. Per document calls happen in their order.
/// </summary>
internal sealed class SimulatedStore : IChunkStore
{
    private readonly Dictionary<DocumentId, StoredFile> _files = new(DocumentId.Comparer.Instance);
    private readonly List<StoreCall> _calls = [];
    private readonly List<(DocumentId Id, TaskCompletionSource<bool> Gate)> _reads = [];

    /// <summary>Reads wait for steps.</summary>
    public bool HasSlowReads { get; set; }

    /// <summary>Told before a call's changes are written.</summary>
    public Action<StoreCall>? Writing { get; set; }

    /// <summary>Told afterwards.</summary>
    public Action<StoreCall>? Written { get; set; }

    /// <summary>Told when a call comes in.</summary>
    public Action<StoreCall>? Called { get; set; }

    /// <summary>Documents read, the first times included.</summary>
    public int Loads { get; private set; }

    /// <summary>Snapshots written.</summary>
    public int Compactions { get; private set; }

    public StoreCursor Now => default;

    public StoredFile this[DocumentId id]
    {
        get
        {
            if (!_files.TryGetValue(id, out StoredFile? file)) _files.Add(id, file = new StoredFile());
            return file;
        }
    }

    /// <summary>The process dies. Of each document's calls some more may have reached the disk, in their order.</summary>
    /// <param name="choice">Bit by call: whether it did.</param>
    public void Crash(uint choice)
    {
        HashSet<DocumentId> lost = new(DocumentId.Comparer.Instance);
        foreach (StoreCall call in _calls)
        {
            bool reaches = (choice & 1) != 0;
            choice = (choice >> 1) | (choice << 31);
            if (call.IsWritten) continue;
            if (reaches && !lost.Contains(call.Id)) call.Write();
            else lost.Add(call.Id);
        }

        _calls.Clear();
        _reads.Clear();
    }

    /// <summary>Writes and answers everything.</summary>
    public bool Commit()
    {
        if (_calls.Count == 0) return false;
        StoreCall[] calls = [.. _calls];
        _calls.Clear();
        foreach (StoreCall call in calls) call.Write();
        foreach (StoreCall call in calls) call.Answer(StoreVerdict.Stored);
        return true;
    }

    /// <summary>Decides about the first call of some document that is not decided about, or answers one that was written.</summary>
    /// <returns>What was done, in words; null when nothing was.</returns>
    public string? Decide(uint choice, StoreVerdict verdict)
    {
        if (_calls.Count == 0) return null;
        StoreCall picked = _calls[(int)(choice % (uint)_calls.Count)];
        StoreCall call = _calls.First(c => c.Id == picked.Id);
        if (verdict == StoreVerdict.Fenced && !call.CanBeFenced) verdict = StoreVerdict.Stored;
        if (call.IsWritten)
        {
            verdict = verdict is StoreVerdict.UnknownLost or StoreVerdict.UnknownStored ? StoreVerdict.UnknownStored
                : verdict is StoreVerdict.FailedLost or StoreVerdict.FailedStored ? StoreVerdict.FailedStored
                : StoreVerdict.Stored;
        }
        else if (verdict is StoreVerdict.Stored or StoreVerdict.StoredUnanswered or StoreVerdict.UnknownStored or StoreVerdict.FailedStored)
        {
            call.Write();
        }

        if (verdict == StoreVerdict.StoredUnanswered) return $"{call}: {verdict}";
        _calls.Remove(call);
        call.Answer(verdict);
        return $"{call}: {verdict}";
    }

    public bool CompleteRead(uint choice, bool fails)
    {
        if (_reads.Count == 0) return false;
        int index = (int)(choice % (uint)_reads.Count);
        TaskCompletionSource<bool> gate = _reads[index].Gate;
        _reads.RemoveAt(index);
        gate.SetResult(!fails);
        return true;
    }

    public async ValueTask<StoredDocument> LoadAsync(DocumentId id, CancellationToken stop)
    {
        Loads++;
        await ReadAsync(id);
        return this[id].ToStored();              // as it is when the answer is made
    }

    public async ValueTask<ReadOnlyMemory<byte>> LoadSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, CancellationToken stop)
    {
        await ReadAsync(id);
        return this[id].SyncState(storageId.Span);
    }

    public ValueTask PeekAsync(ReadOnlyMemory<DocumentId> ids, Memory<DocumentPeek> into, CancellationToken stop)
    {
        for (int i = 0; i < ids.Length; i++)
        {
            StoredFile file = this[ids.Span[i]];
            into.Span[i] = new DocumentPeek(file.Presence, file.Heads);
        }

        return ValueTask.CompletedTask;
    }

    public ValueTask SaveSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state, CancellationToken stop)
    {
        this[id].SaveSyncState(storageId, state);
        return ValueTask.CompletedTask;
    }

    public async ValueTask<AppendOutcome> AppendAsync(AppendBatch batch, Fence authorisedUnder, CancellationToken stop)
    {
        byte[] chunks = batch.Chunks.ToArray();
        ReadOnlyMemory<Automerge.Changes.ChangeHash> heads = batch.Heads;
        StoreVerdict verdict = await CallAsync(new StoreCall(batch.Id, StoreCallKind.Append, [.. StoredFile.ChangesIn(chunks).Select(c => c.Hash)], file => Done(file, () => file.Append(chunks, heads))));
        return verdict switch
        {
            StoreVerdict.Stored => AppendOutcome.Stored,
            StoreVerdict.Fenced => AppendOutcome.Fenced,
            StoreVerdict.UnknownStored or StoreVerdict.UnknownLost => AppendOutcome.Unknown,
            _ => throw new IOException("a simulated error of the store"),
        };
    }

    public async ValueTask<bool> CompactAsync(DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence, CancellationToken stop)
    {
        StoreCall call = new(id, StoreCallKind.Compact, [.. StoredFile.ChangesIn(body)], file => file.Compact(read, body, folded));
        Compactions++;
        return Succeeds(await CallAsync(call)) && call.HasChanged;
    }

    public async ValueTask<bool> DeleteAsync(DocumentId id, Fence fence, CancellationToken stop) =>
        Succeeds(await CallAsync(new StoreCall(id, StoreCallKind.Delete, [], file => Done(file, file.Delete))));

    public async IAsyncEnumerable<StoreDelta> ReadSinceAsync(StoreCursor since, [EnumeratorCancellation] CancellationToken stop)
    {
        await ValueTask.CompletedTask;
        yield break;
    }

    private static bool Done(StoredFile file, Action action)
    {
        action();
        return true;
    }

    private static bool Succeeds(StoreVerdict verdict) => verdict switch
    {
        StoreVerdict.Stored => true,
        StoreVerdict.Fenced => false,
        _ => throw new IOException("a simulated error of the store"),
    };

    private Task<StoreVerdict> CallAsync(StoreCall call)
    {
        call.Begin(this[call.Id], Writing, Written);
        _calls.Add(call);
        Called?.Invoke(call);
        return call.Verdict;
    }

    private async ValueTask ReadAsync(DocumentId id)
    {
        if (!HasSlowReads) return;
        TaskCompletionSource<bool> gate = new();
        _reads.Add((id, gate));
        if (!await gate.Task) throw new IOException("a simulated error of the store");
    }
}
