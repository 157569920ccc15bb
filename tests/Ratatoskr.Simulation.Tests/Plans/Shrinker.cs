using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Simulation.Tests.Plans;

/// <summary>
/// Makes a failing plan short by leaving steps out as long as it fails in the same way: halves first, then ever smaller parts, one by one in the end
/// (delta debugging), then whatever of the world is not needed.
/// </summary>
/// <param name="fails">Runs a plan and tells which promise it breaks; null for none.</param>
internal sealed class Shrinker(Func<Plan, string?> fails)
{
    private const int RunsMax = 20_000;

    private int _runs;

    public Plan Shrink(Plan plan)
    {
        if (fails(plan) is not { } promise) return plan;
        Plan before;
        do
        {
            before = plan;
            plan = ShrinkSteps(plan, promise);
            plan = ShrinkWorld(plan, promise);
        }
        while (plan != before && _runs < RunsMax);
        return plan;
    }

    private Plan ShrinkSteps(Plan plan, string promise)
    {
        for (int size = Math.Max(1, plan.Steps.Length / 2); size > 0; size /= 2)
        {
            for (int start = 0; start < plan.Steps.Length && _runs < RunsMax;)
            {
                int end = Math.Min(plan.Steps.Length, start + size);
                Plan shorter = plan with { Steps = [.. plan.Steps[..start], .. plan.Steps[end..]] };
                if (StillFails(shorter, promise)) plan = shorter;
                else start = end;
            }
        }

        return plan;
    }

    private Plan ShrinkWorld(Plan plan, string promise)
    {
        World world = plan.World;
        EngineLimits limits = new() { IdleDocumentMs = world.Limits.IdleDocumentMs, ProviderTimeoutMs = world.Limits.ProviderTimeoutMs };
        List<World> plainer =
        [
            world with { HasSlowAccounts = false }, world with { HasSlowReads = false }, world with { DefersShards = false }, world with { QuotaBytes = null }, world with { Registered = -1 },
            world with { EndsOpen = false }, world with { OwnersLook = false }, world with { Shards = 1 }, world with { Limits = limits },
            world with { Limits = world.Limits with { MemoryBudgetBytes = limits.MemoryBudgetBytes } },
            world with { Limits = world.Limits with { InlineChangesBytesMax = limits.InlineChangesBytesMax } },
            world with { Limits = world.Limits with { TailChangesMax = limits.TailChangesMax, TailBytesMin = limits.TailBytesMin } },
        ];
        for (int i = 0; i < world.Peers.Length; i++)
        {
            foreach (Habits habit in Enum.GetValues<Habits>())
            {
                if (habit == Habits.None || (world.Peers[i] & habit) == 0) continue;
                Habits[] peers = [.. world.Peers];
                peers[i] &= ~habit;
                plainer.Add(world with { Peers = peers });
            }
        }

        foreach (World candidate in plainer)
        {
            if (candidate == world || _runs >= RunsMax) continue;
            Plan plain = plan with { World = candidate };
            if (StillFails(plain, promise)) return plain;                 // and again from there
        }

        return plan;
    }

    private bool StillFails(Plan plan, string promise)
    {
        _runs++;
        return fails(plan) == promise;
    }
}
