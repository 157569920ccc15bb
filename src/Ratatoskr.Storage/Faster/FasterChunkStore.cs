using System.Diagnostics;
using System.Diagnostics.Metrics;
using Automerge.Changes;
using Ratatoskr.Engine.Metering;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Operations;
using Ratatoskr.Storage.Faster.Reading;
using Ratatoskr.Storage.Faster.Writing;

namespace Ratatoskr.Storage.Faster;

/// <summary>
/// The chunk store on local disk: a FasterLog as the journal, a FasterKV as the table of documents (docs/storage-format.md).
/// One thread writes and commits for all callers together; others read. An append is answered after its commit.
/// </summary>
/// <remarks>
/// Safe on any thread. Dispose it last: after the shards that append have stopped. Disposal finishes what is queued, takes a checkpoint and frees the folder.
/// </remarks>
public sealed class FasterChunkStore : IChunkStore, IAsyncDisposable
{
    private static readonly TimeSpan LookWhileClosing = TimeSpan.FromSeconds(1);

    private readonly FasterStoreOptions _options;
    private readonly DataFolder _folder;
    private readonly StoreWriter _writer;
    private readonly ReaderThreads _readers;
    private readonly DeltaReader _deltas;
    private readonly Thread _thread;
    private readonly AppendOperationPool _appends = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _closing;

    private FasterChunkStore(FasterStoreOptions options, DataFolder folder, StoreWriter writer)
    {
        (_options, _folder, _writer, _thread) = (options, folder, writer, Thread.CurrentThread);
        // A quarter of a page for a part, half of it for heads: every entry and record fits a page.
        HeadsMax = options.PageBytes / 2 / ChangeHash.Size;
        _readers = new ReaderThreads(writer.Documents, options);
        _deltas = new DeltaReader(writer, _readers);
    }

    /// <summary>The server's own storage id: a UUIDv4, made once per data folder.</summary>
    public string StorageId => _folder.StorageId;

    /// <summary>Journal entries that had to be read at the opening; 0 after a clean stop.</summary>
    public long ReplayedEntries => _writer.Replayed;

    /// <summary>What the opening found that is not as it was written, one line each.</summary>
    public IReadOnlyList<string> Damages => _writer.Damages;

    /// <summary>Heads a document may have; an append or compaction with more is a caller's error.</summary>
    public int HeadsMax { get; }

    public StoreCursor Now => new((ulong)_writer.Visible);

    /// <summary>Opens a data folder, making it if need be, and recovers what it holds.</summary>
    /// <exception cref="StoreFolderException">In use by another process, or of an unknown format.</exception>
    /// <exception cref="StoreDamagedException">What was stored is not there as it was.</exception>
    public static Task<FasterChunkStore> OpenAsync(FasterStoreOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        TaskCompletionSource<FasterChunkStore> opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Thread thread = new(() => Live(options, opened)) { IsBackground = true, Name = "storage writer" };
        thread.Start();
        return opened.Task;
    }

    public ValueTask<StoredDocument> LoadAsync(DocumentId id, CancellationToken stop)
    {
        CheckId(id);
        return new ValueTask<StoredDocument>(_readers.Run(reader => reader.Load(id), stop));
    }

    public ValueTask PeekAsync(ReadOnlyMemory<DocumentId> ids, Memory<DocumentPeek> into, CancellationToken stop)
    {
        if (into.Length < ids.Length) throw new ArgumentException("shorter than the ids", nameof(into));
        foreach (DocumentId id in ids.Span) CheckId(id);
        return new ValueTask(_readers.Run(
            reader =>
            {
                reader.Peek(ids.Span, into.Span);
                return true;
            },
            stop));
    }

    public ValueTask<AppendOutcome> AppendAsync(AppendBatch batch, Fence authorisedUnder, CancellationToken stop)
    {
        CheckId(batch.Id);
        CheckHeads(batch.Heads);
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled<AppendOutcome>(stop);
        AppendOperation operation = _appends.Rent();
        ValueTask<AppendOutcome> outcome = operation.Start(batch, authorisedUnder);
        operation.CancelWith(stop);
        if (!_writer.Queue.TryAdd(operation) && operation.TryTake()) operation.Refuse(Closed("append"));
        return outcome;
    }

    public ValueTask<bool> CompactAsync(DocumentId id, SnapshotVersion read, SnapshotBody body, TailRange folded, Fence fence, CancellationToken stop)
    {
        ArgumentNullException.ThrowIfNull(body);
        CheckId(id);
        CheckHeads(body.Heads);
        return Submit(new CompactOperation(id, read, body, folded, fence), "compact", stop);
    }

    public ValueTask<bool> DeleteAsync(DocumentId id, Fence fence, CancellationToken stop)
    {
        CheckId(id);
        return Submit(new DeleteOperation(id, fence), "delete", stop);
    }

    public IAsyncEnumerable<StoreDelta> ReadSinceAsync(StoreCursor since, CancellationToken stop) => _deltas.ReadAsync(since, stop);

