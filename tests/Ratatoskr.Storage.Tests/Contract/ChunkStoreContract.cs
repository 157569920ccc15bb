using Automerge.Changes;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Protocol.Identifiers;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.Contract;

/// <summary>What every chunk store keeps to, whatever is behind it.</summary>
public abstract class ChunkStoreContract : IAsyncLifetime
{
    private IChunkStore _store = null!;

    private protected IChunkStore Store => _store;

    protected abstract Task<IChunkStore> OpenAsync();

    /// <summary>Stops the store as a crash would, and opens it again.</summary>
    protected abstract Task<IChunkStore> ReopenAfterCrashAsync(IChunkStore store);

    /// <summary>Stops the store in order, and opens it again.</summary>
    protected abstract Task<IChunkStore> ReopenAsync(IChunkStore store);

    protected abstract Task RaiseFenceAsync(IChunkStore store, Fence lowest);

    public virtual async ValueTask InitializeAsync() => _store = await OpenAsync();

    public virtual async ValueTask DisposeAsync()
    {
        if (_store is IAsyncDisposable disposable) await disposable.DisposeAsync();
    }

    [Fact]
    public async Task Load_of_unknown_document_says_so()
    {
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal(StoredPresence.Unknown, document.Presence);
        Assert.Equal(SnapshotVersion.None, document.Version);
        Assert.Empty(document.Tail);
    }

    [Fact]
    public async Task Append_is_visible_after_Stored_and_after_reopening()
    {
        for (int i = 0; i < 3; i++) Assert.Equal(AppendOutcome.Stored, await Store.AppendAsync(Id(1), i));
        await CheckAsync();
        _store = await ReopenAfterCrashAsync(Store);
        await CheckAsync();
        _store = await ReopenAsync(Store);
        await CheckAsync();
        Assert.Equal(AppendOutcome.Stored, await Store.AppendAsync(Id(1), 3));
        Assert.Equal(4ul, (await Store.LoadAsync(Id(1))).Tail[^1].Sequence);

        async Task CheckAsync()
        {
            StoredDocument document = await Store.LoadAsync(Id(1));
            Assert.Equal(StoredPresence.Present, document.Presence);
            Assert.Equal([1, 2, 3], document.Tail.Select(entry => entry.Sequence));
            for (int i = 0; i < 3; i++) Assert.Equal(Bytes(i, 130), document.Tail[i].Chunks.ToArray());
            Assert.Equal([Hash(2)], (await Store.PeekAsync(Id(1))).Heads.ToArray());
        }
    }

    [Fact]
    public async Task Appends_to_one_document_keep_call_order()
    {
        Task<AppendOutcome>[] calls = new Task<AppendOutcome>[200];
        for (int i = 0; i < calls.Length; i++) calls[i] = Store.AppendAsync(Id(1), i);
        Assert.All(await Task.WhenAll(calls), outcome => Assert.Equal(AppendOutcome.Stored, outcome));
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal(calls.Length, document.Tail.Count);
        for (int i = 0; i < calls.Length; i++) Assert.Equal(Bytes(i, 130), document.Tail[i].Chunks.ToArray());
    }

    [Fact]
    public async Task Repeated_append_is_kept_twice_and_harmless()
    {
        await Store.AppendAsync(Id(1), 7);
        await Store.AppendAsync(Id(1), 7);
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal(2, document.Tail.Count);
        Assert.Equal(document.Tail[0].Chunks.ToArray(), document.Tail[1].Chunks.ToArray());
    }

    [Fact]
    public async Task Fenced_append_leaves_nothing()
    {
        await Store.AppendAsync(Id(1), 1);
        await RaiseFenceAsync(Store, new Fence(1, 5));
        Assert.Equal(AppendOutcome.Fenced, await Store.AppendAsync(Id(1), 2));
        Assert.Equal(AppendOutcome.Fenced, await Store.AppendAsync(Append(Id(2), [1]), new Fence(2, 9), CancellationToken.None));
        Assert.False(await Store.CompactAsync(Id(1), SnapshotVersion.None, 3, 1));
        Assert.False(await Store.DeleteAsync(Id(1), Now, CancellationToken.None));
        Assert.Equal(AppendOutcome.Stored, await Store.AppendAsync(Append(Id(1), Bytes(4, 10), Hash(4)), new Fence(1, 5), CancellationToken.None));
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal([Bytes(1, 130), Bytes(4, 10)], document.Tail.Select(entry => entry.Chunks.ToArray()));
        Assert.Equal(StoredPresence.Unknown, (await Store.LoadAsync(Id(2))).Presence);
    }

