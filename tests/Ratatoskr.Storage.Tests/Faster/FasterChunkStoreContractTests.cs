using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Faster;
using Ratatoskr.Storage.Tests.Contract;

namespace Ratatoskr.Storage.Tests.Faster;

public sealed class FasterChunkStoreContractTests : ChunkStoreContract
{
    private readonly StoreFolder _folder = new();

    protected override async Task<IChunkStore> OpenAsync() => await FasterChunkStore.OpenAsync(_folder.Options);

    protected override async Task<IChunkStore> ReopenAfterCrashAsync(IChunkStore store)
    {
        await ((FasterChunkStore)store).AbandonAsync();
        return await OpenAsync();
    }

    protected override async Task<IChunkStore> ReopenAsync(IChunkStore store)
    {
        await ((FasterChunkStore)store).DisposeAsync();
        FasterChunkStore reopened = await FasterChunkStore.OpenAsync(_folder.Options);
        Assert.Equal(0, reopened.ReplayedEntries);
        return reopened;
    }

    protected override async Task RaiseFenceAsync(IChunkStore store, Fence lowest) => await ((FasterChunkStore)store).RaiseFenceAsync(lowest);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        _folder.Dispose();
    }
}
