using System.Globalization;
using System.Security.Cryptography;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Files;
using Ratatoskr.Storage.Tests.Contract;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>
/// One bit of one file of a stopped store, for files of every kind: what is served afterwards is what was stored, or is refused by name, and everything else is served and written.
/// FLIPPED_BITS (per file) and FLIPPED_BITS_SEED for a long run by hand.
/// </summary>
public sealed class FlippedBitTests : IDisposable
{
    private const int DocumentCount = 24;
    private const int FrameSize = 12;                    // FASTER's, before each entry of the journal
    private static readonly int BitsPerFile = Number("FLIPPED_BITS", 2);
    private static readonly int Seed = Number("FLIPPED_BITS_SEED", 1);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly StoreFolder _folder = new();
    private readonly Dictionary<DocumentId, string> _content = [];

    // Small pages and no memory to speak of: the table lies on disk.
    private FasterStoreOptions Options => _folder.Options with { PageBytes = 16 << 10, TableMemoryBytes = 64 << 10, JournalMemoryBytes = 64 << 10, TableSegmentBytes = 128 << 10, JournalSegmentBytes = 64 << 10, IndexBuckets = 64, CheckpointBytes = 1 << 20 };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Flipped_bit_is_named_or_changes_nothing(bool hasJournal)
    {
        await FillAsync(hasJournal);
        Random random = new(Seed);
        List<string> failures = [];
        SortedDictionary<string, (int Named, int Nothing)> found = [];
        string root = Path.Combine(_folder.Path, "documents");
        foreach (string file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Append(Path.Combine(_folder.Path, "format")).Order(StringComparer.Ordinal))
        {
            string name = Path.GetRelativePath(_folder.Path, file);
            string kind = Directory.GetParent(file)!.Parent!.Name == "checkpoints" ? "checkpoints/" + Path.GetFileName(file) : name;
            if (!File.Exists(file)) continue;             // FASTER removes segments behind our back
            byte[] bytes = await File.ReadAllBytesAsync(file);
            for (int i = 0; i < BitsPerFile && bytes.Length > 0; i++)
            {
                long bit = random.NextInt64(bytes.Length * 8L);
                using StoreFolder image = _folder.Image();
                bytes[bit / 8] ^= (byte)(1 << (int)(bit % 8));
                await File.WriteAllBytesAsync(Path.Combine(image.Path, name), bytes);
                bytes[bit / 8] ^= (byte)(1 << (int)(bit % 8));
                string flip = string.Create(CultureInfo.InvariantCulture, $"{name}, byte {bit / 8}, bit {bit % 8}");
                try
                {
                    (bool named, _) = await TryAsync(image.Path, name).WaitAsync(Patience);
                    (int Named, int Nothing) before = found.GetValueOrDefault(kind);
                    found[kind] = named ? before with { Named = before.Named + 1 } : before with { Nothing = before.Nothing + 1 };
                }
                catch (Exception e)
                {
                    failures.Add($"{flip}: {e.GetType().Name}: {e.Message}");
                }
            }
        }

        foreach ((string kind, (int named, int nothing)) in found) TestContext.Current.TestOutputHelper!.WriteLine($"{kind}: {named} named, {nothing} without effect");
        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    [Fact]
    public async Task Flipped_bit_in_a_journal_entry_is_named_and_costs_its_document_at_most()
    {
        await FillAsync(hasJournal: true);
        List<WalkedEntry> entries;
        using (DataFolder folder = DataFolder.Open(DiskFiles.Instance, _folder.Path, Options.Geometry)) entries = StoredJournal.Read(folder);
        Assert.True(entries.Count > DocumentCount * 6);
        Random random = new(Seed);
        List<string> failures = [];
        foreach (string place in (string[])["frame", "header", "id", "content", "padding", "behind"])
        {
            for (int i = 0; i < 2 * BitsPerFile; i++)
            {
                WalkedEntry entry = entries[random.Next(entries.Count)];
                int id = FrameSize + JournalEntry.HeaderSize, content = id + entry.Entry.Id.Text.Length, end = FrameSize + entry.Bytes.Length, padded = (end + 3) & ~3;
                (int from, int to) = place switch { "frame" => (0, FrameSize), "header" => (FrameSize, id), "id" => (id, content), "content" => (content, end), "padding" => (end, padded), _ => (padded, padded + 60) };
                if (from == to) continue;
                long at = entry.Address + random.Next(from, to);
                string name = string.Create(CultureInfo.InvariantCulture, $"documents/journal/journal.{at / Options.JournalSegmentBytes}");
                using StoreFolder image = _folder.Image();
                if (!File.Exists(Path.Combine(image.Path, name))) continue;   // behind the last
                using (FileStream file = File.Open(Path.Combine(image.Path, name), FileMode.Open))
                {
                    if (at % Options.JournalSegmentBytes >= file.Length) continue;
                    file.Position = at % Options.JournalSegmentBytes;
                    int was = file.ReadByte();
                    file.Position--;
                    file.WriteByte((byte)(was ^ (1 << random.Next(8))));
                }

                try
                {
                    (bool named, int refused) = await TryAsync(image.Path, name).WaitAsync(Patience);
                    if (!named && place is not ("padding" or "behind")) throw new InvalidOperationException("it was not named");
                    if (refused > (place is "content" or "behind" ? 1 : 0)) throw new InvalidOperationException($"{refused} documents are refused");
                }
                catch (Exception e)
                {
                    failures.Add($"{place} of the entry at {entry.Address}, at {at}: {e.GetType().Name}: {e.Message}");
                }
            }
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    // Whether something was named, and how many documents are refused.
    private async Task<(bool Named, int Refused)> TryAsync(string path, string name)
    {
        int refused = 0;
        List<string> damages = [];
        await FolderCheck.RunAsync(path, damages.Add);
        bool named = damages.Count > 0;
        if (named && !damages.Exists(line => line.Contains(Path.Combine(path, name), StringComparison.Ordinal))) throw new InvalidOperationException("the file is not named: " + string.Join("; ", damages));

        FasterChunkStore store = await FasterChunkStore.OpenAsync(Options with { Folder = path });
        try
        {
            foreach ((DocumentId id, string content) in _content)
            {
                string? now = null;
                try
                {
                    now = Describe(await store.LoadAsync(id), await store.PeekAsync(id));
                }
                catch (StoreDamagedException e) when (e.Message.Contains(id.ToString(), StringComparison.Ordinal))
                {
                    if (!named) throw new InvalidOperationException("the check has not found: " + e.Message);
                    refused++;
                    continue;
                }

                if (now != content) throw new InvalidOperationException($"{id} is not what it was, and nobody says so:\n{content}\n{now}\n{string.Join("\n", damages)}");
                if ((await store.AppendAsync(id, 99)) != AppendOutcome.Stored) throw new InvalidOperationException($"{id} cannot be written");
            }

            if (await store.AppendAsync(Id("new"), 1) != AppendOutcome.Stored) throw new InvalidOperationException("nothing new can be written");
        }
        finally
        {
            await store.DisposeAsync();
        }

        return (named, refused);
    }

    private async Task FillAsync(bool hasJournal)
    {
        FasterChunkStore store = await FasterChunkStore.OpenAsync(Options);
        await WriteAsync(store, 0);
        await store.CheckpointAsync();
        await WriteAsync(store, 1000);
        if (hasJournal)
        {
            await store.AbandonAsync();
            store = await FasterChunkStore.OpenAsync(Options);
            await store.CheckpointAsync();
            await WriteAsync(store, 2000);
        }

        for (int i = 0; i < DocumentCount; i++) _content[Id(i)] = Describe(await store.LoadAsync(Id(i)), await store.PeekAsync(Id(i)));
        if (hasJournal) await store.AbandonAsync();
        else await store.DisposeAsync();
    }

    private static async Task WriteAsync(FasterChunkStore store, int seed)
    {
        for (int i = 0; i < DocumentCount; i++)
        {
            for (int n = 0; n < 6; n++) await store.AppendAsync(Append(Id(i), Chunk(seed + n, 40 + (n * 150)), Hash(seed + n)), Now, CancellationToken.None);
            StoredDocument document = await store.LoadAsync(Id(i));
            if (i % 3 == 0) await store.CompactAsync(Id(i), document.Version, new SnapshotBody(Chunk(i, 9000), Bytes(~i, 100), document.Tail.Count == 0 ? default : new[] { Hash(i) }), new TailRange(document.Tail[3].Sequence), Now, CancellationToken.None);
            if (i % 4 == 1) await store.SaveSyncStateAsync(Id(i), Bytes(i, 36), Bytes(seed, 200), CancellationToken.None);
            if (i % 7 == 5) await store.DeleteAsync(Id(i), Now, CancellationToken.None);
            if (i % 7 == 6) await store.AppendAsync(Append(Id(i), Chunk(seed, 20_000), Hash(seed + i)), Now, CancellationToken.None);
        }
    }

    private static byte[] Chunk(int seed, int length)
    {
        byte[] hashed = [1, .. Leb(length), .. Bytes(seed, length)];
        return [0x85, 0x6F, 0x4A, 0x83, .. SHA256.HashData(hashed).AsSpan(0, 4), .. hashed];
    }

    private static byte[] Leb(int number)
    {
        List<byte> bytes = [];
        for (; number > 127; number >>= 7) bytes.Add((byte)(number | 128));
        bytes.Add((byte)number);
        return [.. bytes];
    }

    private static string Describe(StoredDocument document, DocumentPeek peek) => string.Join(
        ' ',
        (string[])[
            $"{document.Presence} {document.Version} {peek.Presence}", .. peek.Heads.ToArray().Select(head => head.ToString()), Convert.ToHexString(SHA256.HashData(document.Snapshot.Chunk.Span)),
            Convert.ToHexString(SHA256.HashData(document.Snapshot.Index.Span)), .. document.Tail.Select(entry => $"{entry.Sequence}:{Convert.ToHexString(SHA256.HashData(entry.Chunks.Span))}"),
        ]);

    private static int Number(string variable, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int given) ? given : otherwise;
}
