using System.Diagnostics;
using System.Globalization;

namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>
/// By hand: every attack in its full size, repeated for some seconds, and what an honest pair of peers feels of it. Prints the table of <c>docs/reliability.md</c>:
/// <code>
/// RATATOSKR_HOSTILE_TABLE=1 RATATOSKR_HOSTILE_FULL=1 RATATOSKR_TEST_SERVER_CPU=0 taskset -c 1 dotnet Ratatoskr.Interop.Tests.dll --explicit only --filter-class '*HostileLoadTable'
/// </code>
/// </summary>
public class HostileLoadTable(ITestOutputHelper output)
{
    private static readonly TimeSpan Gap = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    [Fact(Explicit = true)]
    public async Task Table()
    {
        string wanted = Environment.GetEnvironmentVariable("RATATOSKR_HOSTILE_TABLE") ?? "1";
        Print("| attack | rounds | p99 quiet, ms | p99 attacked, ms | ratio | RSS before, MiB | peak | how it ends |");
        Print("|---|---|---|---|---|---|---|---|");
        foreach (Attack attack in HostileLoad.All)
        {
            if (wanted != "1" && !attack.Name.Contains(wanted, StringComparison.OrdinalIgnoreCase)) continue;
            try
            {
                Print(await RowAsync(attack));
            }
            catch (Exception e)
            {
                Print($"| {attack.Name} | {e} |");
            }
        }
    }

    private static async Task<string> RowAsync(Attack attack)
    {
        await using Battle battle = await Battle.BeginAsync(attack.Victim, Gap, HostileLoad.Full, static meeting => new HonestPairProcess(meeting));
        await Task.Delay(TimeSpan.FromSeconds(4));                 // JIT
        int warm = battle.Pair.Sent;
        await Task.Delay(Window);
        int quiet = battle.Pair.Sent;
        battle.Pair.UntilReceived(quiet);
        long before = battle.Memory.Start;
        int rounds = 0;
        string end;
        IReadOnlyDictionary<string, double> counted = await ServerCounters.ReadAsync(battle.Target.Server);
        Stopwatch attacked = Stopwatch.StartNew();
        do
        {
            try
            {
                end = await attack.StartAsync(battle.Target);
            }
            catch (Exception e)
            {
                end = e.Message.ReplaceLineEndings(" ");
            }

            rounds++;
        }
        while (attacked.Elapsed < Window);
        int last = battle.Pair.Sent;
        if (Environment.GetEnvironmentVariable("RATATOSKR_HOSTILE_COUNTERS") == "1")
        {
            IReadOnlyDictionary<string, double> now = await ServerCounters.ReadAsync(battle.Target.Server);
            foreach ((string name, double value) in now)
            {
                if (name.StartsWith("ratatoskr", StringComparison.Ordinal) && value != counted.GetValueOrDefault(name)) Console.WriteLine($"    {name} {counted.GetValueOrDefault(name)} {value}");
            }
        }

        battle.Pair.StopAndConverge();
        double calm = battle.Pair.P99(warm, quiet), rough = battle.Pair.P99(quiet, last);
        return string.Create(CultureInfo.InvariantCulture,
            $"| {attack.Name} | {rounds} | {calm:0.00} | {rough:0.00} | {rough / calm:0.0} | {before >> 20} | {battle.Memory.Peak >> 20} | {end} |");
    }

    private void Print(string line)
    {
        output.WriteLine(line);
        Console.WriteLine(line);
    }
}
