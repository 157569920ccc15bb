using System.Security.Cryptography;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>The hash of an upload, as far as its chunks are there from the first on: taken while they are written, or from the file when one was missing.</summary>
/// <remarks>Safe on any thread; one reads the file for it at a time.</remarks>
internal sealed class UploadHash(BlobDisk disk, UploadShape shape, UploadFiles files, UploadChunks chunks) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private readonly PrefixHash _hash = new();

    /// <summary>For hashing a chunk while it is written; null: that is left for later.</summary>
    public IncrementalHash? TryTake(int index) => _hash.TryTake(index);

    public void Return(bool whole) => _hash.Return(whole);

    /// <summary>This chunk, and what follows, will be others.</summary>
    public void Forget(int index) => _hash.Forget(index);

    /// <summary>Hashes chunks that are there and come next. On a thread of the disk, for as long as it takes.</summary>
    public bool GoOn(PieceBuffers buffers)
    {
        while (_hash.Next is var index && index < shape.ChunkCount && !files.IsGone && chunks.Has(index))
        {
            if (_hash.TryTake(index) is not { } hash) return false; // the writer of the chunk that was missing a moment ago
            // Looked at again: who begins to write it from here on spoils what is taken.
            if (!chunks.Has(index))
            {
                _hash.PutBack();
                return false;
            }

            bool whole = false;
            try
            {
                whole = files.ReadChunk(index, buffers.First, piece => hash.AppendData(piece));
            }
            finally
            {
                _hash.Return(whole);
            }

            if (!whole) return false;
        }

        return true;
    }

    /// <summary>As <see cref="GoOn"/>, unless somebody is at it or nothing is to be done.</summary>
    public async ValueTask GoOnAsync()
    {
        if (!_hash.IsAhead || (_hash.Next is var next && (next >= shape.ChunkCount || !chunks.Has(next))) || !_turn.Wait(0, CancellationToken.None)) return;
        try
        {
            await disk.RunLongAsync("hashing an upload", GoOn).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Runs on a thread of the disk while nobody else goes on.</summary>
    public async ValueTask RunAloneAsync(string what, Func<PieceBuffers, bool> work, CancellationToken stop)
    {
        await _turn.WaitAsync(stop).ConfigureAwait(false);
        try
        {
            await disk.RunLongAsync(what, work).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Of all chunks, all hashed.</summary>
    /// <exception cref="IOException">They could not be: the file ends before.</exception>
    public BlobHash Finish(PieceBuffers buffers)
    {
        GoOn(buffers);
        return _hash.Next < shape.ChunkCount ? throw files.TooShort() : _hash.Current();
    }

    public void Dispose()
    {
        _hash.Dispose();
        _turn.Dispose();
    }
}
