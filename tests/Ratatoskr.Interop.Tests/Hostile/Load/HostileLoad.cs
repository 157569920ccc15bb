namespace Ratatoskr.Interop.Tests.Hostile.Load;

/// <summary>Every attack, by the name the table in <c>docs/reliability.md</c> has for it.</summary>
internal static class HostileLoad
{
    /// <summary>The sizes instead of those that a test run can afford.</summary>
    public static bool Full { get; } = Environment.GetEnvironmentVariable("RATATOSKR_HOSTILE_FULL") == "1";

    public static Attack[] All { get; } =
    [
        new("100,000 pings", Victim.Open, Floods.Pings),
        new("10,000 unknown documents", Victim.Open, Floods.UnknownDocuments),
        new("a million orphan changes", Victim.Open, Floods.Orphans),
        new("50,000 heads", Victim.Open, Floods.Heads),
    ];
}
