using System.Security.Cryptography;
using System.Text;
using Automerge.Changes;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;

namespace Ratatoskr.Storage.Tests.Contract;

/// <summary>Ids, chunks and heads that look like those of documents. The store never looks inside.</summary>
internal static class TestDocuments
{
    public static readonly Fence Now = new(1, 0);

    public static DocumentId Id(string name) => DocumentId.FromTrusted(Encoding.ASCII.GetBytes(name));

    public static DocumentId Id(int number) => Id($"4NMNnkMhL8jXrdJ9jamS58PAVdXu{number}");

    public static byte[] Bytes(int seed, int length)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    public static ChangeHash Hash(int seed) => new(SHA256.HashData(BitConverter.GetBytes(seed)));

    public static AppendBatch Append(DocumentId id, byte[] chunks, params ChangeHash[] heads) => new(id, chunks, heads);

    public static async Task<AppendOutcome> AppendAsync(this IChunkStore store, DocumentId id, int seed, int length = 130) =>
        await store.AppendAsync(Append(id, Bytes(seed, length), Hash(seed)), Now, CancellationToken.None);

    public static async Task<StoredDocument> LoadAsync(this IChunkStore store, DocumentId id) => await store.LoadAsync(id, CancellationToken.None);

    public static async Task<bool> CompactAsync(this IChunkStore store, DocumentId id, SnapshotVersion read, int seed, ulong folded, int length = 1000) =>
        await store.CompactAsync(id, read, Body(seed, length), new TailRange(folded), Now, CancellationToken.None);

    public static SnapshotBody Body(int seed, int length, int indexLength = 100) => new(Bytes(seed, length), Bytes(~seed, indexLength), new[] { Hash(seed) });

    public static async Task<DocumentPeek> PeekAsync(this IChunkStore store, DocumentId id)
    {
        DocumentPeek[] into = new DocumentPeek[1];
        await store.PeekAsync(new[] { id }, into, CancellationToken.None);
        return into[0];
    }

    public static async Task<List<StoreDelta>> ReadSinceAsync(this IChunkStore store, StoreCursor since)
    {
        List<StoreDelta> deltas = [];
        await foreach (StoreDelta delta in store.ReadSinceAsync(since, CancellationToken.None)) deltas.Add(delta);
        return deltas;
    }
}
