using Ratatoskr.Engine;
using Ratatoskr.Engine.Access;
using Ratatoskr.Engine.Limits;
using Ratatoskr.Engine.Storage;
using Ratatoskr.Engine.Tests.Support;
using Ratatoskr.Simulation.Tests.Plans;
using Ratatoskr.Storage.Embedded;
using SharedTests.Accounts;
using SharedTests.Clocks;

namespace Ratatoskr.Simulation.Tests.Servers;

/// <summary>One process from its start to its death: the engine, the resolver, the ledger and the directory behind the API, wired as the server wires them.</summary>
internal sealed class SimulatedServer
{
    public SimulatedServer(World world, SimulatedStore store, FakeAccounts accounts, AccountTruth truth, ManualTime time, SimulationLogger logger)
    {
        Scheduler.Defers = world.DefersShards;
        Ledger = new QuotaLedger(accounts);
        AccessResolver resolver = new(accounts, Control, Ledger);
        Engine = new SyncEngine(new SyncEngineOptions
        {
            Store = store,
            Control = Control,
            Feed = new SilentNodeFeed(),
            Authenticator = new SimulatedAuthenticator(accounts, truth),
            Access = resolver,
            Ledger = Ledger,
            Time = time,
            Log = new EngineLog(logger),
            StorageId = "server-store",
            HashKey = 0xC0FFEE,
            Limits = world.Limits,
            Scheduler = Scheduler,
            Shards = world.Shards,
        });
        Directory = new DocumentDirectory(accounts, store, Control, resolver, time, static random => random.Clear())
        {
            DeleteContent = Engine.DeleteAsync,
        };
    }

    public SyncEngine Engine { get; }

    public QuotaLedger Ledger { get; }

    public EmbeddedControlLog Control { get; } = new();

    public DocumentDirectory Directory { get; }

    public ManualScheduler Scheduler { get; } = new();

    /// <summary>Puts a change through the control log and waits until it is in force, as the API does.</summary>
    public async Task BindAsync(ControlChange change)
    {
        ControlNumber number = await Control.AppendAsync(change, CancellationToken.None);
        await Control.InForceAsync(number, CancellationToken.None);
    }

    /// <summary>The process is gone.</summary>
    public void Kill()
    {
        Scheduler.IsStopped = true;
        Engine.Metrics.Dispose();
        Ledger.Dispose();
    }
}
