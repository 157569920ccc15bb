using System.IO.Pipelines;
using System.Security.Cryptography;
using Ratatoskr.Engine.Storage;

namespace Ratatoskr.Storage.Blobs;

/// <summary>
/// Compares an index of blobs with a store's bytes, both ways: what the index knows must be there, as long as it says, and hash to its name; what is there must be known.
/// </summary>
/// <remarks>Reads every byte, in pieces. For when nobody writes to either.</remarks>
internal sealed class BlobAudit(IBlobIndex index, IBlobStore store)
{
    private const int PageLength = 500;
    private const int BufferBytes = 64 << 10;

    /// <param name="tell">Gets a line for each damage.</param>
    /// <returns>Blobs that the index knows.</returns>
    public async Task<long> CheckIndexAsync(Action<string> tell, CancellationToken stop)
    {
        long blobs = 0;
        for (BlobHash? after = null; ;)
        {
            IReadOnlyList<BlobRecord> page = await index.PageAsync(after, PageLength, stop).ConfigureAwait(false);
            foreach (BlobRecord record in page)
            {
                blobs++;
                if (await FaultOfAsync(record, stop).ConfigureAwait(false) is { } fault) tell($"blob {record.Hash}: {fault} ({PlaceOf(record.Hash)})");
            }

            if (page.Count < PageLength) return blobs;
            after = page[^1].Hash;
        }
    }

    /// <param name="note">Gets a line for each blob that the index does not know.</param>
    /// <returns>How many these are.</returns>
    public async Task<long> CheckStoreAsync(Action<string> note, CancellationToken stop)
    {
        long orphans = 0;
        await foreach (StoredBlob stored in store.ListAsync(stop).ConfigureAwait(false))
        {
            if (await index.FindAsync(stored.Hash, stop).ConfigureAwait(false) is not null) continue;
            orphans++;
            note($"blob {stored.Hash}: {stored.Length} bytes that the index does not know; a running server removes them ({PlaceOf(stored.Hash)})");
        }

        return orphans;
    }

    private async Task<string?> FaultOfAsync(BlobRecord record, CancellationToken stop)
    {
        try
        {
            IBlobContent? content = await store.OpenAsync(record.Hash, stop).ConfigureAwait(false);
            if (content is null) return "its bytes are missing";
            await using (content.ConfigureAwait(false))
            {
                if (content.Length != record.Size) return $"{content.Length} bytes of {record.Size} are there";
                BlobHash hash = await HashAsync(content, stop).ConfigureAwait(false);
                return hash == record.Hash ? null : $"its bytes are not what was put, their SHA-256 is {hash}";
            }
        }
        catch (StorageException e)
        {
            return e.Message;
        }
    }

    private static async Task<BlobHash> HashAsync(IBlobContent content, CancellationToken stop)
    {
        using SHA256 hash = SHA256.Create();
        CryptoStream bytes = new(Stream.Null, hash, CryptoStreamMode.Write);
        await using (bytes.ConfigureAwait(false))
        {
            PipeWriter writer = PipeWriter.Create(bytes, new StreamPipeWriterOptions(minimumBufferSize: BufferBytes, leaveOpen: true));
            await content.SendAsync(0, content.Length, writer, stop).ConfigureAwait(false);
            await writer.CompleteAsync().ConfigureAwait(false);
            await bytes.FlushFinalBlockAsync(stop).ConfigureAwait(false);
            return BlobHash.From(hash.Hash);
        }
    }

    private string PlaceOf(BlobHash hash) => store is FileBlobStore files ? files.PathOf(hash) : "in the bucket";
}
