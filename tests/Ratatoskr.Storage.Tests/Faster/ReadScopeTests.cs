using Ratatoskr.Storage.Faster.Devices;

namespace Ratatoskr.Storage.Tests.Faster;

/// <summary>Who reads waits for all of its reads, and for those that their answers begin.</summary>
public sealed class ReadScopeTests
{
    [Fact]
    public async Task Wait_ends_after_the_read_that_an_answer_has_begun()
    {
        ReadScope scope = new();
        ReadScope? seen = null;
        scope.Begin();
        Task<Exception?> waiting = Task.Run(scope.Wait, TestContext.Current.CancellationToken);
        await Task.Run(() => scope.End(
            (_, _, _) =>
            {
                seen = ReadScope.Current;
                scope.Begin();
            },
            0,
            null!), TestContext.Current.CancellationToken);
        Assert.Same(scope, seen);
        Assert.False(waiting.IsCompleted);

        scope.End((_, _, _) => { }, 0, null!);
        Assert.Null(await waiting);
        Assert.Equal(2, scope.Begun);
    }

    [Fact]
    public void Answer_that_nobody_could_take_is_told_once()
    {
        ReadScope scope = new();
        scope.Begin();
        scope.End((_, _, _) => throw new InvalidOperationException("no record"), 0, null!);
        Assert.IsType<InvalidOperationException>(scope.Wait());
        Assert.Null(scope.Wait());
    }
}
