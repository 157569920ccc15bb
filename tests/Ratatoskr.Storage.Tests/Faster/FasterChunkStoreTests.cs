using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Tests.Contract;
using Ratatoskr.Storage.Tests.PowerCuts;
using SharedTests.Clocks;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.Faster;

public sealed class FasterChunkStoreTests : IDisposable
{
    private readonly StoreFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Second_opening_of_a_folder_is_refused()
    {
        await using FasterChunkStore store = await OpenAsync();
        StoreFolderException e = await Assert.ThrowsAsync<StoreFolderException>(OpenAsync);
        Assert.Contains(_folder.Path, e.Message, StringComparison.Ordinal);
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Id(1), 1));
    }

    [Fact]
    public async Task Unknown_format_version_is_refused_in_one_line()
    {
        await (await OpenAsync()).DisposeAsync();
        string format = Path.Combine(_folder.Path, "format");
        await File.WriteAllTextAsync(format, (await File.ReadAllTextAsync(format)).Replace("ratatoskr 4\n", "ratatoskr 5\n", StringComparison.Ordinal));
        StoreFolderException e = await Assert.ThrowsAsync<StoreFolderException>(OpenAsync);
        Assert.Contains("'5'", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public async Task Documents_without_a_format_file_are_not_overwritten()
    {
        await (await OpenAsync()).DisposeAsync();
        File.Delete(Path.Combine(_folder.Path, "format"));
        await Assert.ThrowsAsync<StoreFolderException>(OpenAsync);
    }

    [Fact]
    public async Task Storage_id_survives_and_the_folder_is_private()
    {
        string path = Path.Combine(_folder.Path, "data");
        FasterChunkStore store = await FasterChunkStore.OpenAsync(_folder.Options with { Folder = path });
        string id = store.StorageId;
        Assert.Equal('4', id[14]);   // UUIDv4
        await store.DisposeAsync();
        store = await FasterChunkStore.OpenAsync(_folder.Options with { Folder = path });
        Assert.Equal(id, store.StorageId);
        await store.DisposeAsync();
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path));
    }

    [Fact]
    public async Task Folder_keeps_the_sizes_it_was_made_with()
    {
        FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < 50; i++) await store.AppendAsync(Id(i), i, 40_000);
        await store.DisposeAsync();
        FasterStoreOptions others = new() { Folder = _folder.Path, ReserveBytes = 0, PageBytes = 512 << 10, IndexBuckets = 1 << 12 };
        for (int round = 0; round < 2; round++)
        {
            store = await FasterChunkStore.OpenAsync(others);
            for (int i = 0; i < 50; i++) Assert.Equal(Bytes(i, 40_000), (await store.LoadAsync(Id(i))).Tail[0].Chunks.ToArray());
            await store.AppendAsync(Id(0), 1, 500_000);
            await store.AbandonAsync();
        }
    }

    [Fact]
    public async Task Most_heads_that_are_allowed_are_kept()
    {
        await using FasterChunkStore store = await OpenAsync();
        Automerge.Changes.ChangeHash[] heads = [.. Enumerable.Range(0, store.HeadsMax).Select(Hash)];
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Append(Id(1), Bytes(1, 200_000), heads), Now, CancellationToken.None));
        Assert.Equal(heads, (await store.PeekAsync(Id(1))).Heads.ToArray());
        await Assert.ThrowsAsync<ArgumentException>(async () => await store.AppendAsync(Append(Id(1), [], [.. heads, Hash(-1)]), Now, CancellationToken.None));
    }

    [Fact]
    public async Task Records_of_any_size_and_shrinking_ones_are_scanned_past()
    {
        // Sizes of all residues, so that every gap occurs at the ends of pages, and lists that shrink in place.
        await using FasterChunkStore store = await OpenAsync();
        StoreCursor start = store.Now;
        for (int i = 0; i < 3000; i++)
        {
            DocumentId id = Id($"document {i} {new string('x', i % 23)}");
            await store.AppendAsync(id, i, (i * 7) % 1501);
            for (int length = 60; length > 0; length -= 7 + (i % 9)) await store.SaveSyncStateAsync(id, Bytes(1, 3), Bytes(i, length), CancellationToken.None);
            if (i % 500 == 0) await store.CheckpointAsync();
        }

        await store.CheckpointAsync();
        Assert.Equal(3000, (await store.ReadSinceAsync(start)).Select(delta => delta.Id).Distinct().Count());
    }

    [Fact]
    public async Task Calls_after_disposal_are_refused()
    {
        FasterChunkStore store = await OpenAsync();
        await store.DisposeAsync();
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.AppendAsync(Id(1), 1));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.LoadAsync(Id(1)));
    }

    [Fact]
    public async Task Image_of_a_running_store_holds_exactly_what_was_acknowledged()
    {
        await using FasterChunkStore store = await OpenAsync();
        for (int round = 0; round < 5; round++)
        {
            for (int i = 0; i < 20; i++) await store.AppendAsync(Id(i), (round * 20) + i);
            if (round == 2) await store.CheckpointAsync();
            using StoreFolder image = _folder.Image();
            await using FasterChunkStore copy = await FasterChunkStore.OpenAsync(image.Options);
            Assert.Equal(round < 2 ? (round + 1) * 20 : (round - 2) * 20, copy.ReplayedEntries);
            for (int i = 0; i < 20; i++)
            {
                Assert.Equal(Enumerable.Range(0, round + 1).Select(r => Bytes((r * 20) + i, 130)), (await copy.LoadAsync(Id(i))).Tail.Select(e => e.Chunks.ToArray()));
            }
        }
    }

    [Fact]
    public async Task Lost_commit_hints_lose_nothing()
    {
        FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < 30; i++) await store.AppendAsync(Id(1), i);
        await store.AbandonAsync();
        File.Delete(Path.Combine(_folder.Path, "documents", "journal", "commits"));
        await using FasterChunkStore reopened = await OpenAsync();
        Assert.Equal(30, (await reopened.LoadAsync(Id(1))).Tail.Count);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(4000)]
    public async Task Truncated_journal_is_noticed_and_opens_only_when_accepted(int cut)
    {
        FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < 30; i++) await store.AppendAsync(Id(1), i);
        await store.AbandonAsync();
        string journal = Path.Combine(_folder.Path, "documents", "journal", "journal.0");
        long end = LastNonZero(journal) + 1;
        using (FileStream file = File.OpenWrite(journal)) file.SetLength(end - cut);
        await Assert.ThrowsAsync<StoreDamagedException>(OpenAsync);
        store = await FasterChunkStore.OpenAsync(_folder.Options with { AcceptDamagedJournal = true });
        int kept = (await store.LoadAsync(Id(1))).Tail.Count;
        Assert.InRange(kept, 1, 29);
        for (int i = 0; i < 5; i++) await store.AppendAsync(Id(1), 100 + i);
        await store.AbandonAsync();
        await using FasterChunkStore reopened = await OpenAsync();
        StoredDocument document = await reopened.LoadAsync(Id(1));
        Assert.Equal(Enumerable.Range(0, kept).Concat(Enumerable.Range(100, 5)).Select(seed => Bytes(seed, 130)), document.Tail.Select(e => e.Chunks.ToArray()));
    }

    [Fact]
    public async Task Flipped_bit_in_the_table_is_noticed_and_named()
    {
        FasterChunkStore store = await OpenAsync();
        for (int i = 0; i < 30; i++) await store.AppendAsync(Id(i), i);
        await store.DisposeAsync();
        FlipBit(Path.Combine(_folder.Path, "documents", "table", "table.0"), Bytes(12, 130));
        await using FasterChunkStore reopened = await OpenAsync();
        StoreDamagedException e = await Assert.ThrowsAsync<StoreDamagedException>(() => reopened.LoadAsync(Id(12)));
        Assert.Contains(Id(12).ToString(), e.Message, StringComparison.Ordinal);
        Assert.Contains("table.0", e.Message, StringComparison.Ordinal);
        Assert.Equal(Bytes(25, 130), (await reopened.LoadAsync(Id(25))).Tail[0].Chunks.ToArray());
    }

    [Fact]
    public async Task Empty_store_is_checkpointed_and_opened_again()
    {
        for (int i = 0; i < 3; i++)
        {
            await using FasterChunkStore store = await OpenAsync();
            await store.CheckpointAsync().WaitAsync(TimeSpan.FromMinutes(1));
            Assert.Equal(StoredPresence.Unknown, (await store.LoadAsync(Id(1))).Presence);
        }

        Assert.True(File.Exists(Path.Combine(_folder.Path, "documents", "checkpoint")));
    }

    [Fact]
    public async Task Checkpoint_frees_the_journal_and_older_checkpoints()
    {
        await using FasterChunkStore store = await OpenAsync();
        for (int round = 0; round < 3; round++)
        {
            for (int i = 0; i < 8; i++) await store.AppendAsync(Id(i), i, 1 << 20);
            Assert.True(_folder.Size("journal") >= 8 << 20);
            await store.CheckpointAsync();
            // FASTER removes files when no thread can be reading them any more: soon.
            for (int tries = 0; tries < 1000 && _folder.Size("journal") > 2 << 20; tries++) await Task.Delay(10);
            Assert.True(_folder.Size("journal") <= 2 << 20, $"{_folder.Size("journal")} bytes of journal are left");
            Assert.Single(Directory.GetDirectories(Path.Combine(_folder.Path, "documents", "checkpoints")));
        }
    }

    [Fact]
    public async Task Space_of_compacted_and_deleted_documents_comes_back()
    {
        FasterStoreOptions options = _folder.Options with { ReclaimBytesMin = 2 << 20, CheckpointBytes = 4 << 20 };
        FasterChunkStore store = await FasterChunkStore.OpenAsync(options);
        const int kept = 10, documents = 20, rounds = 12, size = 400_000;
        for (int round = 0; round < rounds; round++)
        {
            for (int i = 0; i < documents; i++)
            {
                await store.AppendAsync(Id(i), i, 10_000);
                await store.SaveSyncStateAsync(Id(i), Bytes(i, 36), Bytes(i, 60), CancellationToken.None);
                Assert.True(await store.CompactAsync(Id(i), new SnapshotVersion((ulong)round), (round * 100) + i, (ulong)round + 1, size));
            }
        }

        // 12 × 20 × 400 KB = 96 MB were written, 8 MB are alive.
        long written = (long)rounds * documents * size;
        Assert.True(_folder.Size("table") < written / 3, $"{_folder.Size("table")} bytes of {written}");
        for (int i = kept; i < documents; i++) Assert.True(await store.DeleteAsync(Id(i), Now, CancellationToken.None));
        await store.DisposeAsync();
        store = await FasterChunkStore.OpenAsync(options);
        for (int i = 0; i < documents; i++)
        {
            StoredDocument document = await store.LoadAsync(Id(i));
            Assert.Equal(i < kept ? StoredPresence.Present : StoredPresence.Tombstoned, document.Presence);
            if (i >= kept) continue;
            Assert.Equal(Bytes(((rounds - 1) * 100) + i, size), document.Snapshot.Chunk.ToArray());
            Assert.Equal(Bytes(i, 60), (await store.LoadSyncStateAsync(Id(i), Bytes(i, 36), CancellationToken.None)).ToArray());
        }

        await store.DisposeAsync();
    }

    [Fact]
    public async Task Data_of_ten_times_the_memory_are_read_back()
    {
        // 4 MiB of table memory; 400 documents of 100 KB and a tail, some 45 MB.
        FasterStoreOptions options = _folder.Options with { CachedManifests = 16 };
        FasterChunkStore store = await FasterChunkStore.OpenAsync(options);
        const int documents = 400;
        for (int i = 0; i < documents; i++)
        {
            await store.CompactAsync(Id(i), SnapshotVersion.None, i, 0, 100_000);
            await store.AppendAsync(Id(i), i, 10_000);
        }

        await CheckAsync();
        for (int i = 0; i < documents; i++) await store.AppendAsync(Id(i), i + 1, 100);
        await store.AbandonAsync();
        store = await FasterChunkStore.OpenAsync(options);
        await CheckAsync();
        Assert.Equal(2, (await store.LoadAsync(Id(documents / 2))).Tail.Count);
        await store.DisposeAsync();

        async Task CheckAsync() => await Parallel.ForAsync(0, documents, async (i, stop) =>
        {
            StoredDocument document = await store.LoadAsync(Id(i), stop);
            Assert.Equal(Bytes(i, 100_000), document.Snapshot.Chunk.ToArray());
            Assert.Equal(Bytes(i, 10_000), document.Tail[0].Chunks.ToArray());
        });
    }

    [Fact]
    public async Task Cursor_older_than_the_journal_lists_every_document()
    {
        await using FasterChunkStore store = await OpenAsync();
        StoreCursor old = store.Now;
        HashSet<DocumentId> ids = [];
        for (int i = 0; i < 3000; i++) ids.Add(Id(i));
        await Task.WhenAll(ids.Select((id, i) => store.AppendAsync(id, i, 1000)));
        await store.DeleteAsync(Id(5), Now, CancellationToken.None);
        await store.CheckpointAsync();
        await store.AppendAsync(Id(7), 1);
        List<StoreDelta> deltas = await store.ReadSinceAsync(old);
        Assert.Equal(ids, deltas.Select(delta => delta.Id).ToHashSet());
        Assert.Equal(StoreDeltaKind.Deleted, deltas.Last(delta => delta.Id == Id(5)).Kind);
        await store.AppendAsync(Id(8), 2);
        Assert.Equal(Id(8), (await store.ReadSinceAsync(deltas[^1].Position))[^1].Id);
    }

    [Fact]
    public async Task Below_the_reserve_appends_are_refused_until_space_returns()
    {
        long free = 10 << 20;
        await using FasterChunkStore store = await FasterChunkStore.OpenAsync(_folder.Options with { ReserveBytes = 5 << 20, FreeSpace = () => free });
        await store.AppendAsync(Id(1), 1);
        free = (5 << 20) + 100;
        StoreUnavailableException e = await Assert.ThrowsAsync<StoreUnavailableException>(() => store.AppendAsync(Id(1), 2));
        Assert.Contains(_folder.Path, e.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.CompactAsync(Id(1), SnapshotVersion.None, 3, 1));
        Assert.True(await store.DeleteAsync(Id(2), Now, CancellationToken.None));
        free = 10 << 20;
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Id(1), 4));
        Assert.Equal(2, (await store.LoadAsync(Id(1))).Tail.Count);
    }

    [Fact]
    public async Task Failing_device_acknowledges_nothing_and_recovers()
    {
        ManualTime time = new();
        PowerCutFiles disk = new(seed: 1) { FailsIn = "journal." };
        FasterStoreOptions options = _folder.Options with { Files = disk, Time = time };
        FasterChunkStore store = await FasterChunkStore.OpenAsync(options);
        for (int i = 0; i < 10; i++) await store.AppendAsync(Id(1), i);
        disk.FailureRate = 1;
        Assert.Equal(AppendOutcome.Unknown, await store.AppendAsync(Id(1), 10));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.AppendAsync(Id(1), 11));
        Assert.Equal(10, (await store.LoadAsync(Id(1))).Tail.Count);
        time.Advance(TimeSpan.FromSeconds(2));
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.AppendAsync(Id(1), 12));
        disk.FailureRate = 0;
        await Assert.ThrowsAsync<StoreUnavailableException>(() => store.CompactAsync(Id(1), SnapshotVersion.None, 1, 1));
        time.Advance(TimeSpan.FromSeconds(2));
        Assert.Equal(AppendOutcome.Stored, await store.AppendAsync(Id(1), 13));
        await store.AbandonAsync();
        await using FasterChunkStore reopened = await FasterChunkStore.OpenAsync(options);
        Assert.Equal([.. Enumerable.Range(0, 10), 13], (await reopened.LoadAsync(Id(1))).Tail.Select(e => Enumerable.Range(0, 14).Single(s => e.Chunks.Span.SequenceEqual(Bytes(s, 130)))));
    }

    [Fact]
    public async Task Appends_of_a_busy_thread_are_committed_and_answered_together()
    {
        HeldCallers callers = new();
        FasterChunkStore store = await FasterChunkStore.OpenAsync(_folder.Options with { Callers = callers });
        Task<AppendOutcome>[] appends = [.. Enumerable.Range(0, 50).Select(i => store.AppendAsync(Id(i), i))];
        callers.Proceed();
        int answers = 0;
        for (; !appends.All(append => append.IsCompleted); answers++) await callers.RunNextAsync(TestContext.Current.CancellationToken);
        Assert.All(appends, append => Assert.Equal(AppendOutcome.Stored, append.Result));
        Assert.InRange(answers, 1, 10);              // more than one when the writer was awake as they came
        Task closing = store.DisposeAsync().AsTask();
        callers.Proceed();
        await closing;
    }

    private Task<FasterChunkStore> OpenAsync() => FasterChunkStore.OpenAsync(_folder.Options);

    private static long LastNonZero(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        return Array.FindLastIndex(bytes, b => b != 0);
    }

    private static void FlipBit(string path, byte[] content)
    {
        byte[] bytes = File.ReadAllBytes(path);
        int at = bytes.AsSpan().IndexOf(content);
        Assert.True(at > 0, "the content is not in the file");
        bytes[at + 5] ^= 4;
        File.WriteAllBytes(path, bytes);
    }
}
