using System.Globalization;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Tests.Contract;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>
/// The process that is killed: this assembly started again with <see cref="Variable"/> set to a data folder. Appends, compacts and deletes without end,
/// and writes one line per answer to its standard output.
/// </summary>
internal static class CrashChild
{
    public const string Variable = "RATATOSKR_CRASH_CHILD";
    public const int Documents = 16;

    /// <summary>Checkpoints and reclaims space all the time, so that a kill meets them too.</summary>
    public static FasterStoreOptions Restless(FasterStoreOptions options) => options with { CheckpointBytes = options.PageBytes, ReclaimBytesMin = options.PageBytes };

    /// <summary>A document's appends are numbered 1, 2, 3 … by its one writer: the number is the content, and the sequence.</summary>
    public static async Task RunAsync(string path)
    {
        FasterChunkStore store = await FasterChunkStore.OpenAsync(Restless(StoreFolder.OptionsFor(path)));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"opened {store.ReplayedEntries}"));
        await Task.WhenAll(Enumerable.Range(0, Documents).Select(i => Task.Run(() => WriteAsync(store, i))));
    }

    private static async Task WriteAsync(FasterChunkStore store, int document)
    {
        StoredDocument stored = await store.LoadAsync(Id(document));
        SnapshotVersion version = stored.Version;
        ulong next = stored.Tail.Count > 0 ? stored.Tail[^1].Sequence + 1 : stored.Snapshot.Index.IsEmpty ? 1 : BitConverter.ToUInt64(stored.Snapshot.Index.Span) + 1;
        while (true)
        {
            byte[] chunk = Content(document, next);
            AppendOutcome outcome = await store.AppendAsync(Append(Id(document), chunk, Hash((int)next)), Now, CancellationToken.None);
            if (outcome != AppendOutcome.Stored) throw new InvalidOperationException($"append was {outcome}");
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{document} {next}"));
            if (next % 50 == 0)
            {
                // The index says which append was folded last.
                SnapshotBody body = new(Bytes(document, 40_000), BitConverter.GetBytes(next), default);
                if (!await store.CompactAsync(Id(document), version, body, new TailRange(next), Now, CancellationToken.None)) throw new InvalidOperationException("lost");
                version = new SnapshotVersion(version.Value + 1);
            }

            next++;
        }
    }

    public static byte[] Content(int document, ulong number) => Bytes((document * 1_000_003) + (int)number, 100 + (int)(number % 7 * 300));
}
