using System.Globalization;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Ratatoskr.Simulation.Tests;

/// <summary>
/// Runs seeded schedules. A failing seed is printed with the end of its story; it replays alone, with the whole story, by
/// <code>
/// RATATOSKR_SEED=1234 dotnet run --project tests/Ratatoskr.Simulation.Tests
/// </code>
/// and <c>RATATOSKR_SCHEDULES=100000</c> runs more of them, from <c>RATATOSKR_FIRST_SEED</c> on.
/// </summary>
public sealed class ScheduleTests(ITestOutputHelper output)
{
    private const int StoryLinesMax = 120;

    [Fact]
    public void Every_schedule_ends_in_step_silent_and_with_everything_confirmed_on_disk()
    {
        if (Number("RATATOSKR_SEED") is { } only)
        {
            Replay(only, output.WriteLine);
            return;
        }

        int first = Number("RATATOSKR_FIRST_SEED") ?? 0, count = Number("RATATOSKR_SCHEDULES") ?? 1_000;
        List<string> failures = [];
        long confirmations = 0, reloads = 0, compactions = 0, poisoned = 0, accessChanges = 0, forbidden = 0;
        for (int seed = first; seed < first + count && failures.Count < 5; seed++)
        {
            try
            {
                Schedule schedule = new(seed);
                schedule.Run();
                confirmations += schedule.Confirmations;
                reloads += schedule.Reloads;
                compactions += schedule.Compactions;
                poisoned += schedule.Poisoned;
                accessChanges += schedule.AccessChanges;
                forbidden += schedule.ForbiddenChanges;
            }
            catch (Exception e)
            {
                failures.Add($"RATATOSKR_SEED={seed}: {e.Message}\n{Story(seed)}");
            }
        }

        output.WriteLine($"{count} schedules, {confirmations} confirmations, {reloads} documents loaded again, {compactions} snapshots stored, {poisoned} hostile and {forbidden} forbidden changes sent, {accessChanges} changes of access");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
        Assert.True(count < 100 || (confirmations > count && reloads > count / 10 && compactions > count && poisoned > count / 10 && accessChanges > count && forbidden > count / 10), "too little happens in the schedules to mean anything");
    }

    private static string Story(int seed)
    {
        Queue<string> lines = new();
        try
        {
            Replay(seed, line =>
            {
                lines.Enqueue(line);
                if (lines.Count > StoryLinesMax) lines.Dequeue();
            });
            lines.Enqueue("(it did not fail again: the schedule is not deterministic)");
        }
        catch (Exception e)
        {
            lines.Enqueue(e.ToString());
        }

        return string.Join('\n', lines);
    }

    private static void Replay(int seed, Action<string> trace) => new Schedule(seed, trace).Run();

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int value) ? value : null;
}
