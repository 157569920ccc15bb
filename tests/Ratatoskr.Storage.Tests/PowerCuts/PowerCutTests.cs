using System.Diagnostics;
using System.Globalization;

namespace Ratatoskr.Storage.Tests.PowerCuts;

/// <summary>Promise 1 on a disk that forgets, tears and fails. POWER_CUT_ROUNDS=10000 and POWER_CUT_SEED for a long run by hand.</summary>
public sealed class PowerCutTests
{
    private const int RoundsPerDisk = 40;
    private const int ByDefault = 200;

    [Fact]
    public async Task No_power_cut_loses_what_was_acknowledged()
    {
        int rounds = Number("POWER_CUT_ROUNDS", ByDefault);
        int first = Number("POWER_CUT_SEED", Random.Shared.Next(1_000_000));
        long replayed = 0, read = 0, acknowledged = 0, failures = 0;
        long start = Stopwatch.GetTimestamp();
        int disks = (rounds + RoundsPerDisk - 1) / RoundsPerDisk;
        for (int disk = 0; disk < disks; disk++)
        {
            CrashLoop loop = new(first + disk);
            for (int round = 0; round < Math.Min(RoundsPerDisk, rounds - (disk * RoundsPerDisk)); round++) await loop.LiveAsync(round);
            (replayed, read) = (Math.Max(replayed, loop.ReplayedMax), Math.Max(read, loop.BytesReadMax));
            acknowledged += loop.Acknowledged;
            failures += loop.Failures;
        }

        TestContext.Current.TestOutputHelper!.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{rounds} power cuts from seed {first}: {acknowledged} operations acknowledged and found, {failures} injected failures; a recovery replayed {replayed} entries and read {read} bytes at most ({CrashLoop.BytesReadBound} are allowed); {Stopwatch.GetElapsedTime(start).TotalSeconds:F0} s"));
        Assert.True(acknowledged > rounds, "hardly anything was acknowledged: nothing was tested");
    }

    private static int Number(string variable, int otherwise) => int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int given) ? given : otherwise;
}
