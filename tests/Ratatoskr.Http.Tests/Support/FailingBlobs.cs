using System.IO.Pipelines;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Http.Tests.Support;

/// <summary>A disk that is full when the test says so.</summary>
internal sealed class FullDisk : StorageException
{
    public FullDisk()
        : base("the disk is full")
    {
    }
}

/// <summary>A stage whose disk is full at times: before anything of a body was read, or in the middle.</summary>
internal sealed class FailingStage(IBlobStage inner) : IBlobStage
{
    public bool IsFull { get; set; }

    public async ValueTask<ChunkOutcome> WriteChunkAsync(UploadShape upload, int index, PipeReader body, CancellationToken stop)
    {
        if (!IsFull) return await inner.WriteChunkAsync(upload, index, body, stop);
        await body.ReadAsync(stop);
        throw new FullDisk();
    }

    public ValueTask<ChunksReceived> ReceivedAsync(UploadShape upload, CancellationToken stop) => inner.ReceivedAsync(upload, stop);

    public ValueTask<StagedBlob?> SealAsync(UploadShape upload, CancellationToken stop) => IsFull ? throw new FullDisk() : inner.SealAsync(upload, stop);

    public ValueTask<TakeOutcome> TakeAsync(long? length, long lengthMax, PipeReader body, CancellationToken stop) =>
        IsFull ? throw new FullDisk() : inner.TakeAsync(length, lengthMax, body, stop);

    public ValueTask DiscardAsync(Guid upload, CancellationToken stop) => IsFull ? throw new FullDisk() : inner.DiscardAsync(upload, stop);

    public ValueTask<IReadOnlyList<StagedBlob>> RecoverAsync(IReadOnlySet<Guid> uploads, CancellationToken stop) => inner.RecoverAsync(uploads, stop);
}

/// <summary>A store that cannot take a blob at times, before it is in or after; and gives none.</summary>
internal sealed class FailingStore(IBlobStore inner) : IBlobStore
{
    public bool FailsBeforePut { get; set; }

    public bool FailsAfterPut { get; set; }

    public bool FailsToOpen { get; set; }

    /// <summary>Those that cannot be opened or deleted.</summary>
    public HashSet<BlobHash> Damaged { get; } = [];

    /// <summary>How often something was put.</summary>
    public int Puts { get; private set; }

    /// <summary>What a deletion waits for before it deletes.</summary>
    public Task BeforeDeletion { get; set; } = Task.CompletedTask;

    /// <summary>Ends when a deletion has begun to wait.</summary>
    public TaskCompletionSource Deleting { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async ValueTask PutAsync(StagedBlob staged, CancellationToken stop)
    {
        Puts++;
        if (FailsBeforePut) throw new FullDisk();
        await inner.PutAsync(staged, stop);
        if (FailsAfterPut) throw new FullDisk();
    }

    public ValueTask<IBlobContent?> OpenAsync(BlobHash hash, CancellationToken stop) => FailsToOpen || Damaged.Contains(hash) ? throw new FullDisk() : inner.OpenAsync(hash, stop);

    public async ValueTask<bool> DeleteAsync(BlobHash hash, CancellationToken stop)
    {
        Deleting.TrySetResult();
        await BeforeDeletion;
        if (Damaged.Contains(hash)) throw new FullDisk();
        return await inner.DeleteAsync(hash, stop);
    }

    public IAsyncEnumerable<StoredBlob> ListAsync(CancellationToken stop) => inner.ListAsync(stop);
}

/// <summary>A store that has an address for each blob, as a bucket does.</summary>
internal sealed class AddressedStore(IBlobStore inner) : IBlobStore
{
    public ValueTask PutAsync(StagedBlob staged, CancellationToken stop) => inner.PutAsync(staged, stop);

    public async ValueTask<IBlobContent?> OpenAsync(BlobHash hash, CancellationToken stop) => await inner.OpenAsync(hash, stop) is { } content ? new Content(hash, content) : null;

    public ValueTask<bool> DeleteAsync(BlobHash hash, CancellationToken stop) => inner.DeleteAsync(hash, stop);

    public IAsyncEnumerable<StoredBlob> ListAsync(CancellationToken stop) => inner.ListAsync(stop);

    private sealed class Content(BlobHash hash, IBlobContent inner) : IBlobContent
    {
        public long Length => inner.Length;

        public Uri? Address(string contentType, string contentDisposition) =>
            new($"https://bucket.example.org/{hash}?type={Uri.EscapeDataString(contentType)}&disposition={Uri.EscapeDataString(contentDisposition)}");

        public ValueTask SendAsync(long offset, long length, PipeWriter to, CancellationToken stop) => inner.SendAsync(offset, length, to, stop);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
