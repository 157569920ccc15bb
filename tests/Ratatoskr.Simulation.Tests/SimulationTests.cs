using System.Diagnostics;
using System.Globalization;
using Ratatoskr.Simulation.Tests.Plans;

[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace Ratatoskr.Simulation.Tests;

/// <summary>
/// Runs seeded schedules of the whole server. A seed that fails is printed with the shortest schedule that fails in the same way, in words. It runs alone by
/// <code>
/// RATATOSKR_SIMULATION_SEED=1234 RATATOSKR_SIMULATION_COUNT=1 dotnet run --project tests/Ratatoskr.Simulation.Tests
/// </code>
/// and a count of 1000000 runs that many, from the seed on.
/// </summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int CountInTests = 5_000;
    private const int FailuresMax = 3;
    private const int StoryLinesMax = 160;

    [Fact]
    public void Every_schedule_keeps_every_promise_and_comes_to_rest()
    {
        int first = Number("RATATOSKR_SIMULATION_SEED") ?? 0, count = Number("RATATOSKR_SIMULATION_COUNT") ?? CountInTests;
        List<string> failures = [];
        Tally tally = default;
        long started = Stopwatch.GetTimestamp();
        for (int seed = first; seed < first + count && failures.Count < FailuresMax; seed++)
        {
            Plan plan = Plan.FromSeed(seed);
            try
            {
                tally += Simulation.Run(plan);
            }
            catch (Exception e)
            {
                failures.Add($"seed {seed}, after {tally.Schedules} schedules: {e.Message}\n{Story(plan)}");
            }
        }

        output.WriteLine($"{tally}; {Stopwatch.GetElapsedTime(started).TotalMilliseconds / Math.Max(1, tally.Schedules):0.00} ms each");
        Assert.True(failures.Count == 0, string.Join("\n\n", failures));
        Assert.True(count < 1_000 || IsEnough(tally), $"too little happens in the schedules to mean anything: {tally}");
    }

    /// <summary>They break promises that were broken once, as long as plans are drawn as they were then.</summary>
    [Theory]
    [InlineData(559)]                                          // a deletion was written behind an error, and nobody told
    [InlineData(606)]                                          // so was an access list
    [InlineData(2127464)]                                      // who waited for an edit that was given up was never answered
    [InlineData(3003128)]                                      // a stored sync state took the place of a newer one
    [InlineData(3069954)]                                      // as 2127464
    [InlineData(3278257)]                                      // a worker had changes of one who had left when his credential was revoked
    [InlineData(5183554)]                                      // one who said that he had lost all was told of his own changes before they were stored
    [InlineData(6024263)]                                      // nor was one whose own changes, given up, another brought back in the turn in which he spoke
    public void A_schedule_that_once_failed_does_no_more(int seed) => Simulation.Run(Plan.FromSeed(seed));

    private static bool IsEnough(Tally tally) => tally.Edits > tally.Schedules && tally.Confirmations > tally.Schedules
        && tally.Crashes > tally.Schedules / 10 && tally.ApiCalls > tally.Schedules && tally.Poisoned > tally.Schedules / 20 && tally.Evictions > tally.Schedules / 20;

    // The shortest plan that fails in the same way, as it happens.
    private static string Story(Plan plan)
    {
        Plan shortest = new Shrinker(BrokenPromise).Shrink(plan);
        List<string> lines = [$"{shortest.Steps.Length} of {plan.Steps.Length} steps are enough, with {shortest.World}:"];
        try
        {
            Simulation.Run(shortest, lines.Add);
            lines.Add("(it did not fail again: something does not follow from the plan)");
        }
        catch (Exception e)
        {
            lines.Add(e.ToString());
        }

        if (lines.Count > StoryLinesMax) lines.RemoveRange(StoryLinesMax / 2, lines.Count - StoryLinesMax);
        return string.Join('\n', lines);
    }

    private static string? BrokenPromise(Plan plan)
    {
        try
        {
            Simulation.Run(plan);
            return null;
        }
        catch (PromiseBrokenException e)
        {
            return e.Promise;
        }
        catch (Exception e)
        {
            return e.GetType().Name;
        }
    }

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int value) ? value : null;
}