    [Fact]
    public async Task Compaction_replaces_snapshot_and_removes_exactly_what_was_folded()
    {
        for (int i = 1; i <= 5; i++) await Store.AppendAsync(Id(1), i);
        Assert.True(await Store.CompactAsync(Id(1), SnapshotVersion.None, 100, folded: 3));
        _store = await ReopenAfterCrashAsync(Store);
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal(new SnapshotVersion(1), document.Version);
        Assert.Equal(Bytes(100, 1000), document.Snapshot.Chunk.ToArray());
        Assert.Equal(Bytes(~100, 100), document.Snapshot.Index.ToArray());
        Assert.Equal([Hash(100)], document.Snapshot.Heads.ToArray());
        Assert.Equal([4, 5], document.Tail.Select(entry => entry.Sequence));

        Assert.True(await Store.CompactAsync(Id(1), document.Version, 101, folded: 5));
        await Store.AppendAsync(Id(1), 6);
        document = await Store.LoadAsync(Id(1));
        Assert.Equal(new SnapshotVersion(2), document.Version);
        Assert.Equal(Bytes(101, 1000), document.Snapshot.Chunk.ToArray());
        Assert.Equal(6ul, Assert.Single(document.Tail).Sequence);
    }

    [Fact]
    public async Task Losing_compactor_changes_nothing()
    {
        await Store.AppendAsync(Id(1), 1);
        Assert.True(await Store.CompactAsync(Id(1), SnapshotVersion.None, 100, folded: 1));
        await Store.AppendAsync(Id(1), 2);
        Assert.False(await Store.CompactAsync(Id(1), SnapshotVersion.None, 200, folded: 2));
        Assert.False(await Store.CompactAsync(Id(1), new SnapshotVersion(2), 200, folded: 2));
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal(new SnapshotVersion(1), document.Version);
        Assert.Equal(Bytes(100, 1000), document.Snapshot.Chunk.ToArray());
        Assert.Equal(Bytes(2, 130), Assert.Single(document.Tail).Chunks.ToArray());
    }

    [Fact]
    public async Task Of_two_compactors_that_read_the_same_one_wins()
    {
        await Store.AppendAsync(Id(1), 1);
        bool[] won = await Task.WhenAll(
            Store.CompactAsync(Id(1), SnapshotVersion.None, 100, folded: 1), Store.CompactAsync(Id(1), SnapshotVersion.None, 200, folded: 1));
        Assert.Single(won, true);
        Assert.Equal(Bytes(won[0] ? 100 : 200, 1000), (await Store.LoadAsync(Id(1))).Snapshot.Chunk.ToArray());
    }

    [Fact]
    public async Task Compaction_of_an_unknown_document_creates_it()
    {
        Assert.True(await Store.CompactAsync(Id(1), SnapshotVersion.None, 100, folded: 0));
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal(StoredPresence.Present, document.Presence);
        Assert.Empty(document.Tail);
    }

    [Fact]
    public async Task Deleted_document_leaves_a_tombstone_and_can_come_back()
    {
        await Store.AppendAsync(Id(1), 1);
        await Store.CompactAsync(Id(1), SnapshotVersion.None, 100, folded: 1);
        await Store.AppendAsync(Id(1), 2);
        await Store.SaveSyncStateAsync(Id(1), Bytes(1, 16), Bytes(2, 40), CancellationToken.None);
        Assert.True(await Store.DeleteAsync(Id(1), Now, CancellationToken.None));
        _store = await ReopenAfterCrashAsync(Store);
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.Equal(StoredPresence.Tombstoned, document.Presence);
        Assert.True(document.Snapshot.Chunk.IsEmpty);
        Assert.Empty(document.Tail);
        Assert.Equal(StoredPresence.Tombstoned, (await Store.PeekAsync(Id(1))).Presence);

        await Store.AppendAsync(Id(1), 3);
        document = await Store.LoadAsync(Id(1));
        Assert.Equal(StoredPresence.Present, document.Presence);
        Assert.True(document.Tail[0].Sequence > 2);
        Assert.Equal(Bytes(3, 130), Assert.Single(document.Tail).Chunks.ToArray());
        Assert.True((await Store.LoadSyncStateAsync(Id(1), Bytes(1, 16), CancellationToken.None)).IsEmpty);
        Assert.False(await Store.CompactAsync(Id(1), new SnapshotVersion(1), 100, folded: 9));
        Assert.True(await Store.CompactAsync(Id(1), document.Version, 100, folded: document.Tail[0].Sequence));
    }