    public async ValueTask<ReadOnlyMemory<byte>> LoadSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, CancellationToken stop)
    {
        CheckId(id);
        return await _readers.Run(reader => reader.LoadSyncState(id, storageId.Span), stop);
    }

    /// <summary>Visible at the return, durable with the next checkpoint. 64 states and 64 KiB are kept per document.</summary>
    public async ValueTask SaveSyncStateAsync(DocumentId id, ReadOnlyMemory<byte> storageId, ReadOnlyMemory<byte> state, CancellationToken stop)
    {
        CheckId(id);
        await Submit(new SaveSyncStateOperation(id, storageId, state), "save a sync state", stop);
    }

    /// <summary>From here on only what was authorised under this epoch, and no earlier control number, is stored.</summary>
    public async ValueTask RaiseFenceAsync(Fence lowest) =>
        await Submit(new WriterCall(() => _writer.RaiseFence(lowest)), "raise the fence", CancellationToken.None);

    /// <summary>Takes a checkpoint now; completes when the journal before it is gone.</summary>
    public async Task CheckpointAsync()
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await Submit(new WriterCall(() => _writer.DemandCheckpoint(done.SetResult)), "checkpoint", CancellationToken.None);
        await done.Task;
    }

    public async ValueTask DisposeAsync()
    {
        Interlocked.CompareExchange(ref _closing, Closing.Cleanly, Closing.Not);
        await StopAsync();
    }

    /// <summary>Stops without a checkpoint, as if the process had died after its last commit. For tests.</summary>
    internal async Task AbandonAsync()
    {
        Interlocked.CompareExchange(ref _closing, Closing.Abandoned, Closing.Not);
        await StopAsync();
    }

    // The writer thread from beginning to end: FASTER's sessions are made, used and disposed on it.
    private static void Live(FasterStoreOptions options, TaskCompletionSource<FasterChunkStore> opened)
    {
        FasterChunkStore store;
        DataFolder? folder = null;
        try
        {
            long start = Stopwatch.GetTimestamp();
            folder = DataFolder.Open(options.Files, options.Folder, options.Geometry);
            options = options.For(folder.Geometry);
            options.Validate();
            StoreWriter writer = new(options, folder);
            store = new FasterChunkStore(options, folder, writer);
            if (options.Metrics is { } metrics) store.ShowLevels(metrics.Meter, Stopwatch.GetElapsedTime(start));
            options.Logger.StoreOpened(folder.Root, writer.Replayed, (long)Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        catch (Exception e)
        {
            folder?.Dispose();
            opened.SetException(e);
            return;
        }

        opened.SetResult(store);
        store.Work();
    }

    private void ShowLevels(Meter meter, TimeSpan recovery)
    {
        meter.ShowLevel("ratatoskr.store.writes.waiting", "{operation}", "store operations that wait for the writer", () => _writer.Queue.Count);
        meter.ShowLevel("ratatoskr.store.reads.waiting", "{operation}", "store operations that wait for a reader", () => _readers.Waiting);
        meter.ShowLevel("ratatoskr.journal.size", "By", "bytes of the journal since the checkpoint that it was cut at", () => _writer.Journal.TailAddress - _writer.Journal.BeginAddress);
        meter.ShowLevel("ratatoskr.table.size", "By", "bytes of the document table, dead records included", () => _writer.Documents.TailAddress - _writer.Documents.BeginAddress);
        meter.ShowGauge("ratatoskr.table.memory.limit", "By", "what the document table may hold in memory", () => _options.TableMemoryBytes);
        meter.ShowGauge("ratatoskr.disk.reserve", "By", "free space below which nothing is written", () => _options.ReserveBytes);
        meter.ShowGauge("ratatoskr.recovery.entries", "{entry}", "journal entries read at the start; 0 after a clean stop", () => ReplayedEntries);
        meter.CreateObservableGauge("ratatoskr.recovery.duration", () => recovery.TotalSeconds, "s", "time the start took to open the store and read these");
    }

    private void Work()
    {
        try
        {
            _writer.Run();
            _readers.Dispose();
            if (_closing == Closing.Cleanly) _writer.TakeLastCheckpoint();
            _writer.Dispose();
            _folder.Dispose();
            _stopped.SetResult();
        }
        catch (Exception e)
        {
            _options.Logger.StoreFailed(_folder.Root, e);
            _folder.Dispose();
            _stopped.SetException(e);
        }
    }

    private async Task StopAsync()
    {
        _writer.Queue.Close();
        while (await Task.WhenAny(_stopped.Task, Task.Delay(LookWhileClosing)) != _stopped.Task)
        {
            // A disk that takes nothing any more holds up nobody's end.
            if (_writer.Documents.WriteFault is not null) _writer.Documents.GiveUp();
        }

        await _stopped.Task;
    }

    private ValueTask<bool> Submit(TaskOperation<bool> operation, string name, CancellationToken stop)
    {
        if (stop.IsCancellationRequested) return ValueTask.FromCanceled<bool>(stop);
        operation.CancelWith(stop);
        if (!_writer.Queue.TryAdd(operation) && operation.TryTake()) operation.Refuse(Closed(name));
        return new ValueTask<bool>(operation.Answer);
    }

    private StoreUnavailableException Closed(string operation) => StoreUnavailableException.For(operation, _folder.Root, "the store is closed");

    private static void CheckId(DocumentId id)
    {
        if (id.Text.Length is 0 or > byte.MaxValue) throw new ArgumentException($"a document id has 1 to {byte.MaxValue} bytes", nameof(id));
    }

    private void CheckHeads(ReadOnlyMemory<ChangeHash> heads)
    {
        if (heads.Length > HeadsMax) throw new ArgumentException($"{heads.Length} heads; the store keeps {HeadsMax} at most", nameof(heads));
    }

    private static class Closing
    {
        public const int Not = 0;
        public const int Cleanly = 1;
        public const int Abandoned = 2;
    }
}
