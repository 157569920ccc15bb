namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>
/// Attacks on a real server over real sockets, in sizes a test run can afford (<c>RATATOSKR_HOSTILE_FULL=1</c>: the issue's). Each ends by a decision of the server,
/// its memory stays bounded, and an honest pair of peers that works all the while has every edit in the end. How long their edits took is measured by hand
/// (<see cref="HostileLoadTable"/>).
/// </summary>
public class HostileLoadTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(20);

    [Fact]
    public Task Hundred_thousand_pings_close_with_1008() => FightAsync("100,000 pings");

    [Fact]
    public Task Ten_thousand_unknown_documents_are_each_answered() => FightAsync("10,000 unknown documents");

    [Fact]
    public Task Orphan_changes_are_dropped_beyond_what_may_wait() => FightAsync("a million orphan changes");

    [Fact]
    public Task Fifty_thousand_heads_are_refused() => FightAsync("50,000 heads");

    private async Task FightAsync(string name)
    {
        Attack attack = HostileLoad.All.Single(one => one.Name == name);
        await using Battle battle = await Battle.BeginAsync(attack.Victim, Gap, HostileLoad.Full);

        string end = await attack.StartAsync(battle.Target);

        battle.Pair.StopAndConverge();
        output.WriteLine($"{name}: {end}; {battle.Memory.Start >> 20} MiB before, {battle.Memory.Peak >> 20} MiB at most");
        Assert.InRange(battle.Memory.Peak, 0, Battle.ResidentMax);
        Assert.True(battle.Target.Server.IsRunning, battle.Target.Server.Output);
    }
}
