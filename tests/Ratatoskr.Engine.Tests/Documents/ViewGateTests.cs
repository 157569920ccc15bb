using Ratatoskr.Engine.Documents;

namespace Ratatoskr.Engine.Tests.Documents;

public sealed class ViewGateTests
{
    [Fact]
    public async Task Readers_come_in_while_there_are_places_and_memory()
    {
        ViewGate gate = new(readersMax: 2, bytesMax: 100);
        Task first = Enter(gate, 60), second = Enter(gate, 60), third = Enter(gate, 1);
        Assert.Equal((true, false, false), (first.IsCompleted, second.IsCompleted, third.IsCompleted));
        gate.Leave(60);
        await Task.WhenAll(second, third);
        Task fourth = Enter(gate, 1);
        Assert.False(fourth.IsCompleted);                          // no place
        gate.Leave(1);
        await fourth;
    }

    [Fact]
    public async Task Reader_of_more_than_there_is_comes_in_alone()
    {
        ViewGate gate = new(readersMax: 4, bytesMax: 100);
        Task small = Enter(gate, 1), large = Enter(gate, 1_000), after = Enter(gate, 1);
        Assert.Equal((true, false, false), (small.IsCompleted, large.IsCompleted, after.IsCompleted));
        gate.Leave(1);
        await large;
        Assert.False(after.IsCompleted);
        gate.Leave(1_000);
        await after;
    }

    [Fact]
    public async Task Who_gives_up_waiting_holds_up_nobody()
    {
        ViewGate gate = new(readersMax: 2, bytesMax: 100);
        await Enter(gate, 50);
        using CancellationTokenSource stop = new();
        Task large = gate.EnterAsync(100, stop.Token).AsTask(), small = Enter(gate, 50);
        Assert.False(small.IsCompleted);
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        await small;
        gate.Leave(50);
        gate.Leave(50);
        await Enter(gate, 100);
    }

    private static Task Enter(ViewGate gate, long bytes) => gate.EnterAsync(bytes, CancellationToken.None).AsTask();
}