    [Fact]
    public async Task Large_chunks_are_stored_whole()
    {
        const int size = (65 << 20) + 17;
        Assert.Equal(AppendOutcome.Stored, await Store.AppendAsync(Id(1), 1, size));
        Assert.Equal(AppendOutcome.Stored, await Store.AppendAsync(Id(1), 2));
        Assert.True(await Store.CompactAsync(Id(2), SnapshotVersion.None, 3, 0, size));
        _store = await ReopenAfterCrashAsync(Store);
        StoredDocument document = await Store.LoadAsync(Id(1));
        Assert.True(document.Tail[0].Chunks.Span.SequenceEqual(Bytes(1, size)));
        Assert.True(document.Tail[1].Chunks.Span.SequenceEqual(Bytes(2, 130)));
        Assert.True((await Store.LoadAsync(Id(2))).Snapshot.Chunk.Span.SequenceEqual(Bytes(3, size)));
    }

    [Fact]
    public async Task Empty_append_and_no_heads_are_kept()
    {
        Assert.Equal(AppendOutcome.Stored, await Store.AppendAsync(Append(Id(1), []), Now, CancellationToken.None));
        Assert.True(Assert.Single((await Store.LoadAsync(Id(1))).Tail).Chunks.IsEmpty);
        Assert.Equal(0, (await Store.PeekAsync(Id(1))).Heads.Length);
    }

    [Fact]
    public async Task Peek_answers_each_of_a_batch()
    {
        for (int i = 0; i < 300; i += 2) await Store.AppendAsync(Id(i), i);
        await Store.DeleteAsync(Id(4), Now, CancellationToken.None);
        DocumentPeek[] peeks = new DocumentPeek[300];
        await Store.PeekAsync(Enumerable.Range(0, 300).Select(Id).ToArray(), peeks, CancellationToken.None);
        for (int i = 0; i < 300; i++)
        {
            StoredPresence expected = i == 4 ? StoredPresence.Tombstoned : i % 2 == 0 ? StoredPresence.Present : StoredPresence.Unknown;
            Assert.Equal(expected, peeks[i].Presence);
            Assert.Equal(expected == StoredPresence.Present ? [Hash(i)] : Array.Empty<ChangeHash>(), peeks[i].Heads.ToArray());
        }
    }

    [Fact]
    public async Task Sync_states_are_kept_per_document_and_peer()
    {
        await Store.AppendAsync(Id(1), 1);
        await Store.AppendAsync(Id(2), 1);
        await Store.SaveSyncStateAsync(Id(1), Bytes(1, 36), Bytes(10, 50), CancellationToken.None);
        await Store.SaveSyncStateAsync(Id(1), Bytes(2, 36), Bytes(20, 70), CancellationToken.None);
        await Store.SaveSyncStateAsync(Id(1), Bytes(1, 36), Bytes(11, 30), CancellationToken.None);
        _store = await ReopenAsync(Store);
        Assert.Equal(Bytes(11, 30), (await Store.LoadSyncStateAsync(Id(1), Bytes(1, 36), CancellationToken.None)).ToArray());
        Assert.Equal(Bytes(20, 70), (await Store.LoadSyncStateAsync(Id(1), Bytes(2, 36), CancellationToken.None)).ToArray());
        Assert.True((await Store.LoadSyncStateAsync(Id(2), Bytes(1, 36), CancellationToken.None)).IsEmpty);
        Assert.True((await Store.LoadSyncStateAsync(Id(3), Bytes(1, 36), CancellationToken.None)).IsEmpty);
    }

    [Fact]
    public async Task Sync_states_least_recently_saved_are_dropped()
    {
        await Store.AppendAsync(Id(1), 1);
        for (int i = 0; i < 100; i++) await Store.SaveSyncStateAsync(Id(1), Bytes(i, 36), Bytes(i, 50), CancellationToken.None);
        Assert.True((await Store.LoadSyncStateAsync(Id(1), Bytes(35, 36), CancellationToken.None)).IsEmpty);
        Assert.Equal(Bytes(36, 50), (await Store.LoadSyncStateAsync(Id(1), Bytes(36, 36), CancellationToken.None)).ToArray());
        Assert.Equal(Bytes(99, 50), (await Store.LoadSyncStateAsync(Id(1), Bytes(99, 36), CancellationToken.None)).ToArray());
    }

