using Ratatoskr.Server.Composition;

namespace Ratatoskr.Server.Tests.Composition;

/// <summary>Nobody would notice if what is played before the first peer comes broke off in the middle: here somebody does.</summary>
public sealed class RehearsalTests
{
    [Fact]
    public Task Comes_to_its_end() => Rehearsal.PlayAsync(TestContext.Current.CancellationToken);
}
