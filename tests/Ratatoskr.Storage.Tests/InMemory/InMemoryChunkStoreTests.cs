using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.InMemory;
using Ratatoskr.Storage.Tests.Contract;
using static Ratatoskr.Storage.Tests.Contract.TestDocuments;

namespace Ratatoskr.Storage.Tests.InMemory;

public sealed class InMemoryChunkStoreContractTests : ChunkStoreContract
{
    protected override Task<IChunkStore> OpenAsync() => Task.FromResult<IChunkStore>(new InMemoryChunkStore());

    protected override Task<IChunkStore> ReopenAfterCrashAsync(IChunkStore store)
    {
        ((InMemoryChunkStore)store).Crash();
        return Task.FromResult(store);
    }

    protected override Task<IChunkStore> ReopenAsync(IChunkStore store) => Task.FromResult(store);

    protected override Task RaiseFenceAsync(IChunkStore store, Fence lowest)
    {
        ((InMemoryChunkStore)store).RaiseFence(lowest);
        return Task.CompletedTask;
    }
}

public sealed class InMemoryChunkStoreTests
{
    [Fact]
    public async Task Append_completes_before_it_returns()
    {
        InMemoryChunkStore store = new();
        ValueTask<AppendOutcome> append = store.AppendAsync(Append(Id(1), [1]), Now, CancellationToken.None);
        Assert.True(append.IsCompletedSuccessfully);
        Assert.Equal(AppendOutcome.Stored, await append);
    }

    [Theory]
    [InlineData(AppendVerdict.Fence, AppendOutcome.Fenced, 0)]
    [InlineData(AppendVerdict.UnknownStored, AppendOutcome.Unknown, 1)]
    [InlineData(AppendVerdict.UnknownLost, AppendOutcome.Unknown, 0)]
    public async Task Verdict_decides_outcome_and_content(AppendVerdict verdict, AppendOutcome outcome, int stored)
    {
        InMemoryChunkStore store = new() { OnAppend = _ => verdict };
        Assert.Equal(outcome, await store.AppendAsync(Id(1), 1));
        Assert.Equal(stored, (await store.LoadAsync(Id(1))).Tail.Count);
    }

    [Fact]
    public async Task Held_append_holds_up_its_document_only()
    {
        InMemoryChunkStore store = new() { OnAppend = batch => batch.Chunks.Span[0] == 1 ? AppendVerdict.Hold : AppendVerdict.Store };
        ValueTask<AppendOutcome> first = store.AppendAsync(Append(Id(1), [1]), Now, CancellationToken.None);
        ValueTask<AppendOutcome> second = store.AppendAsync(Append(Id(1), [2]), Now, CancellationToken.None);
        ValueTask<AppendOutcome> other = store.AppendAsync(Append(Id(2), [3]), Now, CancellationToken.None);
        Assert.False(first.IsCompleted);
        Assert.False(second.IsCompleted);
        Assert.True(other.IsCompleted);
        Assert.Equal(2, store.WaitingCount);
        store.Release(Id(1));
        Assert.Equal(AppendOutcome.Stored, await first);
        Assert.Equal(AppendOutcome.Stored, await second);
        Assert.Equal([1, 2], (await store.LoadAsync(Id(1))).Tail.Select(entry => entry.Chunks.Span[0]));
    }

    [Fact]
    public async Task Crash_drops_what_was_not_committed()
    {
        InMemoryChunkStore store = new(manualCommit: true);
        ValueTask<AppendOutcome> kept = store.AppendAsync(Append(Id(1), [1]), Now, CancellationToken.None);
        Assert.Equal(StoredPresence.Unknown, (await store.LoadAsync(Id(1))).Presence);
        store.Commit();
        Assert.Equal(AppendOutcome.Stored, await kept);
        ValueTask<AppendOutcome> lost = store.AppendAsync(Append(Id(1), [2]), Now, CancellationToken.None);
        store.Crash();
        store.Commit();
        Assert.False(lost.IsCompleted);
        Assert.Equal([1], Assert.Single((await store.LoadAsync(Id(1))).Tail).Chunks.ToArray());
    }
}
