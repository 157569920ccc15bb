using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Simulation.Tests.Plans;

/// <summary>A schedule before it runs: a world, and decisions one after the other. Everything that happens follows from it.</summary>
internal sealed record Plan(World World, Step[] Steps)
{
    public const int PeersMax = 6;
    public const int DocumentsMax = 3;

    // What one peer's view of one document takes, and a little more.
    private const int LinkBytes = 2_400;

    // How often each step comes, of all together.
    private static readonly (StepKind Kind, int Weight)[] s_weights =
    [
        (StepKind.Join, 50), (StepKind.Leave, 12), (StepKind.Cut, 12), (StepKind.Notice, 8),
        (StepKind.Say, 60), (StepKind.SayAll, 110), (StepKind.Hear, 50), (StepKind.HearAll, 90),
        (StepKind.Open, 50), (StepKind.Edit, 110), (StepKind.Import, 4), (StepKind.Forget, 10),
        (StepKind.Ephemeral, 12), (StepKind.Follow, 4), (StepKind.Lie, 90), (StepKind.Replay, 15),
        (StepKind.Work, 70), (StepKind.WorkAll, 50), (StepKind.Commit, 60), (StepKind.Store, 70),
        (StepKind.Read, 20), (StepKind.ReadAll, 30), (StepKind.Account, 25), (StepKind.AccountAll, 25),
        (StepKind.Wait, 30), (StepKind.Crash, 8),
        (StepKind.Register, 14), (StepKind.Share, 40), (StepKind.Expire, 5), (StepKind.Delete, 7), (StepKind.Sweep, 4),
        (StepKind.Revoke, 8), (StepKind.Quota, 5), (StepKind.Write, 8),
    ];

    private static readonly StepKind[] s_drawn = [.. s_weights.SelectMany(w => Enumerable.Repeat(w.Kind, w.Weight))];

    public static Plan FromSeed(int seed)
    {
        Random random = new(seed);
        World world = MakeWorld(random);
        List<Step> steps = [];
        for (int i = 0; i < world.Peers.Length; i++) Arrive(random, world, i, steps);
        int count = random.Next(10, random.Next(20, 120));
        for (int i = 0; i < count; i++) Add(s_drawn[random.Next(s_drawn.Length)], random.Next(world.Peers.Length), random.Next(world.Documents));
        return new Plan(world, [.. steps]);

        void Add(StepKind kind, int peer, int document) => steps.Add(MakeStep(random, kind, peer, document));
    }

    // Most are there from the beginning, with something open that they have changed.
    private static void Arrive(Random random, World world, int peer, List<Step> steps)
    {
        if (random.Next(5) == 0) return;
        for (int document = 0; document < world.Documents; document++)
        {
            if (random.Next(4) == 0) continue;
            steps.Add(MakeStep(random, StepKind.Open, peer, document));
            if (random.Next(3) > 0) steps.Add(MakeStep(random, StepKind.Edit, peer, document));
        }

        steps.Add(MakeStep(random, StepKind.Join, peer, 0));
    }

    private static Step MakeStep(Random random, StepKind kind, int peer, int document) => new(kind, (byte)peer, (byte)document, (uint)random.NextInt64(1L << 32));

    private static World MakeWorld(Random random)
    {
        Habits[] peers = new Habits[random.Next(2, PeersMax + 1)];
        for (int i = 0; i < peers.Length; i++)
        {
            Habits habits = Habits.None;
            if (random.Next(4) == 0) habits |= Habits.OldProtocol;
            if (random.Next(2) == 0) habits |= Habits.Persistent;
            if (random.Next(12) == 0) habits |= Habits.Deaf;
            if (random.Next(5) == 0) habits |= Habits.Slow;
            if (random.Next(4) == 0) habits |= Habits.Hostile;
            if (random.Next(4) == 0) habits |= Habits.Authenticates;
            if (i > 1 && random.Next(8) == 0) habits |= Habits.Anonymous;
            peers[i] = habits;
        }

        int shards = random.Next(1, 3);
        int documents = random.Next(1, DocumentsMax + 1);
        EngineLimits limits = new()
        {
            IdleDocumentMs = 2_000,
            IdleOperationsMs = random.Next(3) == 0 ? 1_000 : 4_000,
            ProviderTimeoutMs = 2_000,
            CompactionRetryMs = 100,
            QuietBeforeCompactionMs = 1_000,
        };
        bool isShortOfMemory = random.Next(3) == 0;
        if (isShortOfMemory)
        {
            // Enough for the links, which have a budget of the same size, with the two owners' in the end; seldom for all content.
            peers = peers[..Math.Min(3, peers.Length)];
            limits = limits with { MemoryBudgetBytes = shards * documents * (peers.Length + 2) * LinkBytes };
        }

        if (random.Next(4) == 0) limits = limits with { InlineChangesBytesMax = 0 };
        if (random.Next(8) == 0) limits = limits with { WholeDocumentBurst = 1 };
        if (random.Next(2) == 0)
        {
            limits = limits with
            {
                TailChangesMax = random.Next(1, 12),
                TailBytesMin = 300,
                QuietBeforeCompactionMs = random.Next(1, 2_000),
                RecentBytesMax = random.Next(3) == 0 ? 0 : 400,
            };
        }

        return new World
        {
            Shards = shards,
            Documents = documents,
            Peers = peers,
            Limits = limits,
            IsShortOfMemory = isShortOfMemory,
            HasSlowAccounts = random.Next(3) == 0,
            HasSlowReads = random.Next(2) == 0,
            QuotaBytes = random.Next(4) == 0 ? random.Next(200, 3_000) : null,
            Registered = random.Next(3) > 0 ? -1 : random.Next(1 << documents),
            EndsOpen = random.Next(2) == 0,
            OwnersLook = random.Next(2) == 0,
            DefersShards = random.Next(2) == 0,
        };
    }
}
