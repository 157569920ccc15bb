using System.IO.Pipelines;

namespace Ratatoskr.Engine.Storage;

/// <summary>The bytes of blobs, named by their content: they never change, and putting them twice is harmless. Who may have them is the <see cref="IBlobIndex"/>'s affair.</summary>
/// <remarks>
/// Safe on any thread; but nobody deletes a blob while another puts it: callers see to that, per hash. Everything throws a <see cref="StorageException"/> when the
/// store cannot take or give anything now.
/// </remarks>
public interface IBlobStore
{
    /// <summary>Takes the bytes in; they are durable when this returns. The staged blob stays, as the mark of something unfinished, until its owner discards it.</summary>
    ValueTask PutAsync(StagedBlob staged, CancellationToken stop);

    /// <returns>null: not there.</returns>
    ValueTask<IBlobContent?> OpenAsync(BlobHash hash, CancellationToken stop);

    /// <returns>false: it was not there.</returns>
    ValueTask<bool> DeleteAsync(BlobHash hash, CancellationToken stop);

    /// <summary>All there is, in no order; for the check. What comes or goes meanwhile may be left out.</summary>
    IAsyncEnumerable<StoredBlob> ListAsync(CancellationToken stop);
}

/// <summary>A blob opened for reading.</summary>
public interface IBlobContent : IAsyncDisposable
{
    long Length { get; }

    /// <summary>Where a browser gets the bytes itself, for some minutes; null when the store has no such place, and <see cref="SendAsync"/> must do it.</summary>
    /// <param name="contentType">Header that the answer shall have.</param>
    /// <param name="contentDisposition">Header that the answer shall have.</param>
    Uri? Address(string contentType, string contentDisposition);

    /// <summary>Writes a part of the bytes, straight into the writer's memory, flushing as it goes. Ends early if the reader has gone.</summary>
    ValueTask SendAsync(long offset, long length, PipeWriter to, CancellationToken stop);
}

/// <param name="WrittenAt">When its bytes came.</param>
public readonly record struct StoredBlob(BlobHash Hash, long Length, DateTimeOffset WrittenAt);
