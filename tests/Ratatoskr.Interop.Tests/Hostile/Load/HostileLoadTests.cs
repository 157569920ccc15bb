namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>
/// Attacks on a real server over real sockets, in sizes a test run can afford (<c>RATATOSKR_HOSTILE_FULL=1</c>: the issue's). Each ends by a decision that the server
/// counts, its memory stays bounded, and an honest pair of peers that works all the while has every edit in the end. How long their edits took is measured by hand
/// (<see cref="HostileLoadTable"/>).
/// </summary>
public abstract class HostileLoadTests(ITestOutputHelper output)
{
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(20);

    private protected async Task FightAsync(string name)
    {
        Attack attack = HostileLoad.All.Single(one => one.Name == name);
        await using Battle battle = await Battle.BeginAsync(attack.Victim, Gap, HostileLoad.Full, HonestPair.Start);
        IReadOnlyDictionary<string, double> before = await ServerCounters.ReadAsync(battle.Target.Server);

        string end = await attack.StartAsync(battle.Target);

        battle.Pair.StopAndConverge();
        output.WriteLine($"{name}: {end}; {battle.Memory.Start >> 20} MiB before, {battle.Memory.Peak >> 20} MiB at most");
        if (attack.Counter is not null)
            Assert.InRange(ServerCounters.Grown(before, await ServerCounters.ReadAsync(battle.Target.Server), attack.Counter), 1, long.MaxValue);
        Assert.InRange(battle.Memory.Peak, 0, Battle.ResidentMax);
        Assert.True(battle.Target.Server.IsRunning, battle.Target.Server.Output);
    }
}

/// <summary>Too much of something.</summary>
public class HostileFloodTests(ITestOutputHelper output) : HostileLoadTests(output)
{
    [Fact]
    public Task Hundred_thousand_pings_close_with_1008() => FightAsync("100,000 pings");

    [Fact]
    public Task Ten_thousand_unknown_documents_are_each_answered() => FightAsync("10,000 unknown documents");

    [Fact]
    public Task Orphan_changes_are_dropped_beyond_what_may_wait() => FightAsync("a million orphan changes");

    [Fact]
    public Task Fifty_thousand_heads_are_refused() => FightAsync("50,000 heads");

    [Fact]
    public Task Resets_in_a_loop_bring_a_few_whole_documents() => FightAsync("resets in a loop");

    [Fact]
    public Task Gigabyte_that_is_declared_closes_with_1009() => FightAsync("1 GiB declared");

    [Fact]
    public Task Columns_of_2_to_the_40_rows_are_refused() => FightAsync("columns of 2^40 rows");

    [Fact]
    public Task Deflate_bombs_are_refused() => FightAsync("deflate bombs");

    [Fact]
    public Task Compressed_frames_close_with_1002() => FightAsync("compressed frames");

    [Fact]
    public Task Whole_document_for_every_edit_is_taken() => FightAsync("whole document per edit");

    [Fact]
    public Task Undecodable_frames_from_one_address_close_with_1008() => FightAsync("undecodable frames from one address");

    [Fact]
    public Task Pending_logins_from_one_address_get_429() => FightAsync("pending logins from one address");
}

/// <summary>Answers that nobody takes. Peers that never read take minutes on a busy machine: they are in the table only.</summary>
public class HostileSlowReaderTests(ITestOutputHelper output) : HostileLoadTests(output)
{
    [Fact]
    public Task Slow_readers_of_http2_hold_bounded_memory() => FightAsync("HTTP/2 slow readers");
}

/// <summary>Something that is begun and not ended.</summary>
public class HostileSilenceTests(ITestOutputHelper output) : HostileLoadTests(output)
{
    [Fact]
    public Task Half_open_connections_give_way_to_newcomers() => FightAsync("20,000 half-open connections");
}

/// <summary>The same, for as long as silence is borne.</summary>
public class HostileLongSilenceTests(ITestOutputHelper output) : HostileLoadTests(output)
{
    [Fact]
    public Task Silence_is_borne_for_its_time_and_no_longer() => Task.WhenAll(
        FightAsync("never pong"), FightAsync("never finish a frame"), FightAsync("never finish an upgrade"), FightAsync("slowloris"));
}
