using Ratatoskr.Engine.Storage;
using Ratatoskr.Storage.Embedded;

namespace Ratatoskr.Storage.Tests.Embedded;

public sealed class EmbeddedControlLogTests
{
    private static readonly ControlChange Change = new(ControlSubject.Revoked, default, "somebody");

    [Fact]
    public async Task Changes_come_in_order_none_left_out()
    {
        EmbeddedControlLog log = new();
        await Parallel.ForAsync(0, 100, async (_, stop) => await log.AppendAsync(Change, stop));
        for (ulong i = 1; i <= 100; i++)
        {
            Assert.True(log.Inputs.TryRead(out ControlInput? input));
            Assert.Equal(new ControlNumber(i), Assert.IsType<ControlChanged>(input).Number);
        }

        Assert.False(log.Inputs.TryRead(out _));
    }

    [Fact]
    public async Task Change_is_in_force_when_all_shards_have_applied_it()
    {
        EmbeddedControlLog log = new();
        ControlNumber first = await log.AppendAsync(Change, CancellationToken.None);
        ControlNumber second = await log.AppendAsync(Change, CancellationToken.None);
        ValueTask firstInForce = log.InForceAsync(first, CancellationToken.None);
        ValueTask secondInForce = log.InForceAsync(second, CancellationToken.None);
        Assert.Equal(new Fence(1, 0), log.Current);
        log.Applied(first);
        await firstInForce;
        Assert.False(secondInForce.IsCompleted);
        Assert.Equal(new Fence(1, 1), log.Current);
        log.Applied(second);
        await secondInForce;
        await log.InForceAsync(first, CancellationToken.None);
    }
}
