using System.Reflection;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Server.Composition;
using Ratatoskr.Storage.InMemory;

namespace Ratatoskr.Server.Tests.Composition;

/// <summary>Nobody would notice if what is played before the first peer comes broke off in the middle: here somebody does.</summary>
public sealed class RehearsalTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public Task Comes_to_its_end() => Rehearsal.PlayAsync(Cancel);

    [Fact]
    public Task Reads_what_is_not_there() => Rehearsal.ReadAsync(new InMemoryChunkStore(), Cancel);

    [Fact]
    public async Task Start_does_not_wait_for_a_store_that_never_answers() =>
        await Assert.ThrowsAsync<TimeoutException>(() => Rehearsal.ReadAsync(DispatchProxy.Create<IChunkStore, SilentStore>(), Cancel));

    private class SilentStore : DispatchProxy
    {
        protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) => new ValueTask(new TaskCompletionSource().Task);
    }
}