    [Fact]
    public async Task Read_since_sees_what_came_after_the_cursor()
    {
        await Store.AppendAsync(Id(1), 1);
        StoreCursor cursor = Store.Now;
        Assert.Empty(await Store.ReadSinceAsync(cursor));
        await Store.AppendAsync(Id(1), 2);
        await Store.AppendAsync(Id(2), 3);
        await Store.CompactAsync(Id(2), SnapshotVersion.None, 100, folded: 1);
        await Store.DeleteAsync(Id(1), Now, CancellationToken.None);
        List<StoreDelta> deltas = await Store.ReadSinceAsync(cursor);
        Assert.Equal(
            [(Id(1), StoreDeltaKind.Appended), (Id(2), StoreDeltaKind.Appended), (Id(2), StoreDeltaKind.Compacted), (Id(1), StoreDeltaKind.Deleted)],
            deltas.Select(delta => (delta.Id, delta.Kind)));
        Assert.Equal(Bytes(2, 130), deltas[0].Chunks.ToArray());
        Assert.Equal(2ul, deltas[0].Sequence);
        Assert.Equal(3, (await Store.ReadSinceAsync(deltas[0].Position)).Count);
        Assert.Empty(await Store.ReadSinceAsync(deltas[^1].Position));
    }

    [Fact]
    public async Task Cancelled_append_stores_nothing()
    {
        using CancellationTokenSource cancelled = new();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await Store.AppendAsync(Append(Id(1), [1]), Now, cancelled.Token));
        Assert.Equal(StoredPresence.Unknown, (await Store.LoadAsync(Id(1))).Presence);
    }

    [Fact]
    public async Task Cancellation_never_denies_what_was_stored()
    {
        Random random = new(1);
        int stored = 0;
        for (int round = 0; round < 300; round++)
        {
            using CancellationTokenSource stop = new();
            Task<AppendOutcome> append = Task.Run(async () => await Store.AppendAsync(Append(Id(1), Bytes(round, 50)), Now, stop.Token));
            if (random.Next(4) != 0) Thread.SpinWait(random.Next(4000));
            await stop.CancelAsync();
            try
            {
                Assert.Equal(AppendOutcome.Stored, await append);
                stored++;
            }
            catch (OperationCanceledException)
            {
            }
        }

        Assert.Equal(stored, (await Store.LoadAsync(Id(1))).Tail.Count);
    }

    [Fact]
    public async Task Reader_misses_nothing_of_eight_appenders_and_two_compactors()
    {
        const int documents = 4, perAppender = 60;
        HashSet<(DocumentId, int)> seen = [];
        using CancellationTokenSource done = new();
        StoreCursor cursor = Store.Now;
        Task reader = Task.Run(async () =>
        {
            for (bool last = false; !last;)
            {
                last = done.IsCancellationRequested;
                await foreach (StoreDelta delta in Store.ReadSinceAsync(cursor, CancellationToken.None))
                {
                    if (delta is { Kind: StoreDeltaKind.Appended, Chunks.IsEmpty: false }) Add(delta.Id, delta.Chunks);
                    else AddAll(delta.Id, await Store.LoadAsync(delta.Id));
                    cursor = delta.Position;
                }
            }
        });

        using CancellationTokenSource appended = new();
        Task[] compactors = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(async () =>
        {
            while (!appended.IsCancellationRequested)
            {
                for (int i = 0; i < documents; i++)
                {
                    StoredDocument document = await Store.LoadAsync(Id(i));
                    if (document.Tail.Count == 0) continue;
                    byte[] whole = [.. document.Snapshot.Chunk.Span, .. document.Tail.SelectMany(entry => entry.Chunks.ToArray())];
                    await Store.CompactAsync(Id(i), document.Version, new SnapshotBody(whole, default, default), new TailRange(document.Tail[^1].Sequence), Now, default);
                }
            }
        }))];
        await Task.WhenAll(Enumerable.Range(0, 8).Select(appender => Task.Run(async () =>
        {
            for (int i = 0; i < perAppender; i++)
            {
                int value = (appender * perAppender) + i;
                AppendBatch batch = Append(Id(value % documents), BitConverter.GetBytes(value));
                Assert.Equal(AppendOutcome.Stored, await Store.AppendAsync(batch, Now, CancellationToken.None));
            }
        })));
        await appended.CancelAsync();
        await Task.WhenAll(compactors);
        await done.CancelAsync();
        await reader;

        Assert.Equal(8 * perAppender, seen.Count);
        for (int i = 0; i < documents; i++)
        {
            StoredDocument document = await Store.LoadAsync(Id(i));
            int bytes = document.Snapshot.Chunk.Length + document.Tail.Sum(entry => entry.Chunks.Length);
            Assert.Equal(8 * perAppender / documents * sizeof(int), bytes);
        }

        void AddAll(DocumentId id, StoredDocument document)
        {
            Add(id, document.Snapshot.Chunk);
            foreach (TailEntry entry in document.Tail) Add(id, entry.Chunks);
        }

        void Add(DocumentId id, ReadOnlyMemory<byte> chunks)
        {
            for (int i = 0; i < chunks.Length; i += sizeof(int)) seen.Add((id, BitConverter.ToInt32(chunks.Span[i..])));
        }
    }
}
