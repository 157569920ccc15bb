using Ratatoskr.Engine.Limits;

namespace Ratatoskr.Simulation.Tests.Plans;

/// <summary>What a client is like.</summary>
[Flags]
internal enum Habits : byte
{
    None = 0,

    /// <summary>Neither sends nor reads what came with automerge 2.1.</summary>
    OldProtocol = 1,

    /// <summary>Has a store of its own, so that the server keeps its sync states.</summary>
    Persistent = 2,

    /// <summary>Says so, and applies nothing it is sent.</summary>
    Deaf = 4,

    /// <summary>Reads slowly: its socket is full after a few hundred bytes.</summary>
    Slow = 8,

    /// <summary>Lies and replays; comes back as an honest client when the faults end.</summary>
    Hostile = 16,

    /// <summary>Says the original client's hello.</summary>
    Authenticates = 32,

    /// <summary>Has no account.</summary>
    Anonymous = 64,
}

/// <summary>What a schedule begins with, and what does not change in it.</summary>
internal sealed record World
{
    public required int Shards { get; init; }

    public required int Documents { get; init; }

    public required Habits[] Peers { get; init; }

    public required EngineLimits Limits { get; init; }

    /// <summary>Documents do not all fit into memory at the same time.</summary>
    public bool IsShortOfMemory { get; init; }

    /// <summary>Answers of the accounts wait for steps.</summary>
    public bool HasSlowAccounts { get; init; }

    /// <summary>Reads of the store wait for steps.</summary>
    public bool HasSlowReads { get; init; }

    /// <summary>What comes to a shard together is handled together.</summary>
    public bool DefersShards { get; init; }

    /// <summary>The owners' storage; plenty when null.</summary>
    public long? QuotaBytes { get; init; }

    /// <summary>Bit by document: registered from the beginning.</summary>
    public int Registered { get; init; }

    /// <summary>When the faults end everybody is allowed everything; else access stays as it is.</summary>
    public bool EndsOpen { get; init; }

    /// <summary>In the end the owners look at their documents with new clients.</summary>
    public bool OwnersLook { get; init; }

    public override string ToString() =>
        $"{Shards} shards, {Documents} documents, peers {string.Join(" | ", Peers)}, slow: {(HasSlowAccounts ? "accounts " : "")}{(HasSlowReads ? "reads" : "")}{(DefersShards ? ", deferring" : "")}; "
        + $"quota {QuotaBytes}, registered {Registered}, ends open: {EndsOpen}, owners look: {OwnersLook}; memory {Limits.MemoryBudgetBytes}, inline {Limits.InlineChangesBytesMax}, tail {Limits.TailChangesMax}";
}
