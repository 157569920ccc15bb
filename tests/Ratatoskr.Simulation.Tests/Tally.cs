using Ratatoskr.Simulation.Tests.Servers;

namespace Ratatoskr.Simulation.Tests;

/// <summary>What has happened in schedules, to show that enough has.</summary>
internal readonly record struct Tally(long Schedules, long Edits, long Confirmations, long Poisoned, long Loads, long Evictions, long Compactions, long Crashes, long ApiCalls)
{
    public Tally(Scene scene, ApiCalls api, int edits)
        : this(1, edits, scene.Audit.Confirmations, scene.Audit.Poisoned, scene.Store.Loads, scene.Evictions, scene.Store.Compactions, scene.Crashes, api.Returned)
    {
    }

    public static Tally operator +(Tally a, Tally b) => new(
        a.Schedules + b.Schedules, a.Edits + b.Edits, a.Confirmations + b.Confirmations, a.Poisoned + b.Poisoned,
        a.Loads + b.Loads, a.Evictions + b.Evictions, a.Compactions + b.Compactions, a.Crashes + b.Crashes, a.ApiCalls + b.ApiCalls);

    public override string ToString() => $"{Schedules} schedules: {Edits} edits, {Confirmations} confirmed, {Poisoned} poisonous changes, {Loads} loads, {Evictions} evictions, {Compactions} snapshots, {Crashes} crashes, {ApiCalls} calls of the API returned";
}
