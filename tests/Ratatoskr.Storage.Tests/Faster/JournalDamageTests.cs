using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Faster.Folders;
using Ratatoskr.Storage.Faster.Journals;
using Ratatoskr.Storage.Files;
using Ratatoskr.Storage.Tests.Contract;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>Damage of each kind in the journal behind the checkpoint: what it costs, and whom.</summary>
public sealed class JournalDamageTests : IDisposable
{
    private const int DocumentCount = 10;
    private const int FrameSize = 12;                    // FASTER's, before each entry

    private readonly StoreFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(13)]
    [InlineData((2 * DocumentCount) - 1)]
    public async Task Damaged_body_costs_its_document_until_that_is_deleted(int damaged)
    {
        await FillAsync();
        WalkedEntry entry = Entries()[damaged];
        Flip(entry, FrameSize + entry.Bytes.Length - 20, 1);
        FasterChunkStore store = await OpenAsync();
        string damage = Assert.Single(store.Damages);
        Assert.Contains(entry.Entry.Id.ToString(), damage, StringComparison.Ordinal);
        Assert.Contains(JournalFile, damage, StringComparison.Ordinal);
        for (int life = 0; life < 3; life++)
        {
            for (int i = 0; i < DocumentCount; i++)
            {
                if (i == damaged % DocumentCount) await AssertRefusedAsync(store, i, entry.Address);
                else Assert.Equal(2 + life, (await store.LoadAsync(Id(i))).Tail.Count);
                if (i != damaged % DocumentCount) Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Id(i), 50 + life));
            }

            if (life == 0) await store.AbandonAsync();
            else await store.DisposeAsync();
            store = await OpenAsync();
            Assert.Empty(store.Damages);
        }

        int id = damaged % DocumentCount;
        Assert.True(await store.DeleteAsync(Id(id), Now, CancellationToken.None));
        Assert.Equal(StoredPresence.Tombstoned, (await store.LoadAsync(Id(id))).Presence);
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Id(id), 99));
        await store.AbandonAsync();
        await using FasterChunkStore last = await OpenAsync();
        Assert.Equal(Bytes(99, 130), Assert.Single((await last.LoadAsync(Id(id))).Tail).Chunks.ToArray());
    }

    [Fact]
    public async Task Any_flipped_bit_of_a_header_is_put_right()
    {
        await FillAsync();
        List<WalkedEntry> entries = Entries();
        int headerEnd = JournalEntry.HeaderSize + Id(0).Text.Length;
        for (int at = FrameSize; at < FrameSize + headerEnd; at += 3)
        {
            using StoreFolder image = _folder.Image();
            WalkedEntry entry = entries[5 + (at % 10)];
            Flip(entry, at, (byte)(1 << (at % 8)), image);
            await using FasterChunkStore store = await FasterChunkStore.OpenAsync(image.Options);
            Assert.Contains(Id((5 + (at % 10)) % DocumentCount).ToString(), Assert.Single(store.Damages), StringComparison.Ordinal);
            for (int i = 0; i < DocumentCount; i++) Assert.Equal([Bytes(i, 130), Bytes(100 + i, 130)], (await store.LoadAsync(Id(i))).Tail.Select(one => one.Chunks.ToArray()));
        }
    }

    [Fact]
    public async Task Header_beyond_repair_stops_the_opening_unless_accepted()
    {
        await FillAsync();
        Flip(Entries()[12], FrameSize + 20, 0b101);
        StoreDamagedException e = await Assert.ThrowsAsync<StoreDamagedException>(OpenAsync);
        Assert.Contains(JournalFile, e.Message, StringComparison.Ordinal);
        await (await FasterChunkStore.OpenAsync(_folder.Options with { AcceptDamagedJournal = true })).DisposeAsync();
        await using FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < DocumentCount; i++) Assert.Equal(i < 2 ? 2 : 1, (await store.LoadAsync(Id(i))).Tail.Count);
    }

    [Fact]
    public async Task Damaged_commit_record_costs_nothing()
    {
        await FillAsync();
        // The bytes behind an entry and its padding, whose commit was its own: FASTER's record of it.
        foreach (int of in (int[])[6, (2 * DocumentCount) - 1])
        {
            using StoreFolder image = _folder.Image();
            WalkedEntry entry = Entries()[of];
            Flip(entry, FrameSize + ((entry.Bytes.Length + 3) & ~3) + 30, 1, image);
            FasterChunkStore store = await FasterChunkStore.OpenAsync(image.Options);
            for (int i = 0; i < DocumentCount; i++) Assert.Equal(2, (await store.LoadAsync(Id(i))).Tail.Count);
            Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Id(0), 7));
            await store.AbandonAsync();
            await using FasterChunkStore reopened = await FasterChunkStore.OpenAsync(image.Options);
            for (int i = 0; i < DocumentCount; i++) Assert.Equal(i == 0 ? 3 : 2, (await reopened.LoadAsync(Id(i))).Tail.Count);
        }
    }

    [Fact]
    public async Task Append_that_a_later_snapshot_holds_is_not_missed()
    {
        FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < 3; i++) await store.AppendAsync(Id(1), i);
        Assert.True(await store.CompactAsync(Id(1), SnapshotVersion.None, 7, 3));
        await store.AppendAsync(Id(1), 4);
        await store.AbandonAsync();
        WalkedEntry lost = Entries()[2];
        Flip(lost, FrameSize + lost.Bytes.Length - 20, 1);
        await using FasterChunkStore reopened = await OpenAsync();
        Assert.Single(reopened.Damages);
        StoredDocument document = await reopened.LoadAsync(Id(1));
        Assert.Equal(Bytes(7, 1000), document.Snapshot.Chunk.ToArray());
        Assert.Equal(4ul, Assert.Single(document.Tail).Sequence);
        Assert.Equal(Bytes(4, 130), document.Tail[0].Chunks.ToArray());
        Assert.Equal(AppendOutcome.Stored, await reopened.AppendAsync(Id(1), 5));
    }

    [Theory]
    [InlineData((int)EntryKind.BodyPart)]
    [InlineData((int)EntryKind.Compacted)]
    public async Task Damaged_compaction_costs_its_document(int kind)
    {
        FasterChunkStore store = await OpenAsync();
        await store.AppendAsync(Id(1), 1);
        await store.AppendAsync(Id(2), 1);
        Assert.True(await store.CompactAsync(Id(1), SnapshotVersion.None, 7, 1));
        await store.AbandonAsync();
        WalkedEntry lost = Entries().First(entry => (int)entry.Entry.Kind == kind);
        Flip(lost, FrameSize + lost.Bytes.Length - 5, 1);
        await using FasterChunkStore reopened = await OpenAsync();
        await AssertRefusedAsync(reopened, 1, null);
        Assert.Single((await reopened.LoadAsync(Id(2))).Tail);
    }

    [Fact]
    public async Task Deletion_has_nothing_but_its_header_to_lose()
    {
        FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < 3; i++) await store.AppendAsync(Id(i), i);
        await store.DeleteAsync(Id(1), Now, CancellationToken.None);
        await store.AppendAsync(Id(2), 9);
        await store.AbandonAsync();
        Flip(Entries()[3], FrameSize, 0b11);                     // the sum over all, beyond repair
        await using FasterChunkStore reopened = await OpenAsync();
        Assert.Single(reopened.Damages);
        Assert.Equal(StoredPresence.Tombstoned, (await reopened.LoadAsync(Id(1))).Presence);
        Assert.Equal(2, (await reopened.LoadAsync(Id(2))).Tail.Count);
    }

    [Fact]
    public async Task Content_that_looks_like_an_entry_is_none()
    {
        FasterChunkStore store = await OpenAsync();
        await store.AppendAsync(Id(1), 1);
        await store.AbandonAsync();
        WalkedEntry first = Entries()[0];
        byte[] forged = new byte[500];
        JournalHeader header = new(EntryKind.Deleted, 1) { Incarnation = first.Entry.Incarnation + 1, Previous = first.Address };
        int length = JournalEntry.Write(forged.AsSpan(FrameSize), header, Id(1), default, default);
        store = await OpenAsync();
        await store.AppendAsync(Append(Id(2), forged[..(FrameSize + length + 40)], Hash(2)), Now, CancellationToken.None);
        await store.AppendAsync(Id(3), 3);
        await store.AbandonAsync();
        WalkedEntry carrier = Entries()[1];
        // Its own length in the frame, which leads FASTER into the content.
        Flip(carrier, 8, 64);
        Flip(carrier, FrameSize + carrier.Bytes.Length - 10, 1);
        await using FasterChunkStore reopened = await OpenAsync();
        Assert.Equal(Bytes(1, 130), Assert.Single((await reopened.LoadAsync(Id(1))).Tail).Chunks.ToArray());
        await AssertRefusedAsync(reopened, 2, carrier.Address);
        Assert.Single((await reopened.LoadAsync(Id(3))).Tail);
    }

    private string JournalFile => Path.Combine(_folder.Path, "documents", "journal", "journal.0");

    private Task<FasterChunkStore> OpenAsync() => FasterChunkStore.OpenAsync(_folder.Options);

    // Each document twice, the entries in that order, and no checkpoint.
    private async Task FillAsync()
    {
        FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < DocumentCount; i++) await store.AppendAsync(Id(i), i);
        for (int i = 0; i < DocumentCount; i++) await store.AppendAsync(Id(i), 100 + i);
        await store.AbandonAsync();
    }

    private List<WalkedEntry> Entries()
    {
        using DataFolder folder = DataFolder.Open(DiskFiles.Instance, _folder.Path, _folder.Options.Geometry);
        return StoredJournal.Read(folder);
    }

    private void Flip(WalkedEntry entry, int at, byte mask, StoreFolder? folder = null)
    {
        string file = Path.Combine((folder ?? _folder).Path, "documents", "journal", "journal.0");
        byte[] bytes = File.ReadAllBytes(file);
        bytes[entry.Address + at] ^= mask;
        File.WriteAllBytes(file, bytes);
    }

    private static async Task AssertRefusedAsync(FasterChunkStore store, int document, long? address)
    {
        foreach (Func<Task> call in (Func<Task>[])
        [
            () => store.LoadAsync(Id(document)), () => store.PeekAsync(Id(document)), () => store.AppendAsync(Id(document), 1),
            () => store.CompactAsync(Id(document), SnapshotVersion.None, 1, 1),
        ])
        {
            StoreDamagedException e = await Assert.ThrowsAsync<StoreDamagedException>(call);
            Assert.Contains(Id(document).ToString(), e.Message, StringComparison.Ordinal);
            if (address is { } at) Assert.Contains($"damaged at {at},", e.Message, StringComparison.Ordinal);
        }
    }
}
